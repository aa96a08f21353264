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
func (f Fleet) machine(name string) (m Machine) {
	for _, m := range f.Machines {
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
