package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/riverqueue/river"
)

// With several machines, nobody's places are in the queue in which work waits: each
// machine has a queue of its own, for what goes on there, and takes from the common one
// as much as it has room for. Who does what is decided by one machine at a time.
const ownQueue = workQueue + "_"

// claiming is the lock under which that is decided, until the end of a transaction.
const claiming = mark + 1

// keepTaking takes up what lost machines had, and takes work, until ctx ends.
func (s *Service) keepTaking(ctx context.Context) {
	for failed := false; ; {
		select {
		case <-ctx.Done():
			return
		case <-time.After(s.pauses.Poll):
		}
		if s.machine.drains() {
			s.handOverAll()
		}
		brief, cancel := context.WithTimeout(ctx, time.Minute)
		err := s.takeUpLost(brief)
		if err == nil && s.draining.Err() == nil && s.machine.mayBegin() {
			err = s.take(brief)
		}
		cancel()
		if err != nil && ctx.Err() == nil && !failed {
			s.log.Error("the database can't be asked for work; it is tried again", "reason", err)
		}
		failed = err != nil
	}
}

// take takes as much of the work that waits as this machine has places for, but leaves
// the others their part. Work of an account that is under way somewhere is for that
// machine; else it goes to where the account's work was done last, as long as that
// machine has a place, or for a while.
func (s *Service) take(ctx context.Context) error {
	s.mu.Lock()
	most := places(s.config)
	s.mu.Unlock()
	return s.state.change(ctx, func(tx txn) error {
		var mine bool
		if err := tx.QueryRowContext(ctx, "SELECT pg_try_advisory_xact_lock(?)", int64(claiming)).Scan(&mine); err != nil || !mine {
			return err // another machine is at it
		}
		// What this machine has put off may be done by any.
		if _, err := tx.ExecContext(ctx, "UPDATE main.river_job SET queue = ? WHERE queue = ? AND state = 'scheduled'", workQueue, s.machine.queue()); err != nil {
			return fmt.Errorf("give back what waits: %w", err)
		}
		_, err := tx.ExecContext(ctx, takeText, s.machine.queue(), s.machine.home, ownQueue, workQueue, most, s.pauses.Grace.Milliseconds())
		if err != nil {
			return fmt.Errorf("take work: %w", err)
		}
		return nil
	})
}

// takeText has, in this order: the queue of this machine, its home, what all such queues
// begin with, the common queue, the places here, and the milliseconds for which work
// waits for the machine that has done its account's last.
const takeText = `WITH
	the AS (SELECT ?::text AS queue, ?::text AS home, ?::text AS prefix, ?::text AS common, ?::bigint AS places, ?::bigint * interval '1 millisecond' AS grace),
	busy AS (SELECT j.queue, j.args->>'account' AS account, j.state FROM main.river_job j, the
		WHERE starts_with(j.queue, the.prefix) AND j.state IN ('available', 'running', 'retryable', 'scheduled')),
	alive AS (SELECT m.home, m.instance, m.places - (SELECT count(*) FROM busy, the WHERE busy.queue = the.prefix || m.instance AND busy.state <> 'scheduled') AS free
		FROM main.machine m WHERE m.until > clock_timestamp() AND NOT m.drain),
	waiting AS (SELECT j.id, j.priority, j.scheduled_at, coalesce(r.home = the.home, false) AS own
		FROM the JOIN main.river_job j ON j.queue = the.common LEFT JOIN main.ran r ON r.account = j.args->>'account'
		WHERE (j.state = 'available' OR j.state IN ('scheduled', 'retryable') AND j.scheduled_at <= clock_timestamp())
			AND NOT EXISTS (SELECT FROM busy WHERE busy.account = j.args->>'account' AND busy.queue <> the.queue)
			AND (r.home IS NULL OR r.home = the.home OR j.scheduled_at < clock_timestamp() - the.grace
				OR NOT EXISTS (SELECT FROM alive WHERE alive.home = r.home AND alive.free > 0))),
	room AS (SELECT greatest(0, least(
		the.places - (SELECT count(*) FROM busy WHERE busy.queue = the.queue AND busy.state <> 'scheduled'),
		(SELECT ceil(count(*)::numeric / greatest(1, (SELECT count(*) FROM alive WHERE free > 0))) FROM waiting)::bigint)) AS n FROM the),
	taken AS (SELECT j.id FROM main.river_job j JOIN waiting ON waiting.id = j.id
		ORDER BY waiting.priority, waiting.own DESC, waiting.scheduled_at, waiting.id LIMIT (SELECT n FROM room) FOR UPDATE OF j SKIP LOCKED)
UPDATE main.river_job SET queue = (SELECT queue FROM the), state = 'available', scheduled_at = least(river_job.scheduled_at, clock_timestamp())
FROM taken WHERE river_job.id = taken.id AND river_job.state <> 'running'`

// takeUpLost has others do what machines had that are lost, also this one.
func (s *Service) takeUpLost(ctx context.Context) error {
	const alive = "(SELECT instance FROM main.machine WHERE until > clock_timestamp())"
	all, err := lostJobs(ctx, s.state.db, `SELECT id, queue, kind, state, args FROM main.river_job WHERE state IN ('available', 'running', 'scheduled', 'retryable')
		AND (starts_with(queue, ?) AND substr(queue, ?) NOT IN `+alive+` OR queue = ? AND state = 'running' AND attempted_by[array_upper(attempted_by, 1)] NOT IN `+alive+`)`,
		ownQueue, len(ownQueue)+1, tellQueue)
	if err != nil {
		return fmt.Errorf("see what lost machines had: %w", err)
	}
	var errs []error
	for _, j := range all {
		errs = append(errs, s.takeUpOne(ctx, j))
	}
	return errors.Join(append(errs, s.takeUpOwn(ctx))...)
}

