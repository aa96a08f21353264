package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/outcome"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/overview"
	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/progress"
)

// hands is a worker whose work takes until the test says so.
type hands struct {
	mu    sync.Mutex
	now   int
	peak  int
	began map[string]int
	do    func(ctx context.Context, kind Kind, account string) outcome.Outcome
}

func (h *hands) work(ctx context.Context, kind Kind, a config.Account) outcome.Outcome {
	h.mu.Lock()
	h.now++
	h.peak = max(h.peak, h.now)
	if h.began == nil {
		h.began = map[string]int{}
	}
	h.began[a.Name+"/"+string(kind)]++
	h.mu.Unlock()
	began := time.Now().UTC()
	o := outcome.Outcome{}
	if h.do != nil {
		o = h.do(ctx, kind, a.Name)
	}
	o.Account, o.Began, o.Ended = a.Name, began, time.Now().UTC()
	h.mu.Lock()
	h.now--
	h.mu.Unlock()
	return o
}

func (h *hands) most() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.peak
}

func (h *hands) times(account string, kind Kind) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.began[account+"/"+string(kind)]
}

func (h *hands) Archive(ctx context.Context, a config.Account, watch func(*progress.Stats)) outcome.Outcome {
	watch(&progress.Stats{})
	return h.work(ctx, Archive, a)
}
func (h *hands) Verify(ctx context.Context, a config.Account) outcome.Outcome {
	return h.work(ctx, Verify, a)
}
func (h *hands) Catalog(ctx context.Context, a config.Account) outcome.Outcome {
	return h.work(ctx, Catalog, a)
}
func (h *hands) Backup(ctx context.Context, a config.Account) outcome.Outcome {
	return h.work(ctx, Backup, a)
}
func (h *hands) Audit(ctx context.Context, a config.Account) outcome.Outcome {
	return h.work(ctx, Audit, a)
}

// until waits for the context's end, as a run does that is told to stop.
func until(ctx context.Context, done <-chan struct{}) outcome.Outcome {
	select {
	case <-done:
		return outcome.Outcome{}
	case <-ctx.Done():
		return outcome.Outcome{ExitCode: outcome.Interrupted, ErrorCode: code.Interrupted}
	}
}

// quick is how long tests wait.
var quick = Pauses{Slice: 50 * time.Millisecond, Turn: time.Hour, Busy: 20 * time.Millisecond, Poll: 10 * time.Millisecond, Schedule: 50 * time.Millisecond}

// house is a state directory and a service in it, which may be started several times.
type house struct {
	t       *testing.T
	dir     string
	hands   *hands
	options Options
	service *Service
	stop    func() error
	shared  func() *Shared // nil = this machine is alone
}

// builder makes a house. What is tested with onBoth holds for a machine that is alone and
// for those that share a database.
type builder func(t *testing.T, accounts ...string) *house

func newHouse(t *testing.T, accounts ...string) *house {
	h := &house{t: t, dir: t.TempDir(), hands: &hands{}}
	c := &config.Config{AccountsAtOnce: 2}
	for _, name := range accounts {
		c.Accounts = append(c.Accounts, config.Account{Name: name})
	}
	h.options = Options{StateDir: h.dir, Config: c, Worker: h.hands, Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Pauses: quick}
	return h
}

// start begins to serve; stop ends it as SIGTERM does.
func (h *house) start() {
	h.t.Helper()
	if h.shared != nil {
		h.options.Shared = h.shared()
	}
	s, err := New(h.t.Context(), h.options)
	if err != nil {
		h.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	h.service = s
	h.stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	h.t.Cleanup(func() {
		if err := h.stop(); err != nil {
			h.t.Errorf("serve: %v", err)
		}
	})
}

func (h *house) control() *Control {
	h.t.Helper()
	c, err := Open(h.t.Context(), h.dir)
	if h.shared != nil {
		c, err = OpenShared(h.t.Context(), *h.shared())
	}
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { c.Close() })
	return c
}

// ask has an account's work done, and is its run.
func (h *house) ask(c *Control, account string, kind Kind) (job int64, run string) {
	h.t.Helper()
	job, run, _, err := c.Start(h.t.Context(), account, kind)
	if err != nil {
		h.t.Fatal(err)
	}
	return job, run
}

// eventually waits for what must come; how long that takes is not what is tested.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it never happens: %s", what)
		}
	}
}

func (h *house) ended(c *Control, run string) outcome.Outcome {
	h.t.Helper()
	var o *outcome.Outcome
	eventually(h.t, "the run ends", func() bool {
		var err error
		if o, err = c.Ended(h.t.Context(), run); err != nil {
			h.t.Fatal(err)
		}
		return o != nil
	})
	return *o
}

// However many wait, no more is under way than there are places, although each run has
// many slices; and all come to an end, each once.
func TestPlaces(t *testing.T) { t.Parallel(); onBoth(t, testPlaces) }

