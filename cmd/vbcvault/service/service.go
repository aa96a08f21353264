// Package service is vbcvault serve: it has the accounts of a configuration archived
// when they are due, on this machine, and may be stopped, killed and started again at
// any moment.
//
// What must survive lies in one SQLite file, service.db, beside the manifests: when
// each account begins next, what is under way, and what every run came to. River hands
// out the work and keeps its tables in the same file, so that "this start is no longer
// due" and "this job waits" are one commit, and so are "this is what it came to" and
// "this job is done".
//
// Nothing rests on River for safety: the manifest's lock keeps two runs of one account
// apart, and what a run has begun is in its manifest. What River is relied on for is
// that work waits its turn, and that no more than accounts-at-once is under way.
//
// A job is a slice of a run, five minutes at most. The run itself goes on between two
// slices, in this process: to end it and begin anew would cost requests. At the end of
// a slice the job is completed and its next one inserted in one transaction, before all
// that has not begun; so the number of runs is that of River's places. See slice.go.
//
// What a killed process leaves: jobs that River believes to be running. The next start
// gives the work a new epoch, hence a job of its own, at once; the old one is marked as
// cancelled, and River's rescuer removes it a quarter of an hour later. See recover.go.
package service

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/outcome"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/overview"
	"github.com/vbcvault/vbcvault/pipeline/progress"
)

// Worker does the work: the program's own commands, with the same code. Each method
// returns when the work is done, or soon after ctx has ended, with what was begun
// saved. All may be called for several accounts at once, and for one account one after
// the other.
type Worker interface {
	// Archive does one run. watch is told once of the counts that change while it goes
	// on; it may be nil.
	Archive(ctx context.Context, a config.Account, watch func(*progress.Stats)) outcome.Outcome
	// Verify checks a sample of the copies, as vbcvault verify --sample.
	Verify(ctx context.Context, a config.Account) outcome.Outcome
	// Catalog brings the catalogue beside the archive up to date.
	Catalog(ctx context.Context, a config.Account) outcome.Outcome
	// Backup copies the manifest to a new file in Schedule.BackupTo, and removes the
	// oldest that are more than Schedule.Keep.
	Backup(ctx context.Context, a config.Account) outcome.Outcome
	// Audit compares the receipts with everything, as vbcvault audit.
	Audit(ctx context.Context, a config.Account) outcome.Outcome
}

// Notifier is told how the service itself is, for systemd. Each method returns at once.
type Notifier interface {
	Ready()             // it works; also after Reloading
	Status(line string) // what it is doing, for people
	Reloading()
	Stopping()
	Alive() // it isn't stuck; at least every ten seconds
}

// Hooks tell others of what happens. Each may be nil.
type Hooks struct {
	// Began says that work has begun or, after a restart, goes on; run is in its
	// outcome later on. It must return soon.
	Began func(a config.Account, kind Kind, run string)
	// Watch gets the counts of a run, which change while it goes on.
	Watch func(a config.Account, stats *progress.Stats)
	// Ended says what work came to; it is stored already. It must return soon.
	Ended func(a config.Account, kind Kind, o outcome.Outcome)
	// Left says that work goes on on another machine, or later: it has come to nothing here.
	Left func(a config.Account, kind Kind)
	// Tell tells people. It is called once for each outcome, and again, also after a
	// restart, as long as it fails: for a day, then it is given up. A process that is
	// killed in the midst of it calls it again. after is how the account stands now, nil
	// if its manifest can't be read. The error is kept: it must hold no secret.
	Tell func(ctx context.Context, kind Kind, after *overview.Overview, o outcome.Outcome) error
	// Report makes and sends the report that was due at a time, and is called again, for
	// a day, as long as it fails. The error is kept: it must hold no secret.
	Report func(ctx context.Context, c *config.Config, due time.Time) error
	// Reloaded says that another configuration holds from now on.
	Reloaded func(*config.Config)
}

// Pauses are how long the service waits; those that are zero are as in production.
type Pauses struct {
	Slice    time.Duration // how long a job is before its next one (5 min)
	Turn     time.Duration // how long others wait for a place before a run makes room for them (1 h)
	Busy     time.Duration // before work is tried again whose manifest is in use (1 min)
	Poll     time.Duration // between two looks at the queue (1 s)
	Schedule time.Duration // between two looks at the clock (10 s)
	Lost     time.Duration // after which a machine that gives no sign of life is lost, and others do its work (1 min)
	Grace    time.Duration // for which work waits for the machine that did its account's last (5 s)
}

// Options say what a service serves. StateDir, Config, Worker and Log are needed.
type Options struct {
	StateDir string  // of service.db and what belongs to it; it is made if it is missing
	Shared   *Shared // the database that several machines share in place of service.db, nil = this machine is alone
	Config   *config.Config
	Load     func(context.Context) (*config.Config, error) // reads the file anew, for Reload
	Worker   Worker
	// Overview reads how a manifest stands; nil = Tell gets none.
	Overview func(ctx context.Context, manifest string) (*overview.Overview, error)
	Hooks    Hooks
	Notifier Notifier // nil = nobody is told
	Log      *slog.Logger
	Pauses   Pauses
	Version  string // of the program, which a state that it makes or upgrades says

	clock func() time.Time // for tests: this machine's, nil = time.Now. Only one of several has one
}

// Errors that say why a service doesn't start. Their texts are meant for people.
var (
	// ErrServing says that another service has the state.
	ErrServing = errors.New("another vbcvault serve is using this state directory")
	// ErrNoService says that no service has ever used the state directory.
	ErrNoService = errors.New("no vbcvault serve has used this state directory yet")
	// ErrNewer says that a newer program has written the state.
	ErrNewer = errors.New("a newer version of vbcvault has written it")
	// ErrOlder says that the state has an older format, and no service has upgraded it yet.
	ErrOlder = errors.New("an older version of vbcvault has written it, and the first vbcvault serve of this version upgrades it")
	// ErrDamaged says that the state can't be read.
	ErrDamaged = errors.New("it is damaged, or not a state file of vbcvault serve")
)

// Kind is a kind of work, and of River's jobs.
type Kind string

// The kinds of work.
const (
	Archive Kind = "archive"
	Verify  Kind = "verify"
	Catalog Kind = "catalog"
	Backup  Kind = "backup"
	Audit   Kind = "audit"
)

// Report is the kind of the report about all accounts, which the service sends itself.
// It is no account's: its account is "".
const Report Kind = "report"

// Kinds are the kinds of work that accounts have.
var Kinds = []Kind{Archive, Verify, Catalog, Backup, Audit}

// cron is when work of a kind begins, "" if only when somebody asks.
func (k Kind) cron(s config.Schedule) string {
	switch k {
	case Archive:
		return s.Cron
	case Verify:
		return s.Verify
	case Catalog:
		return s.Catalog
	case Backup:
		return s.Backup
	case Audit:
		return s.Audit
	case Report:
	}
	return ""
}

// do has the worker do it.
func (k Kind) do(ctx context.Context, w Worker, a config.Account, watch func(*progress.Stats)) outcome.Outcome {
	switch k {
	case Verify:
		return w.Verify(ctx, a)
	case Catalog:
		return w.Catalog(ctx, a)
	case Backup:
		return w.Backup(ctx, a)
	case Audit:
		return w.Audit(ctx, a)
	case Archive, Report:
	}
	return w.Archive(ctx, a, watch)
}
