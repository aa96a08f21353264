package web

import (
	"html/template"
	"strings"
	"time"
	"unicode"

	"github.com/dustin/go-humanize"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

// functions are what templates may call besides their own.
var functions = template.FuncMap{
	"when": when, "minute": minute, "day": day, "zoneName": zoneName, "span": span, "spoken": spoken,
	"bytes": size, "number": humanize.Comma, "foreign": foreign, "showable": showable, "cut": cut, "state": stateOf, "asset": asset,
	"long": long, "rowPath": pathOf, "holdRows": holdRows, "adviceOn": adviceOn, "troubleAdvice": troubleAdvice, "px": px, "plus": plus,
	"list": func(all ...any) []any { return all },
}

// when is a moment to the second, with its zone.
func when(z *time.Location, t time.Time) template.HTML {
	return moment(z, t, "2 Jan 2006, 15:04:05 MST")
}

// minute is a moment to the minute, for tables whose caption or page names the zone.
func minute(z *time.Location, t time.Time) template.HTML { return moment(z, t, "2006-01-02 15:04") }

// day is a date.
func day(z *time.Location, t time.Time) template.HTML { return moment(z, t, "2 Jan 2006") }

func moment(z *time.Location, t time.Time, format string) template.HTML {
	if t.IsZero() {
		return "not known"
	}
	// Both come from a clock and hold nothing that HTML would read.
	return template.HTML(`<time datetime="` + t.UTC().Format("2006-01-02T15:04:05Z") + `">` + t.In(z).Format(format) + `</time>`)
}

// zoneName is a time zone in words.
func zoneName(z *time.Location) string {
	if z == nil || z == time.UTC {
		return "UTC"
	}
	return strings.ReplaceAll(z.String(), "_", " ")
}

// span is a duration as players show it, as in 3:12 or 1:03:12.
func span(d time.Duration) string {
	if d < 0 {
		return "not known"
	}
	s := int64(d.Round(time.Second) / time.Second)
	if s < 3600 {
		return itoa(s/60) + ":" + two(s%60)
	}
	return itoa(s/3600) + ":" + two(s/60%60) + ":" + two(s%60)
}

// spoken is a duration as people say it, as in 3 min 12 s.
func spoken(d time.Duration) string {
	if d < 0 {
		return "not known"
	}
	s := int64(d.Round(time.Second) / time.Second)
	var parts []string
	for _, p := range []struct {
		n    int64
		unit string
	}{{s / 86400, "d"}, {s / 3600 % 24, "h"}, {s / 60 % 60, "min"}, {s % 60, "s"}} {
		if p.n > 0 {
			parts = append(parts, itoa(p.n)+" "+p.unit)
		}
	}
	if parts == nil {
		return "0 s"
	}
	return strings.Join(parts[:min(2, len(parts))], " ")
}

func itoa(n int64) string { return humanize.Comma(n) }

func two(n int64) string { return string([]byte{byte('0' + n/10), byte('0' + n%10)}) }

// size is a number of bytes for people.
func size(n int64) string {
	if n < 0 {
		return "not known"
	}
	return humanize.Bytes(uint64(n))
}

// foreign is text from elsewhere: a name, a number, what somebody has written. In
// whatever direction it is written, it moves nothing that stands beside it, and what
// can't be seen is shown as a sign that can.
func foreign(s string) template.HTML {
	return template.HTML("<bdi>" + template.HTMLEscapeString(showable(s)) + "</bdi>")
}

// showable replaces what has no shape of its own and changes how other text is read:
// control characters and those that turn the direction of writing.
func showable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || r == '\n' || r == '\r':
			return ' '
		case unicode.IsControl(r), r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069:
			return unicode.ReplacementChar
		}
		return r
	}, strings.ToValidUTF8(s, string(unicode.ReplacementChar)))
}

// cut is the beginning of a text, at most n characters of it.
func cut(n int, s string) string {
	i := 0
	for at := range s {
		if i == n {
			return strings.TrimRight(s[:at], " ") + "…"
		}
		i++
	}
	return s
}

// shownState is how far a recording has come, in words for people who never saw a
// shell. Tone is good, attention, bad or quiet.
type shownState struct{ Tone, Short, Long string }

// shownStates are all of them; nothing else on the page names a state.
var shownStates = map[manifest.State]shownState{
	manifest.Listed:   {"attention", "Not archived yet", "VBC has shown this recording. It is not in the archive yet."},
	manifest.Stored:   {"attention", "Being archived", "A copy was sent to the archive, and is not proven yet."},
	manifest.Verified: {"good", "Archived, also at VBC", "A proven copy is in the archive. VBC has the recording, too."},
	manifest.Purging:  {"good", "Archived, being deleted at VBC", "A proven copy is in the archive. VBC was asked to delete the recording there, and the next run looks whether it has."},
	manifest.Purged:   {"good", "Archived", "A proven copy is in the archive. It was deleted at VBC."},
	manifest.Failed:   {"bad", "Failed", "The last run could not archive this recording. VBC still has it, as far as is known."},
	manifest.Gone:     {"bad", "Missing", "VBC no longer had this recording when it was to be archived. There is no copy."},
	manifest.Erasing:  {"quiet", "Being erased", "Somebody has asked for this recording to be erased from the archive. That has begun."},
	manifest.Erased:   {"quiet", "Erased", "This recording was erased from the archive on request. What is left says only that there was one."},
}

// stateOf is a state in words.
func stateOf(s manifest.State) shownState {
	if w, ok := shownStates[s]; ok {
		return w
	}
	return shownState{"attention", string(s), "This vbcvault does not know this state."}
}
