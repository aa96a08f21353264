package service

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/outcome"
	"github.com/vbcvault/vbcvault/pipeline/code"
)

// Work whose job River gives up, as its outcome can't be stored for too long, is over when
// that can be stored again; and the account's other work is done.
func TestWorkWithoutAJob(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "a")
	h.hands.do = func(_ context.Context, kind Kind, _ string) outcome.Outcome {
		if kind == Archive {
			return outcome.Outcome{ExitCode: 1}
		}
		return outcome.Outcome{}
	}
	h.start()
	c := h.control()
	h.change("CREATE TRIGGER full BEFORE INSERT ON outcome BEGIN SELECT RAISE(FAIL, 'the disk is full'); END")
	job, run := h.ask(c, "a", Archive)
	eventually(t, "River gives it up", func() bool {
		done, err := h.service.state.db.ExecContext(t.Context(),
			"UPDATE river_job SET state = 'discarded', finalized_at = datetime('now', 'subsec') WHERE id = ? AND json_array_length(errors) > 0 AND state <> 'running'", job)
		if err != nil {
			t.Fatal(err)
		}
		n, err := done.RowsAffected()
		return err == nil && n > 0
	})
	_, other := h.ask(c, "a", Verify)
	h.change("DROP TRIGGER full")
	if o := h.ended(c, run); o.ExitCode != 1 {
		t.Errorf("%+v", o)
	}
	if o := h.ended(c, other); !o.OK() {
		t.Errorf("%+v", o)
	}
}

// Work that somebody begins anew whose former job was taken from it doesn't end the new
// one's.
func TestWorkOfAnEarlierEpoch(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "a")
	h.options.Pauses.Slice = time.Hour
	taken := make(chan struct{})
	h.hands.do = func(context.Context, Kind, string) outcome.Outcome {
		<-taken
		return outcome.Outcome{}
	}
	h.start()
	c := h.control()
	job, _ := h.ask(c, "a", Archive)
	eventually(t, "it begins", func() bool { return h.hands.times("a", Archive) == 1 })
	h.change(fmt.Sprintf("UPDATE river_job SET state = 'cancelled', finalized_at = datetime('now', 'subsec') WHERE id = %d", job))
	_, again := h.ask(c, "a", Archive)
	close(taken)
	if o := h.ended(c, again); !o.OK() || o.Run != again {
		t.Errorf("%+v", o)
	}
	if n := h.hands.times("a", Archive); n != 2 {
		t.Errorf("begun %d times, want 2", n)
	}
}

// A clock that was ahead, and was set right while the service didn't run, or did, leaves
// jobs that wait for years, and a leader who is elected for years.
func TestClockWasAhead(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "a", "b", "c")
	h.start() // makes the state
	if err := h.stop(); err != nil {
		t.Fatal(err)
	}
	c := h.control()
	waits, first := h.ask(c, "a", Archive)
	sleeps, second := h.ask(c, "b", Archive)
	const years = "'2099-01-01 00:00:00.000'"
	h.executeState(c, fmt.Sprintf("UPDATE river_job SET scheduled_at = %s WHERE id = %d", years, waits))
	h.executeState(c, fmt.Sprintf("UPDATE river_job SET scheduled_at = %s, state = 'scheduled' WHERE id = %d", years, sleeps))
	h.executeState(c, "INSERT INTO river_leader (leader_id, elected_at, expires_at) VALUES ('a dead one', "+years+", "+years+")")
	h.start()
	h.ended(c, first)
	h.ended(c, second)
	eventually(t, "there is another leader", func() (is bool) {
		err := c.state.db.QueryRowContext(t.Context(), "SELECT count(*) FROM river_leader WHERE leader_id <> 'a dead one'").Scan(&is)
		return err == nil && is
	})
}

// A start that is made up for was due long ago, and still waits for a manifest that is in
// use as patiently as any other.
func TestLateStartIsPatient(t *testing.T) { t.Parallel(); onBoth(t, testLateStartIsPatient) }

func testLateStartIsPatient(t *testing.T, newHouse builder) {
	h := newHouse(t, "a")
	h.hands.do = func(context.Context, Kind, string) outcome.Outcome {
		if h.hands.times("a", Archive) < 3 {
			return outcome.Outcome{ExitCode: 3, ErrorCode: code.AnotherRun}
		}
		return outcome.Outcome{}
	}
	h.start()
	if err := h.stop(); err != nil {
		t.Fatal(err)
	}
	c := h.control()
	_, run := h.ask(c, "a", Archive)
	h.executeState(c, fmt.Sprintf("UPDATE main.schedule SET due = %d", time.Now().Add(-2*patience).UnixMilli()))
	h.start()
	if o := h.ended(c, run); !o.OK() {
		t.Errorf("%+v", o)
	}
}

// Work that was left to another run for longer than is patient has not been done: that is
// no success.
func TestLeftToAnotherRunForTooLong(t *testing.T) {
	t.Parallel()
	onBoth(t, testLeftToAnotherRunForTooLong)
}

func testLeftToAnotherRunForTooLong(t *testing.T, newHouse builder) {
	h := newHouse(t, "a")
	h.hands.do = func(context.Context, Kind, string) outcome.Outcome { return outcome.Outcome{Skipped: true} }
	h.start()
	if err := h.stop(); err != nil {
		t.Fatal(err)
	}
	c := h.control()
	_, run := h.ask(c, "a", Archive)
	h.executeState(c, fmt.Sprintf("UPDATE main.schedule SET due = %d", time.Now().Add(-2*patience).UnixMilli()))
	h.executeState(c, "UPDATE main.river_job SET created_at = '2000-01-01 00:00:00.000'")
	h.start()
	if o := h.ended(c, run); o.OK() || o.ErrorCode != code.AnotherRun || o.Skipped {
		t.Errorf("%+v", o)
	}
}

// Work that ends the whole process, each time, doesn't keep others from being done: it is
// taken up later and later.
func TestWorkThatEndsTheService(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "a")
	h.start()
	if err := h.stop(); err != nil {
		t.Fatal(err)
	}
	c := h.control()
	job, _ := h.ask(c, "a", Archive)
	h.options.Pauses.Busy = 4 * time.Hour
	for range promptly + 1 {
		h.executeState(c, fmt.Sprintf("UPDATE river_job SET state = 'running', attempted_at = datetime('now', 'subsec') WHERE id = %d", job))
		s, err := New(t.Context(), h.options) // and it is killed before a slice ends
		if err != nil {
			t.Fatal(err)
		}
		r, err := rowOf(t.Context(), s.state.db, "a", Archive)
		if err = errors.Join(err, s.state.Close()); err != nil {
			t.Fatal(err)
		}
		job = r.job
	}
	h.start()
	eventually(t, "it is put off", func() bool {
		var ahead float64 // seconds
		err := c.state.db.QueryRowContext(t.Context(), "SELECT unixepoch(scheduled_at, 'subsec') - unixepoch('now', 'subsec') FROM river_job WHERE id = ?", job).Scan(&ahead)
		return err == nil && ahead > 3000
	})
	if n := h.hands.times("a", Archive); n != 0 {
		t.Errorf("it has begun at once %d times", n)
	}
}

// change changes the state of the service that runs.
func (h *house) change(text string) {
	h.t.Helper()
	if _, err := h.service.state.db.ExecContext(h.t.Context(), text); err != nil {
		h.t.Fatal(err)
	}
}

// executeState changes the state from elsewhere.
func (h *house) executeState(c *Control, text string) {
	h.t.Helper()
	if _, err := c.state.db.ExecContext(h.t.Context(), text); err != nil {
		h.t.Fatal(err)
	}
}
