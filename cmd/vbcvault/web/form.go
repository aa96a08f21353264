package web

import (
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/words"
)

// form is what somebody looks for, as they have written it. Its fields are the
// parameters of the address, in the order of fields, and nothing else is.
type form struct {
	Number, Name, Extension, Direction, From, To, Min, Max, State, Held, Transcript, Account, Words string

	Wrong map[string]string // what is wrong with a field, by the parameter's name, and what would be right
}

// parameter is one of the form's, by the name of its parameter. What is longer than most
// characters is refused: nobody looks for that.
type parameter struct {
	name string
	to   *string
	most int
}

func (f *form) fields() []parameter {
	return []parameter{
		{"number", &f.Number, 40}, {"name", &f.Name, 100}, {"extension", &f.Extension, 40}, {"direction", &f.Direction, 20},
		{"from", &f.From, 10}, {"to", &f.To, 10}, {"min", &f.Min, 20}, {"max", &f.Max, 20}, {"state", &f.State, 20},
		{"held", &f.Held, 3}, {"transcript", &f.Transcript, 3}, {"account", &f.Account, 200}, {"words", &f.Words, 200},
	}
}

// readQuery takes a form out of an address.
func readQuery(v url.Values) *form {
	f := &form{Wrong: map[string]string{}}
	for _, x := range f.fields() {
		*x.to = strings.TrimSpace(v.Get(x.name))
		if !utf8.ValidString(*x.to) || utf8.RuneCountInString(*x.to) > x.most {
			f.Wrong[x.name] = "This is too long: at most " + strconv.Itoa(x.most) + " characters."
			*x.to = cut(x.most, strings.ToValidUTF8(*x.to, "\ufffd"))
		}
	}
	return f
}

// Query is the address's part that stands for the form: the same for the same search.
// Fields that are empty aren't in it.
func (f *form) Query() string {
	var parts []string
	for _, x := range f.fields() {
		if *x.to != "" {
			parts = append(parts, x.name+"="+url.QueryEscape(*x.to))
		}
	}
	return strings.Join(parts, "&")
}

// Any reports whether the form asks for anything.
func (f *form) Any() bool { return f.Query() != "" }

// choice is one of the values of a field that has a list, and what it is called.
type choice struct{ Value, Name string }

var (
	directions = []choice{{"in", "Incoming"}, {"out", "Outgoing"}, {"internal", "Between extensions"}}
	conditions = []choice{{"archived", "In the archive"}, {"waiting", "Not archived yet"}, {"failed", "Failed"}, {"missing", "Missing, never archived"}, {"erased", "Erased"}}
	yesOrNo    = []choice{{"yes", "Yes"}, {"no", "No"}}
)

// Directions are those that a call may have, for the template, as the next two are.
func (f *form) Directions() []choice { return directions }

// States are the groups of states that somebody may look for.
func (f *form) States() []choice { return conditions }

// YesNo are the values of a question.
func (f *form) YesNo() []choice { return yesOrNo }

var (
	vbcDirections = map[string]string{"in": "INBOUND", "out": "OUTBOUND", "internal": "INTRA_PBX"}
	stateGroups   = map[string][]manifest.State{
		"archived": {manifest.Verified, manifest.Purging, manifest.Purged}, "waiting": {manifest.Listed, manifest.Stored},
		"failed": {manifest.Failed}, "missing": {manifest.Gone}, "erased": {manifest.Erasing, manifest.Erased},
	}
	answers = map[string]bool{"yes": true, "no": false}

	writtenNumber = regexp.MustCompile(`^[0-9 +()./-]*$`)
)

