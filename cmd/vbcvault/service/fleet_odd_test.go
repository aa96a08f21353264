//go:build unix

package service

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/outcome"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/overview"
	"github.com/vbcvault/vbcvault/pipeline/code"
)

// A machine whose clock is ten minutes ahead, or behind, goes by the database's: what it
// puts off is done as soon as elsewhere, and it knows how wrong its clock is.
func TestClockIsWrong(t *testing.T) {
	t.Parallel()
	for _, wrong := range []time.Duration{10 * time.Minute, -10 * time.Minute} {
		t.Run(wrong.String(), func(t *testing.T) {
			t.Parallel()
			f := newFleet(t)
			h := f.house("wrong", "a")
			h.options.clock = func() time.Time { return time.Now().Add(wrong) }
			var tries atomic.Int64
			h.hands.do = func(context.Context, Kind, string) outcome.Outcome {
				if tries.Add(1) < 4 {
					return outcome.Outcome{Skipped: true} // the manifest is in use
				}
				return outcome.Outcome{}
			}
			h.options.Pauses.Busy = 6 * time.Second / 10
			h.start()
			c := f.control()
			began := time.Now()
			_, run := h.ask(c, "a", Archive)
			if o := h.ended(c, run); !o.OK() || tries.Load() != 4 {
				t.Errorf("%+v after %d tries", o, tries.Load())
			}
			if took := time.Since(began); took < 3*h.options.Pauses.Busy {
				t.Errorf("it is tried again at once: %s", took)
			}
			m := f.status(c).machine("wrong")
			if off := time.Duration(m.ClockAhead * float64(time.Second)); (off - wrong).Abs() > time.Minute {
				t.Errorf("its clock is said to be %s ahead", off)
			}
		})
	}
}

// A text that machines share loses nothing of what any of them writes, and is gone with
// no transaction.
func TestShelf(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.house("one").start()
	var all sync.WaitGroup
	for i := range 12 {
		sh := f.shared("some")
		t.Cleanup(func() { sh.DB.Close() })
		all.Go(func() {
			if err := NewShelf(sh, "x").Change(t.Context(), func(text string) (string, error) { return text + fmt.Sprintf("%02d ", i), nil }); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	sh := f.shared("some")
	t.Cleanup(func() { sh.DB.Close() })
	text, err := NewShelf(sh, "x").Read(t.Context())
	if n := len(strings.Fields(text)); err != nil || n != 12 {
		t.Errorf("%d, %v", n, err)
	}
	if text, err := NewShelf(sh, "y").Read(t.Context()); text != "" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
}

// Work whose lease was lost is no failure: it is done again, on whichever machine, and
// only what it comes to then is stored and told.
func TestLeaseIsLost(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	h := f.house("one", "a")
	var told, tries atomic.Int64
	h.options.Hooks.Tell = func(_ context.Context, _ Kind, _ *overview.Overview, o outcome.Outcome) error {
		if told.Add(1); !o.OK() {
			t.Errorf("told: %+v", o)
		}
		return nil
	}
	h.hands.do = func(context.Context, Kind, string) outcome.Outcome {
		if tries.Add(1) == 1 {
			return outcome.Outcome{ExitCode: exitStopped, ErrorCode: code.Lease, Error: "this machine has lost its lease"}
		}
		return outcome.Outcome{}
	}
	h.start()
	c := f.control()
	_, run := h.ask(c, "a", Archive)
	if o := h.ended(c, run); !o.OK() || tries.Load() != 2 {
		t.Errorf("%+v after %d tries", o, tries.Load())
	}
	eventually(t, "it is told", func() bool { return told.Load() > 0 })
	if err := h.stop(); err != nil {
		t.Fatal(err)
	}
	if told.Load() != 1 {
		t.Errorf("told %d times", told.Load())
	}
}

// A job that the database has given to this machine, and that was lost on the way, is done.
func TestJobIsLostOnItsWay(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	h := f.house("one", "a")
	h.start()
	c := f.control()
	m := h.service.machine
	// As if River had got no answer: the job is inserted as one that runs here already.
	var run string
	err := c.state.change(t.Context(), func(tx txn) error {
		job, id, already, err := c.startIn(t.Context(), tx, "a", Archive)
		if err != nil || already {
			return errors.Join(err, errPast)
		}
		run = id
		_, err = tx.ExecContext(t.Context(), "UPDATE main.river_job SET state = 'running', queue = ?, attempt = 1, attempted_at = clock_timestamp(), attempted_by = ARRAY[?::text] WHERE id = ?", m.queue(), m.instance, job)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if o := h.ended(c, run); !o.OK() || h.hands.times("a", Archive) != 1 {
		t.Errorf("%+v, begun %d times", o, h.hands.times("a", Archive))
	}
}

// A machine of the version before works on beside one that has made tables of its own, and
// refuses to where it can't.
func TestTheVersionBefore(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	one, two := f.house("before", "a"), f.house("new", "a")
	one.options.Version, two.options.Version = "v1.0.0", "v1.1.0"
	one.start()
	c := f.control()
	next := func(oldest int) {
		t.Helper()
		for _, text := range []string{
			"ALTER TABLE main.machine ADD COLUMN IF NOT EXISTS colour text NOT NULL DEFAULT 'grey'",
			"ALTER TABLE main.schedule ADD COLUMN IF NOT EXISTS colour text NOT NULL DEFAULT 'grey'",
			fmt.Sprintf("INSERT INTO main.migration (step, oldest, program) VALUES (%d, %d, 'v1.%d.0')", len(steps)+oldest, oldest, oldest),
		} {
			if _, err := c.state.db.ExecContext(t.Context(), text); err != nil {
				t.Fatal(err)
			}
		}
	}
	next(1)
	do := func(h *house) {
		t.Helper()
		_, run := h.ask(c, "a", Archive)
		if o := h.ended(c, run); !o.OK() {
			t.Errorf("%+v", o)
		}
	}
	do(one) // it was running while the tables changed
	if err := one.stop(); err != nil {
		t.Fatal(err)
	}
	one.start()
	two.start()
	do(one)
	if is := f.status(c); is.machine("before").Version != "v1.0.0" || is.machine("new").Version != "v1.1.0" || is.machine("before").State != "serving" {
		t.Errorf("%+v", is.Machines)
	}
	if err := one.stop(); err != nil {
		t.Fatal(err)
	}
	next(len(steps) + 1)
	one.options.Shared = one.shared()
	if _, err := New(t.Context(), one.options); !errors.Is(err, ErrNewer) || !strings.Contains(err.Error(), "v1.2.0") {
		t.Errorf("%v", err)
	}
}
