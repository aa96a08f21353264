package service

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/riverqueue/river/rivertype"
)

// recover takes up what an earlier process has left. Nobody else serves, so whatever
// River believes to be running was that process's, and it is dead. Such work gets the
// next epoch, and a job that begins at once; the old job is marked as cancelled, so that
// River's rescuer, which only comes after a quarter of an hour, ends it.
func (s *Service) recover(ctx context.Context) error {
	if s.machine != nil { // others serve too
		return s.takeUpLost(ctx)
	}
	// River's leader of an earlier process is dead too. Were its clock ahead, nobody else
	// would be elected for as long, and nothing that waits for its time would be done.
	if _, err := s.state.db.ExecContext(ctx, "DELETE FROM main.river_leader"); err != nil {
		return fmt.Errorf("end what an earlier process led: %w", err)
	}
	all, err := rows(ctx, s.state.db)
	if err != nil {
		return err
	}
	for _, r := range all {
		if r.job == 0 {
			continue
		}
		if err := s.state.change(ctx, func(tx txn) error { return s.takeUp(ctx, tx, r) }); err != nil {
			return err
		}
	}
	untold, err := outcomes(ctx, s.state.db, "tell <> 0")
	if err != nil {
		return err
	}
	for _, e := range untold {
		if err := s.state.change(ctx, func(tx txn) error { return s.tellAgain(ctx, tx, e.id, e.tell) }); err != nil {
			return err
		}
	}
	return nil
}

// tellAgain is recover for an outcome that a job was telling.
func (s *Service) tellAgain(ctx context.Context, tx txn, id, tell int64) error {
	job, err := s.queue.get(ctx, tx.Tx, tell)
	switch {
	case err != nil:
		return err
	case job == nil || job.State == rivertype.JobStateCancelled || job.State == rivertype.JobStateDiscarded:
		return told(ctx, tx, id) // River or somebody has given it up
	case job.State != rivertype.JobStateRunning:
		return nil
	}
	if err := s.endJob(ctx, tx, job.ID); err != nil {
		return err
	}
	return s.willTell(ctx, tx, id, job.ID)
}

// takeUp is recover for one account's work.
func (s *Service) takeUp(ctx context.Context, tx txn, r row) error {
	job, err := s.queue.get(ctx, tx.Tx, r.job)
	switch {
	case err != nil:
		return err
	case job == nil || job.FinalizedAt != nil: // somebody has cancelled it while it waited
		return r.over().put(ctx, tx)
	case job.State != rivertype.JobStateRunning:
		return nil
	}
	if err := s.endJob(ctx, tx, job.ID); err != nil {
		return err
	}
	r.epoch++
	var w work
	if err := json.Unmarshal(job.EncodedArgs, &w); err != nil {
		return fmt.Errorf("read job %d: %w", job.ID, err)
	}
	w.Epoch, w.TakenUp = r.epoch, w.TakenUp+1
	priority, after := goesOn, s.later(w)
	if after > 0 {
		priority = begins
	}
	if r.job, err = s.queue.resume(ctx, tx.Tx, r.kind, w, priority); err != nil {
		return err
	}
	if after > 0 {
		r.began = time.Time{} // it waits
		s.log.Error("the service has ended again and again in the midst of this work, which is taken up later; is there enough memory? if the log has a panic, please report it",
			"account", r.account, "kind", r.kind, "run", r.run, "times", w.TakenUp, "after", after)
		return r.put(ctx, tx)
	}
	s.log.Info("the service ended in the midst of this work, which is taken up", "account", r.account, "kind", r.kind, "run", r.run)
	return r.put(ctx, tx)
}

// promptly is how often work is taken up at once without that one of its slices has ended
// since. It may be what ends the process, and would keep all others from being done.
const promptly = 5

// later is how long work waits that was taken up so often.
func (s *Service) later(w work) time.Duration {
	return time.Duration(min(max(w.TakenUp-promptly, 0), 60)) * s.pauses.Busy / 4
}

// forget removes outcomes that are old; also one whose telling was given up, when River
// has forgotten that too.
func (s *state) forget(ctx context.Context, before time.Time) error {
	_, err := s.db.ExecContext(ctx, "DELETE FROM main.outcome WHERE ended < ? AND tell NOT IN (SELECT id FROM main.river_job)", millis(before))
	if err != nil {
		return fmt.Errorf("remove old outcomes: %w", err)
	}
	return nil
}
