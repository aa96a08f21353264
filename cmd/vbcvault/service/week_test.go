package service

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	_ "time/tzdata"

	"github.com/riverqueue/river"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
)

// calendar is a queue that notes when work begins, and a log that notes what was made up
// for or left out. Work takes three hours.
type calendar struct {
	mu      sync.Mutex
	jobs    []time.Time // when each began
	madeUp  map[string]bool
	entries map[string][]string // by account and kind: + for made up, - for left out
}

func (c *calendar) insert(_ context.Context, _ *sql.Tx, kind Kind, w work, _ int) (int64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	key, sign := w.Account+"/"+string(kind), ""
	if c.madeUp[key] {
		sign, c.madeUp[key] = "+", false
	}
	c.entries[key] = append(c.entries[key], sign+time.Now().UTC().Format("Mon 15:04:05"))
	c.jobs = append(c.jobs, time.Now())
	return int64(len(c.jobs)), nil
}

func (c *calendar) open(_ context.Context, _ *sql.Tx, job int64) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Since(c.jobs[job-1]) < 3*time.Hour, nil
}

func (c *calendar) Enabled(context.Context, slog.Level) bool { return true }
func (c *calendar) WithAttrs([]slog.Attr) slog.Handler       { return c }
func (c *calendar) WithGroup(string) slog.Handler            { return c }

