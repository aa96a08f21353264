package schedule

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"pgregory.net/rapid"
)

// zones have what is odd: a change by half an hour, by two hours, at midnight, at one
// minute past midnight, two changes in a few weeks, and a day that was left out.
var zones = []string{
	"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Antarctica/Troll", "America/Sao_Paulo",
	"America/St_Johns", "Africa/Casablanca", "Pacific/Apia", "Asia/Kathmandu", "Africa/Cairo", "America/Havana",
}

func zone(t interface{ Fatal(...any) }, name string) *time.Location {
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// named is an expression as sets, made without the parser. A nil set is a *.
type named struct{ minute, hour, dom, month, dow []int }

func (n named) String() string {
	var fields []string
	for _, set := range [][]int{n.minute, n.hour, n.dom, n.month, n.dow} {
		text := "*"
		if set != nil {
			text = strings.Trim(strings.ReplaceAll(fmt.Sprint(set), " ", ","), "[]")
		}
		fields = append(fields, text)
	}
	return strings.Join(fields, " ")
}

// matches says whether it names a time, as crontab(5) does: of the two fields for days
// one is enough where both are set.
func (n named) matches(year int, month time.Month, day, minute int) bool {
	has := func(set []int, v int) bool { return set == nil || slices.Contains(set, v) }
	weekday := int(time.Date(year, month, day, 12, 0, 0, 0, time.UTC).Weekday())
	days := has(n.dom, day) && has(n.dow, weekday)
	if n.dom != nil && n.dow != nil {
		days = has(n.dom, day) || has(n.dow, weekday)
	}
	return days && has(n.month, int(month)) && has(n.hour, minute/60) && has(n.minute, minute%60)
}

// oracle walks from one minute to the next, looks at the clock on the wall, and starts
// when it has come past a time that is named, which it never did before.
func oracle(n named, zone *time.Location, from, to time.Time) (starts []time.Time) {
	seen := minutes(from.Add(-48*time.Hour), zone)
	for at := from.Add(-48 * time.Hour); !at.After(to); at = at.Add(time.Minute) {
		now, due := minutes(at, zone), false
		for ; seen < now; seen++ {
			day := time.Unix((seen+1)*60, 0).UTC()
			due = due || n.matches(day.Year(), day.Month(), day.Day(), day.Hour()*60+day.Minute())
		}
		if due && at.After(from) {
			starts = append(starts, at)
		}
	}
	return starts
}

// minutes is what the clock on the wall shows, counted.
func minutes(at time.Time, zone *time.Location) int64 {
	_, offset := at.In(zone).Zone()
	return (at.Unix() + int64(offset)) / 60
}

// fieldOf draws a set of few numbers, or none for a *.
func fieldOf(least, most, stars int) *rapid.Generator[[]int] {
	return rapid.Custom(func(t *rapid.T) []int {
		if rapid.IntRange(0, 9).Draw(t, "star") < stars {
			return nil
		}
		set := rapid.SliceOfNDistinct(rapid.IntRange(least, most), 1, 4, rapid.ID[int]).Draw(t, "of")
		slices.Sort(set)
		return set
	})
}

// near draws a moment, mostly some days before a change of the clock.
func near(t *rapid.T, z *time.Location) time.Time {
	at := time.Date(rapid.IntRange(1985, 2040).Draw(t, "year"), time.Month(rapid.IntRange(1, 12).Draw(t, "month")), 1, 0, 0, 0, 0, time.UTC)
	if _, change := at.In(z).ZoneBounds(); !change.IsZero() && rapid.IntRange(0, 3).Draw(t, "change") > 0 {
		at = change
	}
	return at.Add(-time.Duration(rapid.IntRange(0, 3*24*60).Draw(t, "minutes")) * time.Minute).Truncate(time.Minute).UTC()
}

func TestNextIsWhatAClockOnTheWallSays(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		z := zone(t, rapid.SampledFrom(zones).Draw(t, "zone"))
		n := named{
			minute: fieldOf(0, 59, 1).Draw(t, "minute"), hour: fieldOf(0, 3, 2).Draw(t, "hour"), // where clocks change
			dom: fieldOf(1, 31, 7).Draw(t, "dom"), month: fieldOf(1, 12, 9).Draw(t, "month"), dow: fieldOf(0, 6, 7).Draw(t, "dow"),
		}
		from := near(t, z)
		to := from.AddDate(0, 0, cmp.Or(rapid.IntRange(0, 9).Draw(t, "days"), 400))
		spec, err := Parse(n.String(), z)
		if err != nil {
			if n.month != nil && n.dow == nil {
				t.Skip("never")
			}
			t.Fatal(err)
		}
		want := oracle(n, z, from, to)
		at := from
		for i, w := range want {
			if i > 5000 {
				return
			}
			if at = spec.Next(at); !at.Equal(w) {
				t.Fatalf("%s in %s: start %d after %s is %s, want %s", n, z, i, from.In(z), at, w.In(z))
			}
		}
		if at = spec.Next(at); !at.After(to) {
			t.Fatalf("%s in %s: a start at %s too many", n, z, at)
		}
	})
}

// From wherever one asks, also between two minutes and in an hour that comes twice, the
// answer is the first of the starts after it.
func TestNextDoesNotDependOnWhenOneAsks(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		z := zone(t, rapid.SampledFrom(zones).Draw(t, "zone"))
		n := named{minute: fieldOf(0, 59, 1).Draw(t, "minute"), hour: fieldOf(0, 3, 2).Draw(t, "hour")}
		spec, err := Parse(n.String(), z)
		if err != nil {
			t.Fatal(err)
		}
		from := near(t, z)
		starts := oracle(n, z, from, from.AddDate(0, 0, 8))
		for range 20 {
			after := from.Add(time.Duration(rapid.Int64Range(0, int64(6*24*time.Hour)).Draw(t, "after")))
			i := slices.IndexFunc(starts, func(s time.Time) bool { return s.After(after) })
			if got := spec.Next(after.In(zone(t, rapid.SampledFrom(zones).Draw(t, "asked in")))); !got.Equal(starts[i]) {
				t.Fatalf("%s in %s: after %s comes %s, want %s", n, z, after.In(z), got, starts[i].In(z))
			}
		}
	})
}