// takeUpOwn has jobs done again that this process seems to do, and doesn't: the answer in
// which River was given them was lost, or the database was away when they had ended.
// Where the work goes on, or has ended, the job finds it.
func (s *Service) takeUpOwn(ctx context.Context) error {
	all, err := lostJobs(ctx, s.state.db, `SELECT id, queue, kind, state, args FROM main.river_job WHERE state = 'running'
		AND attempted_by[array_upper(attempted_by, 1)] = ? AND attempted_at < clock_timestamp() - ?::bigint * interval '1 millisecond'`,
		s.machine.instance, s.machine.lost.Milliseconds()/2)
	if err != nil {
		return fmt.Errorf("see what this machine does: %w", err)
	}
	s.mu.Lock()
	all = slices.DeleteFunc(all, func(j lostJob) bool { return s.jobs[j.id] })
	s.mu.Unlock()
	for _, j := range all {
		s.log.Warn("a job was lost between the database and this machine; it is done again", "job", j.id, "kind", j.kind)
		if _, err := s.state.db.ExecContext(ctx, "UPDATE main.river_job SET state = 'available' WHERE id = ? AND state = 'running'", j.id); err != nil {
			return fmt.Errorf("have job %d done: %w", j.id, err)
		}
	}
	return nil
}

// lostJob is a job that a lost machine had.
type lostJob struct {
	id    int64
	queue string
	kind  string
	state string
	args  string
}

func lostJobs(ctx context.Context, q querier, text string, args ...any) (all []lostJob, err error) {
	err = each(ctx, q, func(scan func(...any) error) error {
		var j lostJob
		err := scan(&j.id, &j.queue, &j.kind, &j.state, &j.args)
		all = append(all, j)
		return err
	}, text, args...)
	return all, err
}

// takeUpOne has one job done by whoever has a place for it.
func (s *Service) takeUpOne(ctx context.Context, j lostJob) error {
	if j.state != "running" {
		_, err := s.state.db.ExecContext(ctx, "UPDATE main.river_job SET queue = ?, scheduled_at = least(scheduled_at, clock_timestamp()) WHERE id = ? AND queue = ? AND state = ?",
			workQueue, j.id, j.queue, j.state)
		if err != nil {
			return fmt.Errorf("take up job %d: %w", j.id, err)
		}
		return nil
	}
	if j.kind == (tellArgs{}).Kind() {
		var t tellArgs
		if err := json.Unmarshal([]byte(j.args), &t); err != nil {
			return fmt.Errorf("read job %d: %w", j.id, err)
		}
		return s.state.change(ctx, func(tx txn) error { return s.tellAgain(ctx, tx, t.Outcome, j.id) })
	}
	var w work
	if err := json.Unmarshal([]byte(j.args), &w); err != nil {
		return fmt.Errorf("read job %d: %w", j.id, err)
	}
	return s.state.change(ctx, func(tx txn) error {
		is, err := isFree(ctx, tx, w.Account, Kind(j.kind))
		if !is || err != nil {
			return err // another machine is at it
		}
		r, err := rowOf(ctx, tx, w.Account, Kind(j.kind))
		if err != nil {
			return err
		}
		if r.job != j.id {
			return s.endJob(ctx, tx, j.id) // it is the job of nothing any more
		}
		return s.takeUp(ctx, tx, r)
	})
}

// handOverAll ends what goes on here, for others to go on with.
func (s *Service) handOverAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range s.residents {
		if !one.yields.Swap(true) {
			one.cancel()
		}
	}
}

// handOver completes the job of work that is interrupted, and has any machine go on.
func (s *Service) handOver(ctx context.Context, r row, complete func(txn) error) error {
	return s.state.change(ctx, func(tx txn) error {
		is, err := rowOf(ctx, tx, r.account, r.kind)
		if err != nil {
			return err
		}
		if is.epoch != r.epoch || is.job == 0 {
			return river.JobCancel(errPast)
		}
		if err := complete(tx); err != nil {
			return err
		}
		is.epoch++ // so that what is left of this job, if anything is, does nothing
		if is.job, err = s.queue.resume(ctx, tx.Tx, r.kind, work{Account: r.account, Epoch: is.epoch}, goesOn); err != nil {
			return err
		}
		return is.put(ctx, tx)
	})
}

// endJob ends a job of a process that is no more, or that others take to be so.
func (s *Service) endJob(ctx context.Context, tx txn, job int64) error {
	var err error
	if tx.postgres { // River's own way leaves the end to the process
		_, err = tx.ExecContext(ctx, "UPDATE main.river_job SET state = 'cancelled', finalized_at = clock_timestamp() WHERE id = ? AND state = 'running'", job)
	} else {
		_, err = s.queue.client.JobCancelTx(ctx, tx.Tx, job)
	}
	if err != nil {
		return fmt.Errorf("end job %d of an earlier process: %w", job, err)
	}
	return nil
}
