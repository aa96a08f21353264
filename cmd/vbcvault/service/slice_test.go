package service

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/outcome"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/overview"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/schedule"
	"github.com/vbcvault/vbcvault/pipeline/code"
)

// Whoever has waited for long gets a place: the run that has had its own for as long
// makes room, and goes on later under the same name.
func TestMakesRoom(t *testing.T) { t.Parallel(); onBoth(t, testMakesRoom) }

func testMakesRoom(t *testing.T, newHouse builder) {
	h := newHouse(t, "a", "b")
	h.options.Config.AccountsAtOnce = 1
	h.options.Pauses.Turn = quick.Slice
	done := map[string]chan struct{}{"a": make(chan struct{}), "b": make(chan struct{})}
	h.hands.do = func(ctx context.Context, _ Kind, account string) outcome.Outcome { return until(ctx, done[account]) }
	h.start()
	c := h.control()
	_, first := h.ask(c, "a", Archive)
	eventually(t, "a begins", func() bool { return h.hands.times("a", Archive) == 1 })
	_, second := h.ask(c, "b", Archive)
	eventually(t, "b begins", func() bool { return h.hands.times("b", Archive) > 0 })
	close(done["b"])
	if o := h.ended(c, second); !o.OK() {
		t.Errorf("%+v", o)
	}
	close(done["a"])
	if o := h.ended(c, first); !o.OK() || o.Run != first {
		t.Errorf("%+v", o)
	}
	if n := h.hands.most(); n != 1 {
		t.Errorf("%d at the same time, want 1", n)
	}
}

// Work whose manifest is in use elsewhere waits, and isn't told of.
func TestManifestInUse(t *testing.T) { t.Parallel(); onBoth(t, testManifestInUse) }

func testManifestInUse(t *testing.T, newHouse builder) {
	h := newHouse(t, "a")
	var tries atomic.Int64
	h.hands.do = func(context.Context, Kind, string) outcome.Outcome {
		if tries.Add(1) < 3 {
			return outcome.Outcome{ExitCode: 3, ErrorCode: code.AnotherRun, Error: "another run is using the manifest"}
		}
		return outcome.Outcome{}
	}
	h.start()
	c := h.control()
	_, run := h.ask(c, "a", Archive)
	if o := h.ended(c, run); !o.OK() || tries.Load() != 3 {
		t.Errorf("%+v after %d tries", o, tries.Load())
	}
	if all, err := outcomes(t.Context(), c.state.db, "true"); err != nil || len(all) != 1 {
		t.Errorf("%d outcomes, %v", len(all), err)
	}
}

// One account's kinds of work are done one after the other, other accounts' meanwhile.
func TestOneAfterTheOther(t *testing.T) { t.Parallel(); onBoth(t, testOneAfterTheOther) }

func testOneAfterTheOther(t *testing.T, newHouse builder) {
	h := newHouse(t, "a", "b")
	h.options.Config.AccountsAtOnce = 3
	release := make(chan struct{})
	h.hands.do = func(ctx context.Context, kind Kind, _ string) outcome.Outcome {
		if kind == Archive {
			return until(ctx, release)
		}
		return outcome.Outcome{}
	}
	h.start()
	c := h.control()
	_, archive := h.ask(c, "a", Archive)
	eventually(t, "it begins", func() bool { return h.hands.times("a", Archive) == 1 })
	_, verify := h.ask(c, "a", Verify)
	_, other := h.ask(c, "b", Verify)
	h.ended(c, other)
	h.slices(4)
	if h.hands.times("a", Verify) != 0 {
		t.Error("two kinds of work of one account are done at once")
	}
	close(release)
	h.ended(c, archive)
	h.ended(c, verify)
}

// A failure of the program in one account's work is that account's, and told.
func TestPanicIsOneAccounts(t *testing.T) { t.Parallel(); onBoth(t, testPanicIsOneAccounts) }

func testPanicIsOneAccounts(t *testing.T, newHouse builder) {
	h := newHouse(t, "a", "b")
	h.hands.do = func(_ context.Context, _ Kind, account string) outcome.Outcome {
		if account == "a" {
			panic("nobody expected it")
		}
		return outcome.Outcome{}
	}
	h.start()
	c := h.control()
	_, bad := h.ask(c, "a", Archive)
	if o := h.ended(c, bad); o.ExitCode != 3 || o.Error == "" {
		t.Errorf("%+v", o)
	}
	_, good := h.ask(c, "b", Archive)
	if o := h.ended(c, good); !o.OK() {
		t.Errorf("%+v", o)
	}
}

// An outcome is told until it is, also after a restart, and not again.
func TestTelling(t *testing.T) { t.Parallel(); onBoth(t, testTelling) }

