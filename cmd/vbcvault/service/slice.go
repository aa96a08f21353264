package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/outcome"
	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/progress"
)

// What a job is told that does nothing more. People read it in vbcvault jobs.
var (
	errPast    = errors.New("a later start has taken its place")
	errRemoved = errors.New("the account is no longer in the configuration")
)

// slicer is River's worker of one kind.
type slicer[T working] struct {
	river.WorkerDefaults[T]
	s    *Service
	kind Kind
}

// Work takes up the work of a job for one slice.
func (w *slicer[T]) Work(ctx context.Context, job *river.Job[T]) error {
	defer w.s.atWork(job.ID)()
	return w.s.slice(ctx, w.kind, job.Args.what(), job.CreatedAt, func(tx txn) error { return complete(ctx, tx, job) })
}

// resident is work that goes on in this process, whichever job has it now.
type resident struct {
	account config.Account // as it was when the work began
	kind    Kind
	epoch   int64
	began   time.Time
	cancel  context.CancelFunc
	done    chan struct{} // closed when out is there
	out     outcome.Outcome
	stored  bool        // it was found stored already; the loop's
	asked   bool        // somebody has cancelled it; the job's own
	yields  atomic.Bool // another machine is to go on with it
	soon    time.Time   // until then the lease of a lost machine may be why the manifest is in use; the job's own
}

// over reports whether it has come to something.
func (one *resident) over() bool {
	select {
	case <-one.done:
		return true
	default:
		return false
	}
}

// slice does at most five minutes of an account's work. What it leaves in the state is
// one of: the job waits and the work is under way, or the job is completed, the outcome
// is stored and the work is over. A crash at any moment leaves one of these too, or the
// first with a job that seems to run, for which see recover.
func (s *Service) slice(ctx context.Context, kind Kind, w work, queued time.Time, complete func(txn) error) error {
	brief, cancel := s.state.within(ctx)
	defer cancel()
	r, err := rowOf(brief, s.state.db, w.Account, kind)
	if err != nil {
		return err
	}
	if r.epoch != w.Epoch || r.job == 0 {
		return river.JobCancel(errPast)
	}
	if r.due.Before(queued) {
		r.due = queued // what is made up for has not waited since it was due
	}
	if wait := s.later(w) - s.machine.Now().Sub(queued); wait > 0 && r.began.IsZero() {
		return river.JobSnooze(min(wait, s.later(w))) // the clock may have been set back
	}
	if s.machine.drains() && !s.hasResident(r) {
		return s.handOver(ctx, r, complete)
	}
	one, err := s.resident(brief, r)
	if one == nil || err != nil {
		return err
	}
	if w.TakenUp > 0 && s.machine != nil {
		one.soon = queued.Add(s.pauses.Busy)
	}
	timer := time.NewTimer(s.pauses.Slice)
	defer timer.Stop()
	select {
	case <-one.done:
	case <-s.cut.wait():
		return s.goOn(ctx, r, one, complete)
	case <-timer.C:
		if !s.makesRoom(ctx, one) {
			return s.goOn(ctx, r, one, complete)
		}
		s.log.Info("the work makes room for others that wait; it goes on later", "account", r.account, "kind", kind)
		one.cancel()
		<-one.done
		if one.out.ExitCode == outcome.Interrupted && s.draining.Err() == nil {
			s.leave(one)
			cancelled, err := s.nextSlice(ctx, r, complete, begins)
			if !cancelled {
				return err
			}
			one.asked = true
		}
	case <-ctx.Done():
		if !isCancelled(ctx) { // it has taken longer than it may: the state may have been busy
			return s.goOn(ctx, r, one, complete)
		}
		one.cancel()
		<-one.done
	}
	return s.over(ctx, r, one, complete)
}

// hasResident reports whether the work of a row goes on in this process.
func (s *Service) hasResident(r row) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	is := s.residents[r.account]
	return is != nil && is.kind == r.kind && is.epoch == r.epoch
}