func testPlaces(t *testing.T, newHouse builder) {
	names := []string{"a", "b", "c", "d", "e"}
	h := newHouse(t, names...)
	release := make(chan struct{})
	h.hands.do = func(ctx context.Context, _ Kind, _ string) outcome.Outcome { return until(ctx, release) }
	h.start()
	c := h.control()
	var runs []string
	for _, name := range names {
		_, run := h.ask(c, name, Archive)
		runs = append(runs, run)
	}
	h.slices(4)
	if n := h.hands.most(); n != 2 {
		t.Errorf("%d at the same time, want 2", n)
	}
	close(release)
	for i, run := range runs {
		if o := h.ended(c, run); !o.OK() || o.Account != names[i] || o.Run != run {
			t.Errorf("%+v", o)
		}
	}
	if n := h.hands.most(); n != 2 {
		t.Errorf("%d at the same time, want 2", n)
	}
	for _, name := range names {
		if n := h.hands.times(name, Archive); n != 1 {
			t.Errorf("%s was begun %d times", name, n)
		}
	}
}

// slices waits until so many slices have ended, and their work has gone on.
func (h *house) slices(n int) {
	h.t.Helper()
	eventually(h.t, fmt.Sprintf("%d slices end", n), func() bool {
		found, err := h.service.queue.client.JobList(h.t.Context(), river.NewJobListParams().Queues(h.service.queue.own).States(rivertype.JobStateCompleted))
		if err != nil {
			h.t.Fatal(err)
		}
		return len(found.Jobs) >= n
	})
}

// A run that is told to stop with the service goes on when that starts again, once, and
// under the same name; only then is it told.
func TestStopAndGoOn(t *testing.T) { t.Parallel(); onBoth(t, testStopAndGoOn) }

func testStopAndGoOn(t *testing.T, newHouse builder) {
	h := newHouse(t, "a")
	var told []string
	var mu sync.Mutex
	h.options.Hooks.Tell = func(_ context.Context, _ Kind, _ *overview.Overview, o outcome.Outcome) error {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, fmt.Sprint(o.Run, o.ExitCode))
		return nil
	}
	h.hands.do = func(ctx context.Context, _ Kind, _ string) outcome.Outcome { return until(ctx, nil) }
	h.start()
	c := h.control()
	_, run := h.ask(c, "a", Archive)
	eventually(t, "it begins", func() bool { return h.hands.times("a", Archive) == 1 })
	if err := h.stop(); err != nil {
		t.Fatal(err)
	}
	if o, err := c.Ended(t.Context(), run); o != nil || err != nil {
		t.Errorf("what was interrupted has come to %v, %v", o, err)
	}
	h.hands.do = nil
	h.start()
	if o := h.ended(c, run); !o.OK() {
		t.Errorf("%+v", o)
	}
	if n := h.hands.times("a", Archive); n != 2 {
		t.Errorf("it was begun %d times", n)
	}
	eventually(t, "it is told", func() bool { mu.Lock(); defer mu.Unlock(); return len(told) > 0 })
	if err := h.stop(); err != nil {
		t.Fatal(err)
	}
	if want := []string{run + "0"}; !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
}

// What a killed process leaves is a job that seems to run. The next start takes the
// work up at once, and the old job comes to an end without doing anything.
func TestOrphans(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "a", "b")
	h.hands.do = func(ctx context.Context, _ Kind, _ string) outcome.Outcome { return until(ctx, nil) }
	h.options.Pauses.Slice = time.Hour
	h.start()
	c := h.control()
	old, run := h.ask(c, "a", Archive)
	eventually(t, "it begins", func() bool { return h.hands.times("a", Archive) == 1 })
	copied := h.killed(c)
	if err := h.stop(); err != nil {
		t.Fatal(err)
	}

	h.hands.do = nil
	h.options.StateDir = copied
	h.start()
	h.dir = copied
	c = h.control()
	if o := h.ended(c, run); !o.OK() {
		t.Errorf("%+v", o)
	}
	if n := h.hands.times("a", Archive); n != 2 {
		t.Errorf("it was begun %d times", n)
	}
	// River's rescuer brings it back as it does with all that run too long.
	job, err := h.service.queue.client.JobGet(t.Context(), old)
	if err != nil || !asksToEnd(job) {
		t.Errorf("the rescuer would have the old job done again: %v, %v", job, err)
	}
	err = h.service.slice(t.Context(), Archive, work{Account: "a", Epoch: 1}, time.Now(), nil)
	if !errors.Is(err, errPast) || h.hands.times("a", Archive) != 2 {
		t.Errorf("the old job does its work again: %v", err)
	}
}

// killed copies the state as it is now, which is what a killed process leaves.
func (h *house) killed(c *Control) (dir string) {
	h.t.Helper()
	dir = h.t.TempDir()
	if _, err := c.state.db.ExecContext(h.t.Context(), "VACUUM INTO ?", filepath.Join(dir, File)); err != nil {
		h.t.Fatal(err)
	}
	return dir
}
