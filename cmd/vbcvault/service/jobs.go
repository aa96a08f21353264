package service

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivertype"
)

// River's queues: work has as many places as accounts-at-once, telling its own, so
// that neither waits for the other.
const (
	workQueue = "work"
	tellQueue = "tell"
)

// The kinds of jobs. River wants a type for each.
type (
	archiveArgs struct{ work }
	verifyArgs  struct{ work }
	catalogArgs struct{ work }
	backupArgs  struct{ work }
	auditArgs   struct{ work }
	reportArgs  struct{ work }
	// tellArgs tell of an outcome.
	tellArgs struct {
		Outcome int64 `json:"outcome"`
		Try     int64 `json:"try"` // rises where a try was lost with its process
	}
)

func (archiveArgs) Kind() string { return string(Archive) }
func (verifyArgs) Kind() string  { return string(Verify) }
func (catalogArgs) Kind() string { return string(Catalog) }
func (backupArgs) Kind() string  { return string(Backup) }
func (auditArgs) Kind() string   { return string(Audit) }
func (reportArgs) Kind() string  { return string(Report) }
func (tellArgs) Kind() string    { return "tell" }

// working is what the arguments of work have in common.
type working interface {
	river.JobArgs
	what() work
}

func (w work) what() work { return w }

// args are the arguments of River's job for work.
func (k Kind) args(w work) river.JobArgs {
	switch k {
	case Verify:
		return verifyArgs{w}
	case Catalog:
		return catalogArgs{w}
	case Backup:
		return backupArgs{w}
	case Audit:
		return auditArgs{w}
	case Report:
		return reportArgs{w}
	case Archive:
	}
	return archiveArgs{w}
}

// alive are the states of a job that isn't over.
var alive = []rivertype.JobState{
	rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRunning, rivertype.JobStateRetryable, rivertype.JobStateScheduled,
}

// once has River refuse a second job for the same thing.
var once = river.UniqueOpts{ByArgs: true, ByState: alive}

// Priorities: what has begun comes first, since it has a place already; then what
// somebody waits for.
const (
	goesOn = 1
	asked  = 2
	begins = 3
)

// tellTries are how often an outcome is told: with River's pauses, for about a day.
const tellTries = 15

// rivers is River as a queue.
type rivers struct {
	client *river.Client[*sql.Tx]
	own    string // the queue of what goes on in this process
}

// newRivers is a queue that hands nothing out: whoever serves gives it workers.
func newRivers(s *state, c *river.Config) (*rivers, error) {
	c.PollOnly = true
	var driver riverdriver.Driver[*sql.Tx] = riversqlite.New(s.db.DB)
	if s.shared {
		driver, c.Schema = riverdatabasesql.New(s.db.DB), riverSchema
	}
	client, err := river.NewClient(driver, c)
	if err != nil {
		return nil, fmt.Errorf("open the queue: %w", err)
	}
	return &rivers{client, workQueue}, nil
}

// complete ends a job within the transaction that writes what it came to.
func complete[T river.JobArgs](ctx context.Context, tx txn, job *river.Job[T]) (err error) {
	if tx.postgres {
		_, err = river.JobCompleteTx[*riverdatabasesql.Driver](ctx, tx.Tx, job)
	} else {
		_, err = river.JobCompleteTx[*riversqlite.Driver](ctx, tx.Tx, job)
	}
	return err
}

// quiet keeps River from writing to stdout where it has nothing to say.
var quiet = slog.New(slog.DiscardHandler)

func (q *rivers) insert(ctx context.Context, tx *sql.Tx, kind Kind, w work, priority int) (int64, error) {
	if priority == goesOn {
		return q.insertInto(ctx, tx, q.own, kind, w, priority)
	}
	return q.resume(ctx, tx, kind, w, priority)
}

// resume is insert for work that any machine may do next, also if it comes first.
func (q *rivers) resume(ctx context.Context, tx *sql.Tx, kind Kind, w work, priority int) (int64, error) {
	return q.insertInto(ctx, tx, workQueue, kind, w, priority)
}

func (q *rivers) insertInto(ctx context.Context, tx *sql.Tx, queue string, kind Kind, w work, priority int) (int64, error) {
	opts := &river.InsertOpts{Queue: queue, Priority: priority, UniqueOpts: once}
	if kind == Report {
		opts.Queue, opts.MaxAttempts = tellQueue, tellTries
	}
	return q.add(ctx, tx, kind.args(w), opts)
}

// insertTell adds the telling of an outcome.
func (q *rivers) insertTell(ctx context.Context, tx *sql.Tx, t tellArgs) (int64, error) {
	return q.add(ctx, tx, t, &river.InsertOpts{Queue: tellQueue, MaxAttempts: tellTries, UniqueOpts: once})
}

func (q *rivers) add(ctx context.Context, tx *sql.Tx, args river.JobArgs, opts *river.InsertOpts) (int64, error) {
	done, err := q.client.InsertTx(ctx, tx, args, opts)
	if err != nil {
		return 0, fmt.Errorf("insert a job: %w", err)
	}
	return done.Job.ID, nil
}

func (q *rivers) open(ctx context.Context, tx *sql.Tx, job int64) (bool, error) {
	j, err := q.get(ctx, tx, job)
	return j != nil && j.FinalizedAt == nil, err
}

// asksToEnd reports whether somebody has cancelled a job that runs, and River has not
// yet told it.
func asksToEnd(j *rivertype.JobRow) bool {
	var is struct {
		At *time.Time `json:"cancel_attempted_at"`
	}
	return j != nil && json.Unmarshal(j.Metadata, &is) == nil && is.At != nil
}

// get is a job, nil if there is none.
func (q *rivers) get(ctx context.Context, tx *sql.Tx, job int64) (*rivertype.JobRow, error) {
	j, err := q.client.JobGetTx(ctx, tx, job)
	if errors.Is(err, river.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read job %d: %w", job, err)
	}
	return j, nil
}

// waitingSince is since when the job has waited that has waited longest for a place,
// zero if none does.
func (q *rivers) waitingSince(ctx context.Context) (time.Time, error) {
	found, err := q.client.JobList(ctx, river.NewJobListParams().Queues(workQueue).States(rivertype.JobStateAvailable).
		Priorities(asked, begins).OrderBy(river.JobListOrderByScheduledAt, river.SortOrderAsc).First(1))
	if err != nil {
		return time.Time{}, fmt.Errorf("see who waits: %w", err)
	}
	if len(found.Jobs) == 0 {
		return time.Time{}, nil
	}
	return found.Jobs[0].ScheduledAt, nil
}

// waiting is how many jobs wait for a place, up to a thousand.
func (q *rivers) waiting(ctx context.Context) (int, error) {
	found, err := q.client.JobList(ctx, river.NewJobListParams().Queues(workQueue).States(rivertype.JobStateAvailable).Priorities(asked, begins).First(1000))
	if err != nil {
		return 0, fmt.Errorf("see who waits: %w", err)
	}
	return len(found.Jobs), nil
}
