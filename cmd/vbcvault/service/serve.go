package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/riverqueue/river"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/overview"
)

// Service serves. What it has under way is in memory and in the state; all else is in
// the state alone.
type Service struct {
	state        *state
	queue        *rivers
	scheduler    *scheduler
	worker       Worker
	hooks        Hooks
	readOverview func(context.Context, string) (*overview.Overview, error)
	load         func(context.Context) (*config.Config, error)
	notifier     Notifier
	log          *slog.Logger
	pauses       Pauses
	machine      *machine // nil = this one is alone

	draining context.Context // has ended when no more is begun and all is to come to its end
	drain    context.CancelFunc
	cut      bell           // ends all slices now; the work goes on
	working  sync.WaitGroup // goroutines with work
	reloads  chan struct{}

	mu        sync.Mutex
	jobs      map[int64]bool // of River, that are being done in this process
	config    *config.Config
	residents map[string]*resident // by account
	bad       error                // why the file as it is now isn't used, nil = it is
	forgotten time.Time            // of the loop: when old outcomes were removed last
}

// New opens the state and takes up what an earlier process has left. It sends nothing.
// The errors say ErrServing, ErrNewer or ErrDamaged if that is it.
func New(ctx context.Context, o Options) (*Service, error) {
	st, err := takeState(ctx, o)
	if err != nil {
		return nil, err
	}
	s := &Service{
		state: st, worker: o.Worker, hooks: o.Hooks, readOverview: o.Overview, load: o.Load, notifier: o.Notifier, log: o.Log,
		pauses: o.Pauses.orUsual(), config: o.Config, residents: map[string]*resident{}, jobs: map[int64]bool{}, reloads: make(chan struct{}, 1),
	}
	if s.notifier == nil {
		s.notifier = nobody{}
	}
	s.draining, s.drain = context.WithCancel(context.Background())
	if o.Shared != nil {
		s.machine, err = newMachine(ctx, st, o)
	}
	if err == nil {
		s.queue, err = newRivers(st, s.riverConfig())
	}
	if err == nil {
		s.queue.own = s.workQueue()
		s.scheduler = &scheduler{state: st, queue: s.queue, log: s.log}
		if err = s.recover(ctx); err == nil {
			err = s.forget(ctx)
		}
	}
	if err != nil {
		return nil, errors.Join(err, st.Close())
	}
	return s, nil
}

func (s *Service) riverConfig() *river.Config {
	workers := river.NewWorkers()
	river.AddWorker(workers, &slicer[archiveArgs]{s: s, kind: Archive})
	river.AddWorker(workers, &slicer[verifyArgs]{s: s, kind: Verify})
	river.AddWorker(workers, &slicer[catalogArgs]{s: s, kind: Catalog})
	river.AddWorker(workers, &slicer[backupArgs]{s: s, kind: Backup})
	river.AddWorker(workers, &slicer[auditArgs]{s: s, kind: Audit})
	river.AddWorker(workers, &teller{s: s})
	river.AddWorker(workers, &reporter{s: s})
	c := &river.Config{
		Queues:               map[string]river.QueueConfig{s.workQueue(): s.places(), tellQueue: {MaxWorkers: tellers}},
		Workers:              workers,
		FetchCooldown:        min(river.FetchCooldownDefault, s.pauses.Poll),
		FetchPollInterval:    s.pauses.Poll,
		JobTimeout:           2 * max(s.pauses.Slice, time.Minute), // of a slice, with the time that ending a run takes
		RescueStuckJobsAfter: 3 * max(s.pauses.Slice, time.Minute),
		Logger:               slog.New(onlyWarnings{s.log.Handler()}),
	}
	if s.machine != nil {
		s.machine.configure(c)
	}
	return c
}

// workQueue is the queue of which this process does the work.
func (s *Service) workQueue() string {
	if s.machine != nil {
		return s.machine.queue()
	}
	return workQueue
}

// tellers are how many outcomes are told at the same time. Each may wait half a minute
// for a notifier that doesn't answer, and there are hundreds in a night.
const tellers = 16

// places are River's places for work.
func (s *Service) places() river.QueueConfig {
	return river.QueueConfig{MaxWorkers: places(s.config)}
}

func places(c *config.Config) int { return max(c.AccountsAtOnce, 1) }

// Run serves until ctx has ended and all that was under way has come to its end, or the
// state fails. What has ended then is stored, and the rest goes on with the next start.
func (s *Service) Run(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, s.state.Close()) }()
	if err := s.queue.client.Start(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("start the queue: %w", err)
	}
	if s.machine != nil {
		ended := s.share(ctx)
		defer func() { err = errors.Join(err, ended()) }() // before the state is closed
	}
	s.log.Info("vbcvault serve is ready", "accounts", len(s.config.Accounts), "at_once", s.places().MaxWorkers, "state", s.state.path)
	s.notifier.Ready()
	err = s.loop(ctx)
	s.notifier.Stopping()
	s.log.Info("vbcvault serve stops; it waits for the transfers in progress", "under_way", s.underWay())
	s.drain()
	if e := s.queue.client.Stop(context.WithoutCancel(ctx)); e != nil {
		err = errors.Join(err, fmt.Errorf("stop the queue: %w", e))
	}
	s.working.Wait()
	return err
}