func (c *calendar) Handle(_ context.Context, r slog.Record) error {
	of := map[string]string{}
	r.Attrs(func(a slog.Attr) bool {
		of[a.Key] = a.Value.String()
		return true
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	key := of["account"] + "/" + of["kind"]
	switch {
	case strings.HasPrefix(r.Message, "a start was missed"):
		c.madeUp[key] = true
	case strings.HasPrefix(r.Message, "a start is left out"):
		c.entries[key] = append(c.entries[key], "-"+r.Time.UTC().Format("Mon 15:04:05"))
	case r.Level >= slog.LevelWarn:
		c.entries["trouble"] = append(c.entries["trouble"], r.Message)
	}
	return nil
}

// simulated is a service in a bubble, of which the loop and the scheduler are real.
type simulated struct {
	*Service
	t   *testing.T
	dir string
	*calendar
	stop func()
}

func simulate(t *testing.T, c *config.Config) *simulated {
	s := &simulated{t: t, dir: t.TempDir(), calendar: &calendar{madeUp: map[string]bool{}, entries: map[string][]string{}}}
	s.start(c)
	return s
}

// start starts it, at this moment of the bubble's time.
func (s *simulated) start(c *config.Config) {
	s.t.Helper()
	st, err := lockState(s.t.Context(), s.dir, "")
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := st.db.ExecContext(s.t.Context(), "PRAGMA synchronous = OFF"); err != nil { // no power is cut here
		s.t.Fatal(err)
	}
	q, err := newRivers(st, &river.Config{Logger: quiet})
	if err != nil {
		s.t.Fatal(err)
	}
	log := slog.New(s.calendar)
	s.Service = &Service{state: st, queue: q, scheduler: &scheduler{state: st, queue: s.calendar, log: log}, log: log, config: c,
		notifier: nobody{}, pauses: Pauses{Schedule: time.Hour}, reloads: make(chan struct{}, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	service := s.Service
	go func() { ended <- service.loop(ctx) }()
	s.stop = func() {
		cancel()
		if err := <-ended; err != nil {
			s.t.Error(err)
		}
		if err := st.Close(); err != nil {
			s.t.Error(err)
		}
	}
}

// until sleeps until a moment of March 2026, in UTC.
func (s *simulated) until(text string) { s.t.Helper(); sleepUntil(s.t, text) }

func sleepUntil(t *testing.T, text string) {
	t.Helper()
	at, err := time.Parse("2006-01-02 15:04:05", "2026-03-"+text)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Until(at))
	synctest.Wait()
}

func place(t *testing.T, zone string) *time.Location {
	t.Helper()
	at, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// A week of a service, from Monday noon to Monday noon: on Wednesday night it doesn't
// run, on Friday the file is read anew while work is in progress, and on Sunday the
// clocks in Berlin go from 02:00 to 03:00.
func TestAWeek(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		berlin, york := place(t, "Europe/Berlin"), place(t, "America/New_York")
		c := &config.Config{AccountsAtOnce: 2, Accounts: []config.Account{
			{Name: "gap", Schedule: config.Schedule{Cron: "30 2 * * *", Zone: berlin, Verify: "0 5 * * 0"}},
			{Name: "york", Schedule: config.Schedule{Cron: "30 2 * * *", Zone: york}},
			{Name: "moved", Schedule: config.Schedule{Cron: "30 2 * * *", Zone: berlin}},
			{Name: "gone", Schedule: config.Schedule{Cron: "0 12 * * *"}},
			{Name: "hourly", Schedule: config.Schedule{Catalog: "0 */6 * * *", Zone: berlin}},
			{Name: "never"},
		}}
		sleepUntil(t, "23 12:00:00")
		s := simulate(t, c)
		s.until("25 22:00:00")
		s.stop()
		s.until("26 07:10:00")
		s.start(c)

		s.until("27 02:00:00")
		next := *c
		next.Accounts = slices.Clone(c.Accounts)
		next.Accounts[2].Schedule.Cron = "0 4 * * *"
		next.Accounts = slices.Delete(next.Accounts, 3, 4)
		next.Accounts = append(next.Accounts, config.Account{Name: "new", Schedule: config.Schedule{Cron: "0 1,3 * * *"}})
		s.load = func(context.Context) (*config.Config, error) { return &next, nil }
		s.Reload()
		s.until("28 12:00:00")
		s.load = func(context.Context) (*config.Config, error) { return nil, fmt.Errorf("a mistake") }
		s.Reload() // changes nothing
		s.until("30 12:00:01")
		s.stop()

		for key, want := range map[string]string{
			// 02:30 is 01:30 UTC in winter, doesn't exist on Sunday, and is 00:30 UTC in summer.
			"gap/archive":   "Tue 01:30:00, Wed 01:30:00, +Thu 07:10:00, Fri 01:30:00, Sat 01:30:00, Sun 01:00:00, Mon 00:30:00",
			"gap/verify":    "Sun 03:00:00",
			"york/archive":  "Tue 06:30:00, Wed 06:30:00, +Thu 07:10:00, Fri 06:30:00, Sat 06:30:00, Sun 06:30:00, Mon 06:30:00",
			"moved/archive": "Tue 01:30:00, Wed 01:30:00, +Thu 07:10:00, Fri 01:30:00, -Fri 03:00:00, Sat 03:00:00, Sun 02:00:00, Mon 02:00:00",
			"gone/archive":  "Tue 12:00:00, Wed 12:00:00, Thu 12:00:00",
			"new/archive":   "Fri 03:00:00, Sat 01:00:00, -Sat 03:00:00, Sun 01:00:00, -Sun 03:00:00, Mon 01:00:00, -Mon 03:00:00",
			"hourly/catalog": "Mon 17:00:00, Mon 23:00:00, Tue 05:00:00, Tue 11:00:00, Tue 17:00:00, Tue 23:00:00, Wed 05:00:00, Wed 11:00:00, Wed 17:00:00, " +
				"+Thu 07:10:00, Thu 11:00:00, Thu 17:00:00, Thu 23:00:00, Fri 05:00:00, Fri 11:00:00, Fri 17:00:00, Fri 23:00:00, Sat 05:00:00, " +
				"Sat 11:00:00, Sat 17:00:00, Sat 23:00:00, Sun 04:00:00, Sun 10:00:00, Sun 16:00:00, Sun 22:00:00, Mon 04:00:00, Mon 10:00:00",
			"trouble": "the configuration is not taken over; the earlier one holds",
		} {
			if got := strings.Join(s.entries[key], ", "); got != want {
				t.Errorf("%s:\n%s, want\n%s", key, got, want)
			}
			delete(s.entries, key)
		}
		if len(s.entries) > 0 {
			t.Errorf("and: %v", s.entries)
		}
	})
}

// Five hundred accounts with one schedule begin spread over its two hours, each at its
// own time of every night; a night that none had is made up for once by all.
func TestFiveHundredAccounts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &config.Config{AccountsAtOnce: 8}
		for i := range 500 {
			c.Accounts = append(c.Accounts, config.Account{Name: fmt.Sprintf("tenant-%03d", i),
				Schedule: config.Schedule{Cron: "17 2 * * *", Zone: place(t, "Europe/Berlin"), Spread: 2 * time.Hour}})
		}
		sleepUntil(t, "23 12:00:00")
		s := simulate(t, c)
		s.until("24 12:00:00")
		s.stop()
		s.until("25 12:00:00")
		s.start(c)
		s.until("25 13:00:00")
		s.stop()

		quarters := map[string]int{}
		for _, a := range c.Accounts {
			got := s.entries[a.Name+"/archive"]
			if len(got) != 2 || got[0] < "Tue 01:17:00" || got[0] >= "Tue 03:17:00" || got[1] != "+Wed 12:00:00" {
				t.Fatalf("%s: %q", a.Name, got)
			}
			at, err := time.Parse("Mon 15:04:05", got[0])
			if err != nil {
				t.Fatal(err)
			}
			quarters[at.Add(-2*time.Minute).Truncate(15*time.Minute).Format("15:04")]++
		}
		for quarter, n := range quarters {
			if n < 35 || n > 90 { // of 62.5; three and a half standard deviations
				t.Errorf("%d begin in the quarter of an hour from %s", n, quarter)
			}
		}
		if len(quarters) != 8 || len(s.entries) != 500 {
			t.Errorf("%v; %d accounts", quarters, len(s.entries))
		}
	})
}
