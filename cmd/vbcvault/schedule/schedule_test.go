package schedule

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestNextAtChangesOfTheClock(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		cron, zone, after string
		want              []string
	}{
		{"17 2 * * *", "Europe/Berlin", "2026-11-27T00:00:00Z", []string{"2026-11-27T02:17:00+01:00", "2026-11-28T02:17:00+01:00"}},
		// In spring 02:00 to 03:00 is left out.
		{"30 2 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z", []string{
			"2026-03-28T02:30:00+01:00", "2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"}},
		{"0,15,45 2,3 * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", []string{
			"2026-03-29T03:00:00+02:00", "2026-03-29T03:15:00+02:00", "2026-03-29T03:45:00+02:00", "2026-03-30T02:00:00+02:00"}},
		// In autumn it comes twice.
		{"30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", []string{"2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"}},
		{"30 2 * * *", "Europe/Berlin", "2026-10-25T01:10:00Z", []string{"2026-10-26T02:30:00+01:00"}}, // asked between the two
		{"0 * * * *", "Europe/Berlin", "2026-10-24T23:30:00Z", []string{"2026-10-25T02:00:00+02:00", "2026-10-25T03:00:00+01:00"}},
		{"0 * * * *", "Europe/Berlin", "2026-10-25T01:10:00Z", []string{"2026-10-25T03:00:00+01:00"}},
		// Where midnight is left out, and where a whole day was.
		{"@daily", "America/Sao_Paulo", "2018-11-03T12:00:00Z", []string{"2018-11-04T01:00:00-02:00", "2018-11-05T00:00:00-02:00"}},
		{"17 2 * * *", "Pacific/Apia", "2011-12-29T13:00:00Z", []string{"2011-12-31T00:00:00+14:00", "2011-12-31T02:17:00+14:00"}},
		{"0 5 29 2 *", "UTC", "2096-03-01T00:00:00Z", []string{"2104-02-29T05:00:00Z"}},
		// Go's own bounds of a zone are wrong on such a day.
		{"17 2 * * *", "Europe/Berlin", "2040-12-30T12:00:00Z", []string{"2040-12-31T02:17:00+01:00", "2041-01-01T02:17:00+01:00"}},
		{"@weekly", "", "2026-11-27T00:00:00Z", []string{"2026-11-29T00:00:00Z"}},
	} {
		spec, err := Parse(c.cron, zone(t, c.zone))
		if err != nil {
			t.Fatal(err)
		}
		at, err := time.Parse(time.RFC3339, c.after)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range c.want {
			at = spec.Next(at)
			if got := at.Format(time.RFC3339); got != w {
				t.Errorf("%s in %s after %s: %s, want %s", c.cron, c.zone, c.after, got, w)
			}
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for text, says := range map[string]string{
		"":                           "it is empty; write five fields",
		"17 2":                       "it has 2 fields; write five: minute, hour,",
		"0 17 2 * * *":               "it has 6 fields",
		"61 2 * * *":                 `minute "61": use 0 to 59`,
		"17 24 * * *":                `hour "24": use 0 to 23`,
		"17 2 0 * *":                 `day of the month "0": use 1 to 31`,
		"17 2 * 13 *":                `month "13": use 1 to 12, or jan to dec`,
		"17 2 * * 7":                 `day of the week "7": use 0 to 6, where 0 is Sunday`,
		"17 2 * * mon-sun":           `day of the week "mon-sun"`,
		"17 two * * *":               `hour "two"`,
		"*/0 * * * *":                `minute "*/0"`,
		", 2 * * *":                  `minute ","`,
		"17 2 L * *":                 `day of the month "L"`,
		"0 0 30 2 *":                 "never happens: no month that it names has such a day",
		"0 0 31 2,4,6,9,11 *":        "never happens",
		"CRON_TZ=Europe/Berlin":      "the time zone is a setting of its own",
		"TZ=Europe/Berlin 0 2 * * *": "the time zone is a setting of its own",
		"@every 1h":                  "@every can't be used; write times",
		"@every":                     "@every can't be used; write times",
		"@reboot":                    "use @hourly, @daily",
	} {
		spec, err := Parse(text, time.UTC)
		if err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), fmt.Sprintf("%q", text)) {
			t.Errorf("Parse(%q): %v, want %q", text, err, says)
		}
		if at := spec.Next(time.Now()); !at.IsZero() {
			t.Errorf("what %q gives happens at %s", text, at)
		}
	}
	for _, text := range []string{"@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually", " 17 2 * jan-mar mon,FRI ", "0 0 30 2 1", "*/7 */5 */2 * *"} {
		if spec, err := Parse(text, nil); err != nil || spec.Zone() != time.UTC || spec.String() != strings.TrimSpace(text) {
			t.Errorf("Parse(%q): %v, %v", text, spec, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"17 2 * * *", "TZ=", "@every 1h", "0 0 29 2 *", ", , , , ,", "*/99999999999999999999 * * * *"} {
		f.Add(s)
	}
	from := time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		spec, err := Parse(text, time.UTC)
		if next := spec.Next(from); (err == nil) != next.After(from) {
			t.Errorf("Parse(%q): %v, and then %s", text, err, next)
		}
	})
}
