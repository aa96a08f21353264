// Package schedule says when runs begin. It is pure: it reads no clock, waits for
// nothing and remembers nothing, so that whoever does can be tested with any clock.
//
// A Spec is a cron expression in a time zone. A Timetable is a Spec for one account,
// moved by its own part of the spread. Look says of a Timetable, of what is remembered
// and of the time whether a run is to begin.
//
// # Changes of the clock on the wall
//
// An expression names times on the wall. A start falls due at the first moment at
// which the clock on the wall in that zone shows that time or a later one. So
//
//   - a time that is left out in spring falls due when the clock jumps: 02:30 in
//     Europe/Berlin becomes 03:00 on that day. All times that are left out fall due
//     together, and a run begins once;
//   - a time that comes twice in autumn falls due the first time only. An expression
//     with an hour * begins nothing for that hour.
package schedule

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// Spec is a cron expression in a time zone, made by Parse. The zero Spec never
// happens.
type Spec struct {
	text string
	zone *time.Location
	wall *cron.SpecSchedule // which times on the wall, as if they were UTC
}

// field is one of the five of an expression.
type field struct {
	name  string
	takes string
	of    func(*cron.SpecSchedule) uint64
}

var fields = []field{
	{"minute", "0 to 59", func(s *cron.SpecSchedule) uint64 { return s.Minute }},
	{"hour", "0 to 23", func(s *cron.SpecSchedule) uint64 { return s.Hour }},
	{"day of the month", "1 to 31", func(s *cron.SpecSchedule) uint64 { return s.Dom }},
	{"month", "1 to 12, or jan to dec", func(s *cron.SpecSchedule) uint64 { return s.Month }},
	{"day of the week", "0 to 6, where 0 is Sunday, or sun to sat", func(s *cron.SpecSchedule) uint64 { return s.Dow }},
}

var parser = cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)

// Parse reads an expression: five fields (minute, hour, day of the month, month, day of
// the week), or @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually. A nil
// zone is UTC. The error says what is wrong and how to write it; it quotes the expression.
func Parse(text string, zone *time.Location) (Spec, error) {
	if zone == nil {
		zone = time.UTC
	}
	text = strings.TrimSpace(text)
	wall, err := parse(text)
	if err != nil {
		return Spec{}, fmt.Errorf("%q is not a schedule: %w", text, err)
	}
	s := Spec{text: text, zone: zone, wall: wall}
	if s.named(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return Spec{}, fmt.Errorf("%q never happens: no month that it names has such a day", text)
	}
	return s, nil
}

func parse(text string) (*cron.SpecSchedule, error) {
	switch {
	case text == "":
		return nil, errors.New(`it is empty; write five fields, as in "17 2 * * *"`)
	case strings.HasPrefix(text, "TZ="), strings.HasPrefix(text, "CRON_TZ="): // the parser panics at some of these
		return nil, errors.New("the time zone is a setting of its own; remove it here")
	case strings.HasPrefix(text, "@every"):
		// It would count from the start of the service, and a restart would move it.
		return nil, errors.New(`@every can't be used; write times, as in "*/30 * * * *"`)
	}
	parsed, err := parser.Parse(text)
	wall, ok := parsed.(*cron.SpecSchedule)
	if err == nil && ok && !slices.ContainsFunc(fields, func(f field) bool { return f.of(wall) == 0 }) {
		wall.Location = time.UTC
		return wall, nil
	}
	if strings.HasPrefix(text, "@") {
		return nil, errors.New(`use @hourly, @daily, @weekly, @monthly or @yearly, or write five fields, as in "17 2 * * *"`)
	}
	return nil, explain(strings.Fields(text))
}

// explain says which field the parser doesn't take, in words of its own: the parser's
// are about the functions that it calls. A field of commas names nothing, and the
// parser takes it.
func explain(texts []string) error {
	if len(texts) != len(fields) {
		return fmt.Errorf(`it has %d fields; write five: minute, hour, day of the month, month, day of the week, as in "17 2 * * *"`, len(texts))
	}
	for i, f := range fields {
		alone := [5]string{"*", "*", "*", "*", "*"}
		alone[i] = texts[i]
		parsed, err := parser.Parse(strings.Join(alone[:], " "))
		if s, ok := parsed.(*cron.SpecSchedule); err != nil || !ok || f.of(s) == 0 {
			return fmt.Errorf("%s %q: use %s, * for all, lists (1,15), ranges (1-5) and steps (*/2)", f.name, texts[i], f.takes)
		}
	}
	return errors.New(`write five fields, as in "17 2 * * *"`)
}

// String is the expression.
func (s Spec) String() string { return s.text }

// Zone is the time zone of the expression; nil if s is zero.
func (s Spec) Zone() *time.Location { return s.zone }
