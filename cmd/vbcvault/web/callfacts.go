package web

import (
	"bytes"
	"encoding/json"
	"html/template"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/vbc"
)

// fact is a name and a value.
type fact struct {
	Name  string
	Value template.HTML
	Note  string
}

// mostOfFact is how much of one value is shown in its place; mostOfRaw, of one in VBC's
// own words.
const (
	mostOfFact = 200
	mostOfRaw  = 20_000
)

func text(s string) template.HTML { return foreign(cut(mostOfFact, s)) }

func plain(s string) template.HTML {
	return template.HTML(template.HTMLEscapeString(s)) //nolint:gosec // it is escaped
}

// factsOf is what VBC said of a call, in plain words. What it didn't say isn't there.
func factsOf(zone *time.Location, account string, r manifest.Row) (all []fact) {
	add := func(name string, value template.HTML, note string) { all = append(all, fact{name, value, note}) }
	from := r.CallerID
	switch {
	case r.CNAM != "" && from != "":
		add("From", text(r.CNAM)+", "+text(from), "")
	case r.CNAM+from != "":
		add("From", text(r.CNAM+from), "")
	}
	if r.DNIS != "" {
		add("To", text(r.DNIS), "")
	}
	if r.Direction != "" {
		add("Direction", text(directionOf(r.Direction)), "")
	}
	if ext := shownList(r.Extensions); ext != "" {
		add("Extension", text(ext), "")
	}
	add("Began", when(zone, r.Start), "")
	add("Lasted", plain(spoken(r.Duration)), "")
	kind := "Company recording"
	if r.Kind == vbc.OnDemand {
		kind = "On-demand recording of user " + r.Owner
	}
	add("Kind", text(kind), "")
	add("Account", text(account), "")
	add("Recording", plain(strconv.FormatInt(r.ID, 10)), nthNote(r.Nth))
	if r.CallID != "" {
		add("Call at VBC", text(r.CallID), "")
	}
	if rules := shownList(r.RuleIDs); rules != "" {
		add("Recording rules", text(rules), "")
	}
	if n := r.Bytes(); n >= 0 {
		add("Size", plain(size(n)), "")
	}
	return all
}

func nthNote(nth int64) string {
	if nth == 0 {
		return ""
	}
	return "VBC has given this number " + humanize.Ordinal(int(nth)+1) + " time"
}

// directionOf is a direction in a word, if it is one that VBC is known to use.
func directionOf(s string) string {
	switch strings.ToLower(s) {
	case "inbound":
		return "Incoming"
	case "outbound":
		return "Outgoing"
	}
	return s
}

func shownList(all []string) string {
	var has []string
	for _, s := range all {
		if s != "" {
			has = append(has, s)
		}
	}
	return strings.Join(has, ", ")
}

// rawOf is what VBC said, word by word and in its order.
func rawOf(r manifest.Row) (all []fact) {
	d := json.NewDecoder(bytes.NewReader(r.Raw))
	d.UseNumber()
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil // of an erased recording nothing is left
	}
	for d.More() {
		name, err := d.Token()
		var value json.RawMessage
		if err == nil {
			err = d.Decode(&value)
		}
		key, ok := name.(string)
		if err != nil || !ok {
			return all
		}
		shown := string(value)
		var s string
		if json.Unmarshal(value, &s) == nil && len(value) > 0 && value[0] == '"' {
			shown = s
		}
		f := fact{Name: key, Value: foreign(cut(mostOfRaw, shown))}
		if len(shown) > mostOfRaw {
			f.Note = "cut here: it has " + size(int64(len(shown)))
		}
		all = append(all, f)
	}
	return all
}

// keepOf is how a copy is kept, as far as the archive said when it was last asked.
func (s *Server) keepOf(zone *time.Location, r manifest.Row) (all []fact) {
	add := func(name string, value template.HTML, note string) { all = append(all, fact{name, value, note}) }
	now, a := s.now(), r.Copy.Audio
	add("Age", plain(spokenAge(now.Sub(r.Start))), "")
	if !r.Copy.Known() {
		return all
	}
	if r.State == manifest.Erased {
		add("SHA-256 of the audio", "<code>"+plain(a.SHA256.String())+"</code>", "it was erased")
		return all
	}
	switch {
	case a.LockedUntil.After(now):
		add("Locked", "until "+when(zone, a.LockedUntil), "until then nobody can delete it from the archive")
	case !a.LockedUntil.IsZero():
		add("Locked", "until "+when(zone, a.LockedUntil), "the lock has ended")
	default:
		add("Locked", "no", "")
	}
	if !a.Expires.IsZero() {
		add("Removed by a rule of the archive", when(zone, a.Expires), "a lifecycle rule of the bucket removes it then, whatever vbcvault knows")
	}
	if a.Encryption != "" {
		add("Encryption", text(a.Encryption), "")
	}
	add("Lies at", "<code>"+text(a.Key)+"</code>", "")
	add("SHA-256 of the audio", "<code>"+plain(a.SHA256.String())+"</code>", "")
	if t := r.Copy.Transcript; t.Key != "" {
		add("Transcript lies at", "<code>"+text(t.Key)+"</code>", "")
	}
	return all
}

// spokenAge is an age in days, or in years and days.
func spokenAge(d time.Duration) string {
	days := int64(d / (24 * time.Hour))
	switch {
	case days < 0:
		return "it begins in the future"
	case days == 1:
		return "1 day"
	case days < 730:
		return itoa(days) + " days"
	}
	return itoa(days/365) + " years, " + itoa(days%365) + " days"
}
