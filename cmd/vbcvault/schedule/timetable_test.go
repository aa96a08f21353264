package schedule

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestOffsetIsEvenAndStable(t *testing.T) {
	t.Parallel()
	const spread, parts, names = 2 * time.Hour, 10, 500
	var in [parts]int
	for i := range names {
		name := fmt.Sprintf("tenant-%03d", i)
		o := Offset(name, spread)
		if o < 0 || o >= spread || o%time.Second != 0 || o != Offset(name, spread) {
			t.Fatalf("Offset(%q) = %s", name, o)
		}
		in[int(o*parts/spread)]++
	}
	for part, n := range in {
		if n < names/parts/2 || n > names/parts*3/2 { // four standard deviations
			t.Errorf("%d of %d names begin in part %d of %d", n, names, part, parts)
		}
	}
	// Accounts keep their time of the night over versions of the program.
	if o := Offset("acme", spread); o != 61*time.Minute {
		t.Errorf("acme begins after %s", o)
	}
	for _, s := range []time.Duration{-time.Hour, 0, 1, time.Second} {
		if o := Offset("acme", s); o != 0 {
			t.Errorf("Offset(acme, %s) = %s", s, o)
		}
	}
}

func timetable(t interface{ Fatal(...any) }, cron, in string, offset time.Duration) Timetable {
	spec, err := Parse(cron, zone(t, in))
	if err != nil {
		t.Fatal(err)
	}
	return Timetable{Spec: spec, Offset: offset}
}

// at is a moment of November 2026 in UTC: its day and time.
func at(t *testing.T, text string) time.Time {
	t.Helper()
	moment, err := time.Parse("2006-01-02 15:04:05", "2026-11-"+text)
	if err != nil {
		t.Fatal(err)
	}
	return moment
}

// look is one look of a story: at this time, with this timetable, begins.
type look struct {
	now  string
	cron string // "" = the one before
	want string // "" = nothing begins; else when it should have, + for made up
}

