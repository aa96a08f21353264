package service

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/outcome"
)

// Control looks at the work of a service, and asks for some, from another process. All
// goes through the state: the service needs not even be running.
type Control struct {
	state *state
	queue *rivers
	dir   string
}

// Open opens the state that a service keeps in a directory; ErrNoService if none ever
// has.
func Open(ctx context.Context, dir string) (*Control, error) {
	st, err := openState(ctx, dir)
	if err != nil {
		return nil, err
	}
	q, err := newRivers(st, &river.Config{Logger: quiet})
	if err != nil {
		return nil, errors.Join(err, st.Close())
	}
	return &Control{state: st, queue: q, dir: dir}, nil
}

// OpenShared opens the state that several machines share; ErrNoService if none ever did.
func OpenShared(ctx context.Context, sh Shared) (*Control, error) {
	st, err := openShared(ctx, sh, "", false)
	if err != nil {
		return nil, err
	}
	q, err := newRivers(st, &river.Config{Logger: quiet})
	if err != nil {
		return nil, errors.Join(err, st.Close())
	}
	return &Control{state: st, queue: q}, nil
}

// Close closes it.
func (c *Control) Close() error { return c.state.Close() }

// Serving reports whether a service is running, which does what is asked for.
func (c *Control) Serving(ctx context.Context) (bool, error) {
	if c.state.shared {
		return c.state.anybody(ctx)
	}
	return serving(c.dir)
}

// ErrNoJob says that there is no such job.
var ErrNoJob = errors.New("there is no such job")

// Start asks for an account's work, to begin before what has not begun. Work of this
// kind that waits or is under way already is left as it is. run is in its outcome.
func (c *Control) Start(ctx context.Context, account string, kind Kind) (job int64, run string, already bool, err error) {
	err = c.state.change(ctx, func(tx txn) (err error) {
		job, run, already, err = c.startIn(ctx, tx, account, kind)
		return err
	})
	return job, run, already, err
}

func (c *Control) startIn(ctx context.Context, tx txn, account string, kind Kind) (job int64, run string, already bool, err error) {
	r, err := rowOf(ctx, tx, account, kind)
	if err != nil {
		return 0, "", false, err
	}
	if r.job != 0 {
		if already, err = c.queue.open(ctx, tx.Tx, r.job); err != nil {
			return 0, "", false, err
		}
	}
	if !already {
		s := scheduler{state: c.state, queue: c.queue, log: quiet}
		if err := s.begin(ctx, tx, &r, time.Now(), false, asked); err != nil {
			return 0, "", false, err
		}
	}
	return r.job, r.run, already, nil
}

// Ended is what a run came to, nil if it hasn't come to an end, or was cancelled before
// it began.
func (c *Control) Ended(ctx context.Context, run string) (*outcome.Outcome, error) {
	found, err := outcomes(ctx, c.state.db, "run = ? ORDER BY id DESC LIMIT 1", run)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0].Outcome, nil
}

// Waits reports whether a run still waits or is under way.
func (c *Control) Waits(ctx context.Context, run string) (is bool, err error) {
	err = c.state.change(ctx, func(tx txn) error {
		all, err := rows(ctx, tx)
		for _, r := range all {
			if r.run != run || r.job == 0 {
				continue
			}
			if is, err = c.queue.open(ctx, tx.Tx, r.job); err != nil || is {
				return err
			}
			// Another machine may have taken the work up between these two looks.
			now, err := rowOf(ctx, tx, r.account, r.kind)
			is = now.run == run && now.job != 0 && now.job != r.job
			return err
		}
		return err
	})
	return is, err
}

// ErrBetween says that a job is between two slices, and can be cancelled in a moment.
var ErrBetween = errors.New("the job is between two steps; try again in a moment")

