package service

import (
	"context"
	"fmt"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/outcome"
)

// longestWait is how far ahead a job's time may lie, longestRetry that of one that has
// failed: River doubles its pauses up to some days.
const (
	longestWait  = 2 * time.Hour
	longestRetry = 5 * 24 * time.Hour
)

// findAstray takes up what nothing else would come back to.
func (s *Service) findAstray(ctx context.Context) error {
	if err := s.awake(ctx, s.machine.Now()); err != nil {
		return err
	}
	s.mu.Lock()
	all := make([]*resident, 0, len(s.residents))
	for _, one := range s.residents {
		all = append(all, one)
	}
	s.mu.Unlock()
	for _, one := range all {
		if err := s.endAstray(ctx, one); err != nil {
			return err
		}
	}
	return nil
}

// awake has jobs done whose time lies further ahead than any that the service gives: the
// clock has been set back since.
func (s *Service) awake(ctx context.Context, now time.Time) error {
	waits := river.NewJobListParams().States(rivertype.JobStateAvailable, rivertype.JobStateScheduled, rivertype.JobStateRetryable)
	found, err := s.queue.client.JobList(ctx, waits.OrderBy(river.JobListOrderByScheduledAt, river.SortOrderDesc).First(1000))
	if err != nil {
		return fmt.Errorf("see what waits: %w", err)
	}
	for _, job := range found.Jobs {
		most := longestWait
		if job.State == rivertype.JobStateRetryable {
			most = longestRetry
		}
		if !job.ScheduledAt.After(now.Add(most)) {
			continue
		}
		s.log.Warn("the clock was ahead and is set back: a job that waits for a time that is far away begins now", "job", job.ID, "waits_for", stamp(job.ScheduledAt))
		if _, err := s.queue.client.JobRetry(ctx, job.ID); err != nil {
			return fmt.Errorf("begin job %d: %w", job.ID, err)
		}
	}
	return nil
}

// endAstray ends work whose job is over before it: River gives up a job whose outcome
// can't be stored for weeks. No job would store it then, and the account's other work would
// wait for it for ever.
func (s *Service) endAstray(ctx context.Context, one *resident) error {
	var r row
	var o outcome.Outcome
	stored := false
	err := s.state.change(ctx, func(tx txn) (err error) {
		stored = false
		if r, err = rowOf(ctx, tx, one.account.Name, one.kind); err != nil {
			return err
		}
		if r.epoch == one.epoch && r.job == 0 { // it is stored, and about to be left
			if one.over() && one.stored { // by whoever never learned that it was
				s.goesElsewhere(one)
			}
			one.stored = one.over()
			return nil
		}
		if r.epoch == one.epoch {
			if is, err := s.queue.open(ctx, tx.Tx, r.job); is || err != nil {
				return err
			}
		}
		one.cancel() // what has come to its end already isn't changed
		switch {
		case !one.over():
			return nil
		case r.epoch != one.epoch && s.machine != nil: // another machine goes on with it
			s.goesElsewhere(one)
			return nil
		case r.epoch != one.epoch:
			return nil // a later job of this kind comes upon it
		}
		o = one.out
		o.Run, o.Account = r.run, r.account
		stored = true
		return s.keep(ctx, tx, r, o)
	})
	if err == nil && stored {
		s.ended(one, r, o)
	}
	return err
}

// keep writes what the work of a row came to, and has it told.
func (s *Service) keep(ctx context.Context, tx txn, r row, o outcome.Outcome) error {
	id, err := putOutcome(ctx, tx, ended{kind: r.kind, job: r.job, Outcome: o})
	if err != nil {
		return err
	}
	if err := r.over().put(ctx, tx); err != nil {
		return err
	}
	return s.willTell(ctx, tx, id, 0)
}