// resident is the work of a row, which begins if it isn't going on yet. Without one
// there is nothing to do now, and the error says what becomes of the job.
func (s *Service) resident(ctx context.Context, r row) (*resident, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	is := s.residents[r.account]
	switch {
	case is != nil && is.kind == r.kind && is.epoch == r.epoch:
		return is, nil
	case is != nil && is.kind == r.kind && is.over(): // of a job that somebody has taken away
		delete(s.residents, r.account)
	case is != nil && is.kind == r.kind:
		is.cancel()
		return nil, river.JobSnooze(s.pauses.Busy)
	case is != nil: // one account's work is done one after the other
		return nil, river.JobSnooze(s.pauses.Busy)
	}
	if s.draining.Err() != nil {
		return nil, river.JobSnooze(0)
	}
	a, known := accountOf(s.config, r.account)
	if !known {
		return nil, errors.Join(s.note(ctx, r, row.over), river.JobCancel(errRemoved))
	}
	fresh, now := r.began.IsZero(), s.machine.Now()
	if err := s.note(ctx, r, func(r row) row { r.began = now; return r }); err != nil {
		return nil, err
	}
	if err := s.machine.ran(ctx, r.account); err != nil {
		return nil, err
	}
	run, cancel := context.WithCancel(s.draining)
	is = &resident{account: a, kind: r.kind, epoch: r.epoch, began: now, cancel: cancel, done: make(chan struct{})}
	s.residents[r.account] = is
	if fresh {
		s.log.Info("work begins", "account", r.account, "kind", r.kind, "run", r.run)
	} else {
		s.log.Info("work goes on", "account", r.account, "kind", r.kind, "run", r.run)
	}
	s.working.Go(func() { s.do(run, is, r.run) })
	return is, nil
}

// do has the work done. Whatever happens to it happens to no other account's.
func (s *Service) do(ctx context.Context, one *resident, run string) {
	defer close(one.done)
	defer one.cancel()
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("the work has failed in a way that nobody expected; please report it", "account", one.account.Name, "kind", one.kind,
				"panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			one.out = outcome.Outcome{Account: one.account.Name, Began: one.began.UTC(), Ended: time.Now().UTC(), ExitCode: exitStopped,
				Error: "an error of the program; see the log of vbcvault serve", ErrorCode: code.Failed}
		}
	}()
	if s.hooks.Began != nil {
		s.hooks.Began(one.account, one.kind, run)
	}
	watch := func(stats *progress.Stats) {
		if s.hooks.Watch != nil {
			s.hooks.Watch(one.account, stats)
		}
	}
	one.out = one.kind.do(ctx, s.worker, one.account, watch)
}

// exitStopped is vbcvault's exit code of what has stopped early.
const exitStopped = 3

// makesRoom reports whether it is another account's turn: one waits for a place, and
// this work has had its own for as long.
func (s *Service) makesRoom(ctx context.Context, one *resident) bool {
	if s.machine.Now().Sub(one.began) < s.pauses.Turn {
		return false
	}
	since, err := s.queue.waitingSince(ctx)
	if err != nil {
		s.log.Warn("the queue can't be read", "reason", err)
		return false
	}
	return !since.IsZero() && s.machine.Now().Sub(since) >= s.pauses.Turn
}

// isCancelled reports whether somebody has cancelled the job.
func isCancelled(ctx context.Context) bool {
	return errors.Is(context.Cause(ctx), rivertype.ErrJobCancelledRemotely)
}

// goOn ends a slice of work that goes on.
func (s *Service) goOn(ctx context.Context, r row, one *resident, complete func(txn) error) error {
	cancelled, err := s.nextSlice(ctx, r, complete, goesOn)
	if cancelled {
		one.asked = true
		one.cancel()
		<-one.done
		return s.over(ctx, r, one, complete)
	}
	return err
}

// nextSlice completes a job and inserts the next one for the same work. Jobs that go on
// come before those that begin, so that no more is under way than there are places. If
// somebody has just cancelled the job, nothing is changed.
func (s *Service) nextSlice(ctx context.Context, r row, complete func(txn) error, priority int) (cancelled bool, err error) {
	ctx = context.WithoutCancel(ctx)
	err = s.state.change(ctx, func(tx txn) (err error) {
		epoch := r.epoch
		if r, err = rowOf(ctx, tx, r.account, r.kind); err != nil {
			return err
		}
		if r.epoch != epoch {
			return river.JobCancel(errPast)
		}
		job, err := s.queue.get(ctx, tx.Tx, r.job)
		if cancelled = asksToEnd(job); cancelled || err != nil {
			return err
		}
		if err := complete(tx); err != nil {
			return err
		}
		if r.job, err = s.queue.insert(ctx, tx.Tx, r.kind, work{Account: r.account, Epoch: r.epoch}, priority); err != nil {
			return err
		}
		if priority != goesOn {
			r.began = time.Time{}
		}
		return r.put(ctx, tx)
	})
	return cancelled, err
}

// leave forgets a resident.
func (s *Service) leave(one *resident) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.residents[one.account.Name] == one {
		delete(s.residents, one.account.Name)
	}
}

// goesElsewhere is leave for work that has come to nothing here.
func (s *Service) goesElsewhere(one *resident) {
	s.leave(one)
	if s.hooks.Left != nil {
		s.hooks.Left(one.account, one.kind)
	}
}