func TestWhatBegins(t *testing.T) {
	t.Parallel()
	for name, looks := range map[string][]look{
		"nothing begins because an account is new": {{"10 12:00:00", "0 2 * * *", ""}, {"11 01:59:59", "", ""}, {"11 02:00:00", "", "11 02:00:00"}, {"11 02:00:01", "", ""}},
		"a little late is in time":                 {{"10 12:00:00", "0 2 * * *", ""}, {"11 02:01:30", "", "11 02:00:00"}},
		"a missed night is made up for once":       {{"10 12:00:00", "0 2 * * *", ""}, {"11 09:00:00", "", "+11 02:00:00"}, {"11 09:00:01", "", ""}, {"12 02:00:00", "", "12 02:00:00"}},
		"many missed nights too, once":             {{"10 12:00:00", "0 2 * * *", ""}, {"28 09:00:00", "", "+28 02:00:00"}, {"28 10:00:00", "", ""}, {"29 02:00:00", "", "29 02:00:00"}},
		"of many starts the last one counts":       {{"10 12:00:00", "*/5 * * * *", ""}, {"11 12:01:00", "", "11 12:00:00"}, {"11 12:05:00", "", "11 12:05:00"}},

		"a changed schedule begins nothing":              {{"10 03:00:00", "0 2 * * *", ""}, {"11 02:00:00", "", "11 02:00:00"}, {"11 12:00:00", "0 11 * * *", ""}, {"11 13:00:00", "", ""}, {"12 02:00:00", "", ""}, {"12 11:00:00", "", "12 11:00:00"}},
		"a change makes up for what was missed":          {{"10 03:00:00", "0 2 * * *", ""}, {"11 12:00:00", "0 11 * * *", "+11 02:00:00"}, {"11 12:00:01", "", ""}, {"12 11:00:00", "", "12 11:00:00"}},
		"what isn't a schedule any more counts from now": {{"10 03:00:00", "bad", ""}, {"11 12:00:00", "0 11 * * *", ""}, {"12 11:00:00", "", "12 11:00:00"}},

		"a clock set back over a start":          {{"10 12:00:00", "0 2 * * *", ""}, {"11 02:00:00", "", "11 02:00:00"}, {"11 01:53:00", "", ""}, {"11 02:00:00", "", ""}, {"12 02:00:00", "", "12 02:00:00"}},
		"a clock set back to before a start":     {{"10 12:00:00", "0 2 * * *", ""}, {"11 01:59:00", "", ""}, {"11 01:00:00", "", ""}, {"11 02:00:00", "", "11 02:00:00"}},
		"a clock that was wrong, set back":       {{"28 12:00:00", "0 2 * * *", ""}, {"10 12:00:00", "", ""}, {"11 02:00:00", "", "11 02:00:00"}, {"12 02:00:00", "", "12 02:00:00"}},
		"a clock set forward over starts":        {{"10 12:00:00", "0 2 * * *", ""}, {"20 12:00:00", "", "+20 02:00:00"}, {"21 02:00:00", "", "21 02:00:00"}},
		"a clock set forward and back some days": {{"10 12:00:00", "0 2 * * *", ""}, {"20 12:00:00", "", "+20 02:00:00"}, {"10 12:01:00", "", ""}, {"11 02:00:00", "", "11 02:00:00"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var m Memory
			var of Timetable
			for _, l := range looks {
				now := at(t, l.now)
				if l.cron == "bad" { // of a version that took it
					m = Memory{Cron: "bad", Zone: "Nowhere/Town", Until: now}
					continue
				}
				if l.cron != "" {
					of = timetable(t, l.cron, "UTC", 0)
				}
				d := of.Look(m, now)
				got := ""
				if d.Start {
					got = d.At.Format("02 15:04:05")
				}
				if d.MadeUp {
					got = "+" + got
				}
				if got != l.want {
					t.Errorf("at %s begins %q, want %q (remembered: %+v)", l.now, got, l.want, m)
				}
				if !d.Next.Equal(of.Next(now)) {
					t.Errorf("at %s: next is %s", l.now, d.Next)
				}
				m = throughJSON(t, d.Memory)
			}
		})
	}
}

// throughJSON is a restart of the service.
func throughJSON(t interface{ Fatal(...any) }, m Memory) (kept Memory) {
	b, err := json.Marshal(m)
	if err == nil {
		err = json.Unmarshal(b, &kept)
	}
	if err != nil {
		t.Fatal(err)
	}
	return kept
}

// However often, and however irregularly, one looks: between two looks there is one
// start if the oracle has any, and none if it hasn't.
func TestEachStartIsBegunOrMadeUpForOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.SampledFrom(zones).Draw(t, "zone")
		n := named{minute: fieldOf(0, 59, 0).Draw(t, "minute"), hour: fieldOf(0, 23, 2).Draw(t, "hour"), dow: fieldOf(0, 6, 7).Draw(t, "dow")}
		offset := time.Duration(rapid.IntRange(0, 7200).Draw(t, "offset")) * time.Second
		of := timetable(t, n.String(), in, offset)
		from := near(t, zone(t, in))
		starts := oracle(n, zone(t, in), from.Add(-offset).Truncate(time.Minute).Add(-time.Minute), from.AddDate(0, 0, 9))
		now, m := from, of.Look(Memory{}, from).Memory
		for range 50 {
			then := now
			now = now.Add(time.Duration(rapid.Int64Range(1, int64(4*time.Hour)).Draw(t, "later")))
			var last time.Time
			for _, s := range starts {
				if s = s.Add(offset); s.After(then) && !s.After(now) {
					last = s
				}
			}
			d := of.Look(m, now)
			if d.Start != !last.IsZero() || d.Start && !d.At.Equal(last) || d.MadeUp != (d.Start && now.Sub(last) > inTime) {
				t.Fatalf("%s in %s, %s later, between %s and %s: %+v, want a start at %s", n, in, offset, then, now, d, last)
			}
			m = throughJSON(t, d.Memory)
		}
	})
}