// query is what the manifests are asked, with dates in a zone. Wrong has what isn't
// understood, and then the query is of no use.
func (f *form) query(zone *time.Location) (q manifest.Query) {
	q.Number, q.Name, q.Words, q.Filter.Extension = f.number(), f.Name, f.Words, f.Extension
	q.Filter.Direction = chosen(f, "direction", f.Direction, vbcDirections)
	q.States = chosen(f, "state", f.State, stateGroups)
	if f.Held != "" {
		held := chosen(f, "held", f.Held, answers)
		q.Held = &held
	}
	if f.Transcript != "" {
		transcribed := chosen(f, "transcript", f.Transcript, answers)
		q.Transcribed = &transcribed
	}
	if _, err := words.Parse(f.Words); err != nil {
		f.wrong("words", sentence(err))
	}
	q.Since = f.date("from", f.From, zone, 0)
	q.Until = f.date("to", f.To, zone, 1)
	if !q.Since.IsZero() && !q.Until.IsZero() && !q.Since.Before(q.Until) {
		f.wrong("to", "The last day is before the first one: change one of them.")
	}
	q.Filter.MinDuration, q.Filter.MaxDuration = f.length("min", f.Min), f.length("max", f.Max)
	if q.Filter.MaxDuration > 0 && q.Filter.MinDuration > q.Filter.MaxDuration {
		f.wrong("max", "This is shorter than the shortest that you ask for: change one of them.")
	}
	return q
}

// sentence is an error about words as the form says it.
func sentence(err error) string {
	e, ok := errors.AsType[*words.Error](err)
	if !ok {
		return "This can't be looked for: write words that were said."
	}
	return upper(e.Reason) + ": " + e.Hint + "."
}

func upper(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[n:]
}

// wrong says what is wrong with a field, if nothing is said of it yet.
func (f *form) wrong(name, text string) {
	if f.Wrong[name] == "" {
		f.Wrong[name] = text
	}
}

func chosen[T any](f *form, name, value string, all map[string]T) T {
	v, ok := all[value]
	if !ok && value != "" {
		f.wrong(name, "This is not one of the choices: choose from the list.")
	}
	return v
}

// number is the digits of a number.
func (f *form) number() string {
	digits := strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, f.Number)
	switch {
	case f.Number == "":
	case !writtenNumber.MatchString(f.Number):
		f.wrong("number", "A number has only digits, spaces and + ( ) . / -: write the whole number or its end, as in 0100.")
	case digits == "":
		f.wrong("number", "There is no digit in it: write the whole number or its end, as in 0100.")
	}
	return digits
}

// date is the midnight with which a day begins, later by so many days.
func (f *form) date(name, text string, zone *time.Location, days int) time.Time {
	if text == "" {
		return time.Time{}
	}
	at, err := time.ParseInLocation(time.DateOnly, text, zone)
	if err != nil || at.Year() < 1990 || at.Year() > 2200 {
		f.wrong(name, "This is not a date: write year, month and day, as in 2026-05-12.")
		return time.Time{}
	}
	return time.Date(at.Year(), at.Month(), at.Day()+days, 0, 0, 0, 0, zone)
}

var clockLike = regexp.MustCompile(`^(?:([0-9]{1,3}):)?([0-9]{1,4}):([0-5][0-9])$`)

// length is a duration as people write one: seconds, 1:30, or 1 min 30 s.
func (f *form) length(name, text string) time.Duration {
	if text == "" {
		return 0
	}
	d, ok := parseLength(text)
	if !ok || d <= 0 || d > 1000*time.Hour {
		f.wrong(name, "This is not a length of time: write minutes and seconds, as in 1:30, or seconds, as in 90.")
		return 0
	}
	return d
}

func parseLength(text string) (time.Duration, bool) {
	if n, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(n) * time.Second, true
	}
	if m := clockLike.FindStringSubmatch(text); m != nil {
		var n [3]int64
		for i := range n {
			n[i], _ = strconv.ParseInt(m[i+1], 10, 64) // digits, or nothing
		}
		return time.Duration(n[0])*time.Hour + time.Duration(n[1])*time.Minute + time.Duration(n[2])*time.Second, true
	}
	short := strings.NewReplacer(" ", "", "hours", "h", "hour", "h", "minutes", "m", "minute", "m", "mins", "m", "min", "m", "seconds", "s", "second", "s", "sec", "s")
	d, err := time.ParseDuration(short.Replace(strings.ToLower(text)))
	return d.Truncate(time.Millisecond), err == nil
}

// named says so if the form asks for an account that isn't one of those.
func (f *form) named(accounts []string) {
	if f.Account != "" && !slices.Contains(accounts, f.Account) {
		f.wrong("account", "You see no account of this name: choose from the list.")
	}
}
