//go:build unix

package service

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/outcome"
)

// The lease of a manifest ends some seconds after the machine that had it is lost. Work
// that was taken up from there and meets it is tried again soon, and other work that meets
// a manifest in use is not.
func TestLeaseOutlivesItsMachine(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	h := f.house("one", "a", "b")
	h.options.Pauses.Busy = time.Hour
	h.hands.do = func(context.Context, Kind, string) outcome.Outcome { return outcome.Outcome{Skipped: true} }
	h.start()
	c := f.control()
	for account, takenUp := range map[string]int{"a": 1, "b": 0} {
		var job int64
		err := c.state.change(t.Context(), func(tx txn) error {
			id, _, already, err := c.startIn(t.Context(), tx, account, Archive)
			if err != nil || already {
				return errors.Join(err, errPast)
			}
			job = id
			_, err = tx.ExecContext(t.Context(), "UPDATE main.river_job SET args = jsonb_set(args, '{taken_up}', to_jsonb(?::int)) WHERE id = ?", takenUp, id)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		var minutes float64
		eventually(t, "the work of "+account+" is put off", func() bool {
			return c.state.db.QueryRowContext(t.Context(), "SELECT extract(epoch FROM scheduled_at - attempted_at)::float8 / 60 FROM main.river_job WHERE id = ? AND state = 'scheduled'", job).Scan(&minutes) == nil
		})
		if soon := minutes < 30; soon != (takenUp > 0) {
			t.Errorf("work that was taken up %d times is tried again after %.0f minutes", takenUp, minutes)
		}
	}
}