// patience is how long work waits for a manifest that something else is using. A run
// elsewhere may take days; one that takes longer than a day is worth a word.
const patience = 24 * time.Hour

// over ends work that has come to something. If that can't be stored, the error has
// River try again: the work itself isn't done again, since it is still resident.
func (s *Service) over(ctx context.Context, r row, one *resident, complete func(txn) error) error {
	cancelled := isCancelled(ctx) || one.asked
	ctx = context.WithoutCancel(ctx)
	o := one.out
	o.Run, o.Account = r.run, r.account
	switch {
	case o.ExitCode == outcome.Interrupted && s.machine != nil && !cancelled && (s.draining.Err() != nil || one.yields.Load()):
		s.log.Info("work is interrupted; another machine goes on with it", "account", r.account, "kind", r.kind, "run", r.run)
		s.goesElsewhere(one)
		return s.handOver(ctx, r, complete)
	case o.ExitCode == outcome.Interrupted && s.draining.Err() != nil:
		s.log.Info("work is interrupted; it goes on when the service starts again", "account", r.account, "kind", r.kind, "run", r.run)
		s.leave(one)
		return river.JobSnooze(0)
	case o.ErrorCode == code.Lease && s.machine != nil && !cancelled:
		s.log.Warn("the lease of the manifest was lost; the work goes on when it is free again, on any machine", "account", r.account, "kind", r.kind, "run", r.run, "reason", o.Error)
		s.goesElsewhere(one)
		return river.JobSnooze(s.pauses.Busy)
	case (o.ErrorCode == code.AnotherRun || o.Skipped) && !cancelled && s.machine.Now().Sub(r.due) < patience:
		level := slog.LevelInfo
		if s.machine.Now().Sub(r.due) > time.Hour { // it has been said often enough
			level = slog.LevelDebug
		}
		s.log.Log(ctx, level, "another run uses the manifest; the work is tried again", "account", r.account, "kind", r.kind, "manifest", o.Manifest)
		s.leave(one)
		waits := func(r row) row { r.began = time.Time{}; return r }
		pause := s.pauses.Busy
		if s.machine.Now().Before(one.soon) { // a manifest's lease ends some seconds after the machine is lost
			pause /= 12
		}
		return errors.Join(s.note(ctx, r, waits), river.JobSnooze(pause))
	}
	if o.Skipped { // with skip-if-running a command leaves it to the other run, but here nothing was done for a day
		o.Skipped, o.ExitCode, o.ErrorCode = false, exitStopped, code.AnotherRun
		o.Error, o.Hint = "another run uses the manifest, and nothing was done", "see whether that run gets on: vbcvault status --manifest "+o.Manifest
	}
	switch err := s.store(ctx, r, o, complete); {
	case errors.Is(err, errPast): // another job for the same work has stored it, or another machine does it
		if s.machine != nil {
			s.goesElsewhere(one)
		}
		return river.JobCancel(err)
	case err != nil:
		s.log.Error("the outcome can't be stored; it is tried again", "account", r.account, "kind", r.kind, "reason", err)
		return err
	}
	s.ended(one, r, o)
	return nil
}

// ended says what work came to that is stored.
func (s *Service) ended(one *resident, r row, o outcome.Outcome) {
	s.leave(one)
	s.say(r, o)
	if s.hooks.Ended != nil {
		s.hooks.Ended(one.account, r.kind, o)
	}
}

// note changes the row of work, which the scheduler changes too: it is read again.
func (s *Service) note(ctx context.Context, r row, change func(row) row) error {
	return s.state.change(ctx, func(tx txn) error {
		is, err := rowOf(ctx, tx, r.account, r.kind)
		if err != nil || is.epoch != r.epoch {
			return err
		}
		return change(is).put(ctx, tx)
	})
}

// say writes the one line about work that is over.
func (s *Service) say(r row, o outcome.Outcome) {
	attrs := []any{"account", r.account, "kind", r.kind, "run", r.run, "exit", o.ExitCode, "took", o.Ended.Sub(o.Began).Round(time.Millisecond)}
	if r.kind == Archive {
		attrs = append(attrs, "archived", o.Archived, "deleted", o.Deleted, "failed", o.Failed)
	}
	if o.OK() {
		s.log.Info("work is done", attrs...)
		return
	}
	s.log.Warn("work has ended with trouble", append(attrs, "code", o.ErrorCode, "reason", o.Error, "hint", o.Hint)...)
}

func accountOf(c *config.Config, name string) (config.Account, bool) {
	for _, a := range c.Accounts {
		if a.Name == name {
			return a, true
		}
	}
	return config.Account{}, false
}