// loop looks at the clock until ctx has ended.
func (s *Service) loop(ctx context.Context) error {
	tick := time.NewTicker(s.pauses.Schedule)
	defer tick.Stop()
	for failed := 0; ; {
		next, err := s.lookWithin(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			failed = 0
			s.status(ctx, next)
		default: // a full disk may have room again
			if failed++; failed == 1 || failed%60 == 0 {
				s.log.Error("the schedule can't be kept; it is tried again", "reason", err)
			}
			s.notifier.Status("The schedule can't be kept: " + err.Error())
		}
		s.notifier.Alive()
		early := time.NewTimer(max(next.Sub(s.machine.Now()), 0))
		if next.IsZero() || err != nil {
			early.Stop()
		}
		select {
		case <-ctx.Done():
			early.Stop()
			return nil
		case <-s.reloads:
			if err := s.reload(ctx); err != nil {
				return err
			}
		case <-tick.C:
		case <-early.C:
		}
		early.Stop()
	}
}

// lookWithin is look, which takes a minute at most where the database is elsewhere.
func (s *Service) lookWithin(ctx context.Context) (time.Time, error) {
	if s.machine != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, stuckAfter/2)
		defer cancel()
	}
	return s.look(ctx)
}

// look begins what is due.
func (s *Service) look(ctx context.Context) (time.Time, error) {
	s.mu.Lock()
	c := s.config
	s.mu.Unlock()
	if err := s.forget(ctx); err != nil {
		return time.Time{}, err
	}
	if err := s.findAstray(ctx); err != nil {
		return time.Time{}, err
	}
	if s.machine != nil && !s.machine.mayBegin() {
		return time.Time{}, nil
	}
	return s.scheduler.tick(ctx, c, s.machine.Now())
}

// forget removes outcomes that are old, once a day.
func (s *Service) forget(ctx context.Context) error {
	now := s.machine.Now()
	if now.Sub(s.forgotten) < 24*time.Hour {
		return nil
	}
	s.forgotten = now
	return s.state.forget(ctx, now.Add(-kept))
}

// atWork notes that a job is being done until done is called.
func (s *Service) atWork(job int64) (done func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.jobs[job] = true
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.jobs, job)
	}
}

func (s *Service) underWay() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.residents)
}

// orUsual fills in what is zero.
func (p Pauses) orUsual() Pauses {
	for _, one := range []struct {
		is    *time.Duration
		usual time.Duration
	}{
		{&p.Slice, 5 * time.Minute}, {&p.Turn, time.Hour}, {&p.Busy, time.Minute}, {&p.Poll, time.Second}, {&p.Schedule, 10 * time.Second},
		{&p.Lost, time.Minute}, {&p.Grace, 5 * time.Second},
	} {
		if *one.is == 0 {
			*one.is = one.usual
		}
	}
	return p
}

// nobody is told nothing.
type nobody struct{}

func (nobody) Ready()        {}
func (nobody) Status(string) {}
func (nobody) Reloading()    {}
func (nobody) Stopping()     {}
func (nobody) Alive()        {}

// onlyWarnings is a log of River's trouble: what it does well is nobody's news.
type onlyWarnings struct{ slog.Handler }

func (h onlyWarnings) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && h.Handler.Enabled(ctx, level)
}

func (h onlyWarnings) WithAttrs(attrs []slog.Attr) slog.Handler {
	return onlyWarnings{h.Handler.WithAttrs(attrs)}
}
func (h onlyWarnings) WithGroup(name string) slog.Handler {
	return onlyWarnings{h.Handler.WithGroup(name)}
}

// bell wakes all who wait, as often as one likes.
type bell struct {
	mu sync.Mutex
	ch chan struct{}
}

func (s *bell) wait() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ch == nil {
		s.ch = make(chan struct{})
	}
	return s.ch
}

func (s *bell) give() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ch != nil {
		close(s.ch)
		s.ch = nil
	}
}

// Ready reports why the service can't work now, nil if it can: its state must take
// writes.
func (s *Service) Ready(ctx context.Context) error {
	return s.state.change(ctx, func(tx txn) error {
		if _, err := tx.ExecContext(ctx, "UPDATE main.schedule SET next = next WHERE false"); err != nil {
			return fmt.Errorf("write to %s: %w", s.state.path, err)
		}
		return nil
	})
}
