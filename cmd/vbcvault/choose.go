package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/spf13/pflag"

	"github.com/vbcvault/vbcvault/vbc"
)

// chooseFlags choose recordings by what VBC says of their calls.
type chooseFlags struct {
	direction                                       string
	extension, callerID, dnis, cnam, callID, ruleID string
	minDuration, maxDuration                        string
}

// texts are the flags that are compared as they are.
func (f *chooseFlags) texts(to *vbc.Filter) []chosenText {
	return []chosenText{
		{"extension", &f.extension, &to.Extension, "only calls of this extension `NUMBER`"},
		{"caller-id", &f.callerID, &to.CallerID, "only calls with this caller's `NUMBER`, written as at VBC"},
		{"dnis", &f.dnis, &to.DNIS, "only calls to this `NUMBER`, written as at VBC"},
		{"cnam", &f.cnam, &to.CNAM, "only calls with this caller's `NAME`, written as at VBC"},
		{"call-id", &f.callID, &to.CallID, "only the recordings of this call, by its `ID`"},
		{"rule-id", &f.ruleID, &to.RuleID, "only recordings made by the recording rule with this `ID`"},
	}
}

type chosenText struct {
	name     string
	flag, to *string
	help     string
}

func (f *chooseFlags) register(fs *pflag.FlagSet) {
	fs.StringVar(&f.direction, "direction", "", "only calls in this `DIRECTION`: inbound, outbound or intra-pbx")
	for _, t := range f.texts(&vbc.Filter{}) {
		fs.StringVar(t.flag, t.name, "", t.help)
	}
	fs.StringVar(&f.minDuration, "min-duration", "", "only recordings of at least this `LENGTH`: 30s, 5m")
	fs.StringVar(&f.maxDuration, "max-duration", "", "only recordings of at most this `LENGTH`: 30s, 5m")
}

var directions = map[string]string{"inbound": "INBOUND", "outbound": "OUTBOUND", "intra-pbx": "INTRA_PBX"}

// filter turns the flags into a filter. One that is given and empty, as by a
// variable that isn't set, is refused: it would choose everything.
func (f *chooseFlags) filter(changed func(string) bool) (filter vbc.Filter, err error) {
	for _, t := range f.texts(&filter) {
		if changed(t.name) && strings.TrimSpace(*t.flag) == "" {
			return filter, usagef("give it a value, or remove it", "--%s is empty, and would select everything", t.name)
		}
		*t.to = *t.flag
	}
	if changed("direction") {
		var known bool
		if filter.Direction, known = directions[f.direction]; !known {
			return filter, usagef(strings.Join(slices.Sorted(maps.Keys(directions)), ", "), "--direction %q is unknown", f.direction)
		}
	}
	for _, d := range []struct {
		name, flag string
		to         *time.Duration
	}{{"min-duration", f.minDuration, &filter.MinDuration}, {"max-duration", f.maxDuration, &filter.MaxDuration}} {
		if !changed(d.name) {
			continue
		}
		long, err := model.ParseDuration(d.flag) // in which m is minutes, as it is of a call
		if err != nil {
			return filter, usagef("write it as in 30s, 5m or 1h30m", "--%s %q is not a duration", d.name, d.flag)
		}
		*d.to = time.Duration(long)
		if *d.to <= 0 {
			return filter, usagef("write it as in 30s, or remove it", "--%s %s selects nothing, or everything", d.name, d.flag)
		}
	}
	if filter.MaxDuration > 0 && filter.MinDuration > filter.MaxDuration {
		return filter, usagef("no recording matches both", "--min-duration %s is more than --max-duration %s", f.minDuration, f.maxDuration)
	}
	return filter, nil
}

// chosen says a filter for people.
func chosen(f vbc.Filter) string {
	var words []string
	for word, flag := range directions {
		if f.Direction == flag {
			words = append(words, "direction "+word)
		}
	}
	for _, t := range (&chooseFlags{}).texts(&f) {
		if *t.to != "" {
			words = append(words, fmt.Sprintf("%s %s", t.name, *t.to))
		}
	}
	if f.MinDuration > 0 {
		words = append(words, "at least "+f.MinDuration.String())
	}
	if f.MaxDuration > 0 {
		words = append(words, "at most "+f.MaxDuration.String())
	}
	return strings.Join(words, ", ")
}