func testTelling(t *testing.T, newHouse builder) {
	h := newHouse(t, "a")
	var tries atomic.Int64
	var works atomic.Bool
	h.options.Overview = func(_ context.Context, manifest string) (*overview.Overview, error) {
		return &overview.Overview{Manifest: manifest}, nil
	}
	h.options.Hooks.Tell = func(_ context.Context, kind Kind, after *overview.Overview, o outcome.Outcome) error {
		tries.Add(1)
		if kind != Archive || after == nil || after.Manifest != "m" || o.ExitCode != 1 {
			t.Errorf("told of %s %+v, %+v", kind, after, o)
		}
		if !works.Load() {
			return errors.New("the mail server is away")
		}
		return nil
	}
	h.hands.do = func(context.Context, Kind, string) outcome.Outcome {
		return outcome.Outcome{ExitCode: 1, Manifest: "m"}
	}
	h.start()
	c := h.control()
	job, run := h.ask(c, "a", Archive)
	h.ended(c, run)
	eventually(t, "it is tried", func() bool { return tries.Load() > 0 })
	telling := func() (all []Job) {
		jobs, err := c.Jobs(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return slices.DeleteFunc(jobs, func(j Job) bool { return j.Kind != "tell" })
	}
	eventually(t, "the list shows the error", func() bool { all := telling(); return len(all) == 1 && all[0].Error == "the mail server is away" })
	if err := h.stop(); err != nil {
		t.Fatal(err)
	}
	works.Store(true)
	h.start()
	if _, err := c.Retry(t.Context(), telling()[0].ID); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is told", func() bool { return len(telling()) == 0 })
	told := tries.Load()
	if _, err := c.Retry(t.Context(), job); err != nil { // another run, another outcome
		t.Fatal(err)
	}
	eventually(t, "the next is told", func() bool { return tries.Load() == told+1 && len(telling()) == 0 })
}

// Some outcomes that can't be told for long keep no others from being told.
func TestTellingThatHangs(t *testing.T) { t.Parallel(); onBoth(t, testTellingThatHangs) }

func testTellingThatHangs(t *testing.T, newHouse builder) {
	h := newHouse(t, "a", "b", "c", "d", "e", "f")
	hangs := make(chan struct{})
	told := make(chan struct{})
	h.options.Hooks.Tell = func(ctx context.Context, _ Kind, _ *overview.Overview, o outcome.Outcome) error {
		if o.Account == "f" {
			close(told)
			return nil
		}
		select {
		case <-hangs:
		case <-ctx.Done():
		}
		return nil
	}
	h.start()
	c := h.control()
	for _, account := range []string{"a", "b", "c", "d", "e", "f"} {
		_, run := h.ask(c, account, Archive)
		h.ended(c, run)
	}
	eventually(t, "the last is told", func() bool {
		select {
		case <-told:
			return true
		default:
			return false
		}
	})
	close(hangs)
}

// The report is sent when it is due, tried again, also after a restart, and not again.
func TestReport(t *testing.T) { t.Parallel(); onBoth(t, testReport) }

func testReport(t *testing.T, newHouse builder) {
	h := newHouse(t, "a")
	h.options.Config.Report = config.Report{Schedule: "0 7 1 * *"}
	var tries atomic.Int64
	var works atomic.Bool
	h.options.Hooks.Report = func(_ context.Context, c *config.Config, due time.Time) error {
		tries.Add(1)
		if c != h.options.Config || due.Day() != 1 || due.Hour() != 7 {
			t.Errorf("due %s", due)
		}
		if !works.Load() {
			return errors.New("the mail server is away")
		}
		return nil
	}
	h.start()
	c := h.control()
	lines := func() (all []Job) {
		jobs, err := c.Jobs(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return slices.DeleteFunc(jobs, func(j Job) bool { return j.Kind != "report" })
	}
	eventually(t, "it is scheduled", func() bool { all := lines(); return len(all) == 1 && all[0].State == "scheduled" })
	if err := h.stop(); err != nil {
		t.Fatal(err)
	}
	r, err := rowOf(t.Context(), c.state.db, "", Report)
	if err != nil {
		t.Fatal(err)
	}
	was := r.remembered()
	was.Until = time.Now().UTC().AddDate(0, -2, 0)
	if err := errors.Join(r.remember(schedule.Due{Memory: was, Next: time.UnixMilli(1)}), r.put(t.Context(), c.state.db)); err != nil {
		t.Fatal(err)
	}
	h.start()
	eventually(t, "it is tried", func() bool { all := lines(); return len(all) == 2 && all[0].Error == "the mail server is away" })
	if err := h.stop(); err != nil {
		t.Fatal(err)
	}
	works.Store(true)
	h.start()
	if _, err := c.Retry(t.Context(), lines()[0].ID); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is sent", func() bool { return len(lines()) == 1 })
	sent := tries.Load()
	if err := h.stop(); err != nil {
		t.Fatal(err)
	}
	h.start()
	h.slices(0)
	if tries.Load() != sent {
		t.Error("it is sent again")
	}
}
