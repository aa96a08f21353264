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

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
)

// ledger is a queue that writes down what begins, and when.
type ledger struct {
	mu     sync.Mutex
	begun  []string
	opened map[int64]bool
	zone   *time.Location
}

func (l *ledger) insert(_ context.Context, _ *sql.Tx, kind Kind, w work, _ int) (int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.begun = append(l.begun, fmt.Sprintf("%s %s %s", time.Now().In(l.zone).Format("Mon 15:04 MST"), w.Account, kind))
	id := int64(len(l.begun))
	l.opened[id] = true
	return id, nil
}

func (l *ledger) open(_ context.Context, _ *sql.Tx, job int64) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.opened[job], nil
}

// end ends all that is under way, except what is named.
func (l *ledger) end(except ...int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id := range l.opened {
		l.opened[id] = slices.Contains(except, id)
	}
}

// A week in which clocks are set back, the machine is off for a night, a run takes
// longer than a day, and the file is read anew while it goes on.
func TestAWeekInAutumn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2026, 10, 23, 12, 0, 0, 0, berlin))) // a Friday; clocks change on Sunday
		st, err := lockState(t.Context(), dir, "")
		if err != nil {
			t.Fatal(err)
		}
		defer st.Close()
		var log strings.Builder
		l := &ledger{opened: map[int64]bool{}, zone: berlin}
		s := &scheduler{state: st, queue: l, log: slog.New(slog.NewTextHandler(&log, nil))}
		c := &config.Config{Accounts: []config.Account{
			{Name: "acme", Schedule: config.Schedule{Cron: "30 2 * * *", Zone: berlin, Verify: "0 5 * * 0"}},
			{Name: "globex", Schedule: config.Schedule{Cron: "30 2 * * *", Zone: berlin}},
		}}
		serve := func(until time.Time) {
			for time.Now().Before(until) {
				next, err := s.tick(t.Context(), c, time.Now())
				if err != nil {
					t.Fatal(err)
				}
				pause := min(time.Until(until), time.Hour)
				if !next.IsZero() {
					pause = min(pause, time.Until(next))
				}
				time.Sleep(max(pause, time.Millisecond))
			}
		}
		day := func(d, hour int) time.Time { return time.Date(2026, 10, d, hour, 0, 0, 0, berlin) }

		for d := 24; d <= 26; d++ { // Saturday to Monday: each once, although 02:30 comes twice on Sunday
			serve(day(d, 12))
			l.end()
		}
		time.Sleep(time.Until(day(28, 9))) // off from Monday noon to Wednesday: the starts of two nights
		serve(day(28, 12))
		l.end(9)           // globex takes until Friday
		serve(day(28, 18)) // nothing is due
		c.Accounts[0].Schedule.Cron = "0 22 * * *"
		c.Accounts = append(c.Accounts[:1:1], append(c.Accounts[1:], config.Account{Name: "initech", Schedule: config.Schedule{Cron: "0 1 * * *", Zone: berlin}})...)
		serve(day(29, 12)) // acme at 22:00 now, initech is new, globex goes on
		l.end(9)
		c.Accounts = c.Accounts[:2] // initech is removed
		serve(day(30, 12))
		l.end()
		serve(day(31, 12))
		c.Accounts = append(c.Accounts, config.Account{Name: "initech", Schedule: config.Schedule{Cron: "0 1 * * *", Zone: berlin}})
		serve(day(31, 13)) // it is back: what nobody wanted meanwhile wasn't missed

		want := []string{
			"Sat 02:30 CEST acme archive", "Sat 02:30 CEST globex archive",
			"Sun 02:30 CEST acme archive", "Sun 02:30 CEST globex archive",
			"Sun 05:00 CET acme verify",
			"Mon 02:30 CET acme archive", "Mon 02:30 CET globex archive",
			"Wed 09:00 CET acme archive", "Wed 09:00 CET globex archive",
			"Wed 22:00 CET acme archive",
			"Thu 01:00 CET initech archive",
			"Thu 22:00 CET acme archive",
			"Fri 22:00 CET acme archive",
			"Sat 02:30 CET globex archive",
		}
		if !slices.Equal(l.begun, want) {
			t.Errorf("begun:\n%s\nwant:\n%s", strings.Join(l.begun, "\n"), strings.Join(want, "\n"))
		}
		for text, n := range map[string]int{"a start was missed; it is made up for now": 2, "a start is left out": 2} {
			if got := strings.Count(log.String(), text); got != n {
				t.Errorf("%q is said %d times, want %d:\n%s", text, got, n, log.String())
			}
		}
	})
}
