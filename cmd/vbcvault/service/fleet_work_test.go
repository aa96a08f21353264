//go:build unix

package service

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/outcome"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/overview"
	"github.com/vbcvault/vbcvault/pipeline/code"
)

func (f *fleet) status(c *Control) Fleet {
	f.t.Helper()
	is, err := c.Fleet(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	return is
}

// machine is how one stands, the zero one if it isn't there.
func (is Fleet) machine(name string) (m Machine) {
	for _, m := range is.Machines {
		if m.Name == name {
			return m
		}
	}
	return m
}

// An account's work goes to the machine that did its last, however many others there are;
// where that one is gone, or has no place, to another one.
func TestWorkGoesToWhereItWasDone(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	names := []string{"a", "b"}
	one, two := f.house("one", names...), f.house("two", names...)
	for _, h := range []*house{one, two} {
		h.options.Pauses.Grace = time.Hour
	}
	two.start()
	c := f.control()
	do := func(account string) {
		t.Helper()
		_, run := one.ask(c, account, Archive)
		if o := one.ended(c, run); !o.OK() {
			t.Errorf("%+v", o)
		}
	}
	do("a")
	one.start()
	for range 5 {
		do("a")
	}
	if n := two.hands.times("a", Archive); n != 6 {
		t.Errorf("the machine that has a's files did %d of 6", n)
	}
	full := make(chan struct{})
	two.hands.mu.Lock()
	two.hands.do = func(ctx context.Context, _ Kind, _ string) outcome.Outcome { return until(ctx, full) }
	two.hands.mu.Unlock()
	for _, h := range []*house{one, two} {
		h.service.mu.Lock()
		h.service.config.AccountsAtOnce = 1
		h.service.mu.Unlock()
	}
	_, long := two.ask(c, "a", Archive)
	eventually(t, "it has begun", func() bool { return two.hands.times("a", Archive) == 7 })
	do("b") // two has no place
	if one.hands.times("b", Archive) != 1 {
		t.Error("work waits for a machine that has no place")
	}
	close(full)
	one.ended(c, long)
	if err := two.stop(); err != nil {
		t.Fatal(err)
	}
	do("a")
	if one.hands.times("a", Archive) != 1 {
		t.Error("work waits for a machine that is gone")
	}
}

// Two kinds of work of one account are done one after the other, on whichever machines.
func TestOneAfterTheOtherOnMachines(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	one, two := f.house("one", "a"), f.house("two", "a")
	var now, most atomic.Int64
	for _, h := range []*house{one, two} {
		h.hands.do = func(context.Context, Kind, string) outcome.Outcome {
			n := now.Add(1)
			defer now.Add(-1)
			for {
				was := most.Load()
				if n <= was || most.CompareAndSwap(was, n) {
					break
				}
			}
			return outcome.Outcome{}
		}
		h.start()
	}
	c := f.control()
	for range 4 {
		var runs []string
		for _, kind := range Kinds {
			_, run := one.ask(c, "a", kind)
			runs = append(runs, run)
		}
		for _, run := range runs {
			one.ended(c, run)
		}
	}
	if most.Load() != 1 {
		t.Errorf("%d kinds of work of one account were done at once", most.Load())
	}
}

// A machine that is drained hands its work over, which goes on elsewhere under its name
// and isn't told of, and begins none until it is to work again.
func TestDrain(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	one, two := f.house("one", "a"), f.house("two", "a")
	release := make(chan struct{})
	var left atomic.Int64
	one.options.Hooks.Left = func(config.Account, Kind) { left.Add(1) }
	for _, h := range []*house{one, two} {
		h.hands.do = func(ctx context.Context, _ Kind, _ string) outcome.Outcome { return until(ctx, release) }
	}
	one.start()
	c := f.control()
	_, run := one.ask(c, "a", Archive)
	eventually(t, "it begins", func() bool { return one.hands.times("a", Archive) == 1 })
	two.start()
	if err := c.Drain(t.Context(), "one", false); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the other goes on with it", func() bool { return two.hands.times("a", Archive) == 1 })
	eventually(t, "it is drained", func() bool { return f.status(c).machine("one").State == "drained" })
	if left.Load() != 1 {
		t.Errorf("one was told %d times that work goes on elsewhere", left.Load())
	}
	close(release)
	if o := one.ended(c, run); !o.OK() || o.Run != run {
		t.Errorf("%+v", o)
	}
	if err := c.Drain(t.Context(), "two", false); err != nil {
		t.Fatal(err)
	}
	eventually(t, "two knows", func() bool { return two.service.machine.drains() })
	_, waits := one.ask(c, "a", Verify)
	one.slices(0)
	if is, err := c.Waits(t.Context(), waits); !is || err != nil {
		t.Errorf("machines that are drained work on, %v", err)
	}
	if err := c.Drain(t.Context(), "one", true); err != nil {
		t.Fatal(err)
	}
	one.ended(c, waits)
	if err := c.Drain(t.Context(), "three", false); !errors.Is(err, ErrNoMachine) {
		t.Errorf("%v", err)
	}
}

// Of two configurations the one holds that was read last. A machine with the other one
// begins nothing, takes nobody's schedule away, and says so.
func TestConfigurationsDiffer(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	older, newer := f.house("older", "a", "b"), f.house("newer", "a")
	older.options.Config.Digest, newer.options.Config.Digest = "111", "222"
	far := func(c *config.Config) {
		for i := range c.Accounts {
			c.Accounts[i].Schedule.Cron = "0 0 1 1 *"
		}
	}
	far(older.options.Config)
	far(newer.options.Config)
	said := &lines{}
	older.options.Log = said.logger(t)
	older.start()
	c := f.control()
	next := func(account string) time.Time {
		t.Helper()
		r, err := rowOf(t.Context(), c.state.db, account, Archive)
		if err != nil {
			t.Fatal(err)
		}
		return r.next
	}
	eventually(t, "b is scheduled", func() bool { return !next("b").IsZero() })
	newer.start()
	eventually(t, "the older one says so", func() bool { return said.has("machines have different configurations") })
	if is := f.status(c); is.machine("older").State != "outdated" || is.machine("newer").State != "serving" {
		t.Errorf("%+v", is.Machines)
	}
	for range 3 {
		_, run := older.ask(c, "a", Archive)
		older.ended(c, run)
	}
	if n := older.hands.times("a", Archive); n != 0 {
		t.Errorf("the machine with the older configuration has begun %d", n)
	}
	eventually(t, "b isn't scheduled any more", func() bool { return next("b").IsZero() })
	if err := newer.stop(); err != nil { // and there is none but the older one
		t.Fatal(err)
	}
	_, run := older.ask(c, "a", Archive)
	older.ended(c, run)
	eventually(t, "b is scheduled again", func() bool { return !next("b").IsZero() })
}

// A start that is due begins once, however many machines look at the clock; so does the
// report, and each outcome is told once.
func TestDueAndToldOnce(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	var mu sync.Mutex
	told, reports := map[string]int{}, 0
	var machines []*house
	for i := range 3 {
		h := f.house(fmt.Sprint("m", i), "a", "b", "c", "d")
		h.options.Config.Report = config.Report{Schedule: "0 7 1 * *", Zone: time.UTC}
		for j := range h.options.Config.Accounts {
			h.options.Config.Accounts[j].Schedule.Cron = "0 0 1 1 *"
		}
		h.options.Hooks.Tell = func(_ context.Context, _ Kind, _ *overview.Overview, o outcome.Outcome) error {
			mu.Lock()
			defer mu.Unlock()
			told[o.Run]++
			return nil
		}
		h.options.Hooks.Report = func(context.Context, *config.Config, time.Time) error {
			mu.Lock()
			defer mu.Unlock()
			reports++
			return nil
		}
		h.start()
		machines = append(machines, h)
	}
	c := f.control()
	all := func() []row {
		t.Helper()
		found, err := rows(t.Context(), c.state.db)
		if err != nil {
			t.Fatal(err)
		}
		return slices.DeleteFunc(found, func(r row) bool { return r.memory == "" })
	}
	eventually(t, "all is scheduled", func() bool { return len(all()) == 5 })
	for _, r := range all() { // now it is due
		err := c.state.change(t.Context(), func(tx txn) error {
			r, err := rowOf(t.Context(), tx, r.account, r.kind)
			if err != nil {
				return err
			}
			r.memory = strings.Replace(r.memory, fmt.Sprint(time.Now().UTC().Year()), fmt.Sprint(time.Now().UTC().Year()-2), 1)
			r.next = time.UnixMilli(1)
			return r.put(t.Context(), tx)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "all is told", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(told) == 4 && reports > 0
	})
	for _, h := range machines {
		if err := h.stop(); err != nil {
			t.Fatal(err)
		}
	}
	for _, account := range []string{"a", "b", "c", "d"} {
		n := 0
		for _, h := range machines {
			n += h.hands.times(account, Archive)
		}
		if n != 1 {
			t.Errorf("%s was begun %d times", account, n)
		}
	}
	for run, n := range told {
		if n != 1 {
			t.Errorf("run %s was told %d times", run, n)
		}
	}
	if reports != 1 {
		t.Errorf("the report was sent %d times", reports)
	}
}

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