// Cancel ends a job: at once if it waits, else as soon as the service has seen it, and
// what is in progress then is finished. An earlier job of the same run means that run.
// waited says that nothing was in progress. The error is ErrNoJob if there is none, or it
// is over. It may wait for some seconds.
func (c *Control) Cancel(ctx context.Context, id int64) (waited bool, err error) {
	for range 100 {
		waited, err := c.cancel(ctx, id)
		if !errors.Is(err, ErrBetween) {
			return waited, err
		}
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	return false, ErrBetween
}

func (c *Control) cancel(ctx context.Context, id int64) (waited bool, err error) {
	there, err := c.Serving(ctx)
	if err != nil {
		return false, err
	}
	err = c.state.change(ctx, func(tx txn) error {
		job, err := c.queue.get(ctx, tx.Tx, id)
		if err != nil {
			return err
		}
		r, err := c.rowOfJob(ctx, tx, job)
		switch {
		case err != nil:
			return err
		case r != nil:
			id = r.job
		case job == nil || job.FinalizedAt != nil:
			return ErrNoJob
		}
		job, err = c.queue.client.JobCancelTx(ctx, tx.Tx, id)
		if err != nil {
			return fmt.Errorf("cancel job %d: %w", id, err)
		}
		waited = !there || job.FinalizedAt != nil
		switch {
		case r == nil:
			return nil
		case there && job.FinalizedAt != nil && !r.began.IsZero() && (!c.state.shared || job.Queue != workQueue): // the run goes on in the service, which waits for its next job
			return ErrBetween
		case there && job.FinalizedAt == nil:
			return nil
		}
		return r.over().put(ctx, tx)
	})
	return waited, err
}

// rowOfJob is the row whose work a job did or does, nil if that is over.
func (c *Control) rowOfJob(ctx context.Context, tx txn, job *rivertype.JobRow) (*row, error) {
	if job == nil || job.Kind == (tellArgs{}).Kind() {
		return nil, nil
	}
	var w work
	if err := json.Unmarshal(job.EncodedArgs, &w); err != nil {
		return nil, fmt.Errorf("read job %d: %w", job.ID, err)
	}
	r, err := rowOf(ctx, tx, w.Account, Kind(job.Kind))
	if err != nil || r.job == 0 || r.epoch != w.Epoch {
		return nil, err
	}
	if is, err := c.queue.open(ctx, tx.Tx, r.job); err != nil || !is {
		return nil, err
	}
	return &r, nil
}

// Retry does the work of a job again, now: one that waits waits no longer, one that is
// over begins anew, with a new job, whose number is the answer. One that is in progress
// is left as it is.
func (c *Control) Retry(ctx context.Context, id int64) (job int64, err error) {
	var again *row
	err = c.state.change(ctx, func(tx txn) error {
		j, err := c.queue.get(ctx, tx.Tx, id)
		if err != nil {
			return err
		}
		if j == nil {
			return ErrNoJob
		}
		r, err := c.rowOfJob(ctx, tx, j)
		if err != nil {
			return err
		}
		if r == nil && j.Kind != (tellArgs{}).Kind() {
			var w work
			again = &row{kind: Kind(j.Kind)}
			err = json.Unmarshal(j.EncodedArgs, &w)
			again.account = w.Account
			return err
		}
		if r != nil {
			id = r.job
		} else if j.State == rivertype.JobStateCompleted {
			return ErrNoJob // it is told
		}
		if _, err := c.queue.client.JobRetryTx(ctx, tx.Tx, id); err != nil {
			return fmt.Errorf("retry job %d: %w", id, err)
		}
		if r == nil { // River had given the telling up
			var t tellArgs
			if err := json.Unmarshal(j.EncodedArgs, &t); err != nil {
				return err
			}
			_, err = tx.ExecContext(ctx, "UPDATE main.outcome SET tell = ? WHERE id = ?", id, t.Outcome)
		}
		return err
	})
	if err != nil || again == nil {
		return id, err
	}
	job, _, _, err = c.Start(ctx, again.account, again.kind)
	return job, err
}

// Job is a line of vbcvault jobs: work that waits or is under way, the last that is
// over, or the next that is due; or the telling of an outcome. Its JSON is a contract.
type Job struct {
	ID      int64     `json:"id,omitempty"` // 0 = there is none yet
	Account string    `json:"account"`
	Kind    string    `json:"kind"`
	State   string    `json:"state"` // in progress, waiting, retrying, failed, done, interrupted, scheduled
	Since   time.Time `json:"since"` // UTC; of scheduled: when it begins
	Attempt int       `json:"attempt,omitempty"`
	Run     string    `json:"run,omitempty"`
	MadeUp  bool      `json:"made_up,omitempty"` // for a start that was missed
	Exit    *int      `json:"exit_code,omitempty"`
	Error   string    `json:"error,omitempty"`
	Machine string    `json:"machine,omitempty"` // of several, the one that has it
}

// Jobs are all jobs that tell something, of each account together.
func (c *Control) Jobs(ctx context.Context) (all []Job, err error) {
	there, err := c.Serving(ctx)
	if err != nil {
		return nil, err
	}
	err = c.state.change(ctx, func(tx txn) error {
		schedule, err := rows(ctx, tx)
		if err != nil {
			return err
		}
		for _, r := range schedule {
			of, err := c.jobsOf(ctx, tx, r, there)
			if err != nil {
				return err
			}
			all = append(all, of...)
		}
		untold, err := outcomes(ctx, tx, "tell <> 0")
		if err != nil {
			return err
		}
		for _, e := range untold {
			j, err := c.queue.get(ctx, tx.Tx, e.tell)
			if err != nil {
				return err
			}
			if j != nil {
				all = append(all, jobOf(j, Job{Account: e.Account, Kind: j.Kind, Run: e.Run}, there))
			}
		}
		return nil
	})
	return all, err
}

// jobsOf are the lines of one account's work of one kind.
func (c *Control) jobsOf(ctx context.Context, tx txn, r row, serving bool) (all []Job, err error) {
	is := Job{Account: r.account, Kind: string(r.kind), Run: r.run, MadeUp: r.madeUp}
	if r.job != 0 {
		j, err := c.queue.get(ctx, tx.Tx, r.job)
		if err != nil {
			return nil, err
		}
		if j != nil && j.FinalizedAt == nil {
			line := jobOf(j, is, serving)
			if line.Machine, err = c.machineOf(ctx, tx, j.Queue); err != nil {
				return nil, err
			}
			line.Since = r.due
			if !r.began.IsZero() {
				line.Since = r.began
				if line.State == "waiting" && serving { // between two slices
					line.State = "in progress"
				}
			}
			all = append(all, line)
		}
	}
	last, err := outcomes(ctx, tx, "account = ? AND kind = ? ORDER BY ended DESC, id DESC LIMIT 1", r.account, r.kind)
	if err != nil {
		return nil, err
	}
	for _, e := range last {
		line := Job{ID: e.job, Account: e.Account, Kind: string(e.kind), State: "done", Since: e.Ended, Run: e.Run, Exit: &e.ExitCode, Error: e.Error}
		switch e.ExitCode {
		case 0:
		case outcome.Interrupted:
			line.State = "interrupted"
		default:
			line.State = "failed"
		}
		all = append(all, line)
	}
	if !r.next.IsZero() {
		all = append(all, Job{Account: r.account, Kind: string(r.kind), State: "scheduled", Since: r.next})
	}
	return all, nil
}

// jobOf fills in what River knows of a job.
func jobOf(j *rivertype.JobRow, is Job, serving bool) Job {
	is.ID, is.Since, is.Attempt = j.ID, j.ScheduledAt.UTC(), j.Attempt
	if n := len(j.Errors); n > 0 {
		is.Error = j.Errors[n-1].Error
	}
	switch j.State {
	case rivertype.JobStateRunning:
		is.State, is.Since = "in progress", cmp.Or(j.AttemptedAt, &is.Since).UTC()
		if !serving {
			is.State = "interrupted"
		}
	case rivertype.JobStateRetryable:
		is.State = "retrying"
	case rivertype.JobStateDiscarded, rivertype.JobStateCancelled:
		is.State = "failed"
	case rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateScheduled, rivertype.JobStateCompleted:
		is.State = "waiting"
	}
	return is
}
