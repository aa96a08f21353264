package pipeline

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/archive"
	"github.com/vbcvault/vbcvault/pipeline/flow"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/progress"
	"github.com/vbcvault/vbcvault/pipeline/retry"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// ErrStopped says that the run was told to stop. What it had begun is written
// down, and the next run goes on from there.
var ErrStopped = errors.New("stopped before the end")

// Parts is what a run works with. All are required, save Siblings.
type Parts struct {
	VBC      *vbc.Client
	Store    storage.Destination
	Manifest Manifest // locked
	Log      *slog.Logger
	Stats    *progress.Stats // counts while the run goes on

	// Siblings tells of the holds that the account's other manifests on this machine
	// have; nil: there are none. Unread are those that can't be read, whosever they
	// are. It is asked once the manifest is bound to the account, and not before:
	// whoever adds a hold to all manifests of the account looks for new ones last.
	Siblings func(ctx context.Context, account string) (holds []manifest.HoldText, unread []error, err error)
}

// Manifest is what a run needs of a manifest. ZIPs wait beside its file until
// their recordings are in the store.
type Manifest interface {
	manifest.Manifest
	Path() string
}

const (
	defaultDrain       = 30 * time.Second
	DefaultExportLimit = 2 << 30 // bytes
)

// run is one run.
//
// Four kinds of goroutines have to do with it: the one that do is called in, the
// one that goes through the listing, the one that fetches exports of what was listed,
// and the workers, which lead recordings on. newRun and drainAfter come before all of them, and workers
// get no recording before the account is settled.
type run struct {
	means    // set by newRun; any goroutine may use them
	lifetime // set by drainAfter; any goroutine may stop the run
	caller   // any goroutine may ask VBC

	policy policy // set by newRun; any goroutine may ask it
	facts         // what is learned on the way: each says who may touch it when

	// id is the run's number in the manifest. do sets it before it begins anything.
	id int64

	// archive is there once the account is settled, and the destination fit for use;
	// in a dry run never. Whoever settles the account sets it, as facts.account, and
	// do's goroutine uses it when the run ends.
	archive *archive.Archive

	exporter   *exporter  // a goroutine of its own fetches, workers may give up
	purges     allowance  // workers take of it; it is atomic
	breaker    breaker    // workers tell it how they get on; it has a lock
	unfinished unfinished // workers add, and do's goroutine takes when there are none; it has locks
	report     report     // any goroutine may add; it has a lock
}

// means are what a run works with. Each may be used by any goroutine.
type means struct {
	vbc      *vbc.Client
	store    storage.Destination
	manifest Manifest          // nil in a dry run
	reads    manifest.Manifest // what was known before this run, opened read-only in a dry run; nil if nothing
	log      *slog.Logger
	stats    *progress.Stats
	siblings func(ctx context.Context, account string) ([]manifest.HoldText, []error, error) // see Parts

	destination string // its name, also where store is none: in a dry run
}

// caller is how VBC is asked: each request passes the gate, and what fails is tried
// again.
type caller struct {
	gate   *gate           // has a lock
	pauses []time.Duration // before the second, third … try
	habits habits
}

func newRun(p Parts, o Options) *run {
	if len(o.Kinds) == 0 {
		o.Kinds = []vbc.Kind{vbc.Company}
	}
	if len(o.Users) == 0 {
		o.Users = []string{"self"}
	}
	if o.Workers <= 0 {
		o.Workers = 8
	}
	if o.Drain == 0 {
		o.Drain = defaultDrain
	}
	if o.ExportLimit <= 0 {
		o.ExportLimit = DefaultExportLimit
	}
	r := &run{
		means:   means{p.VBC, p.Store, p.Manifest, p.Manifest, p.Log, p.Stats, p.Siblings, ""},
		caller:  caller{pauses: o.Pauses},
		facts:   facts{started: time.Now(), transcripts: newTranscripts()},
		purges:  allowance{limit: o.MaxDeletes},
		breaker: breaker{limit: o.MaxFailures},
	}
	r.policy = policy{Options: o, facts: &r.facts}
	r.exporter = &exporter{run: r}
	if len(r.pauses) == 0 {
		r.pauses = retry.Pauses
	}
	r.gate = newGate(r.log, r.stats, r.pauses, o.MaxWait, o.Workers)
	r.gate.alive = func(ctx context.Context) bool { return !isOutage(r.askAnything(ctx)) }
	return r
}

// Run archives, and with Options.Delete purges, what Options selects. The
// summary is true whatever the error.
//
// An error means that the run ended before its end: ErrStopped if parent
// ended, else what made going on impossible or unsafe. Recordings that failed
// are no error; they are in the summary and in the manifest.
func Run(parent context.Context, p Parts, o Options) (Summary, error) {
	r := newRun(p, o)
	release := r.drainAfter(parent)
	defer release()
	defer r.endWithLease()()
	err := r.do()
	if lost, ok := errors.AsType[*manifest.LeaseError](err); ok {
		return r.summary(), lost // also where it was told to stop: not all of what it had begun is written down
	}
	if err != nil && parent.Err() != nil {
		err = ErrStopped // whatever it was that noticed first
	}
	return r.summary(), err
}

// do is a run from beginning to end.
func (r *run) do() (err error) {
	if err := r.manifest.Bind(r.ctx, manifest.Binding{Destination: r.store.String()}); err != nil {
		return err
	}
	if r.id, err = r.manifest.BeginRun(r.ctx, r.policy.written()); err != nil {
		return err
	}
	l := &listing{run: r, register: r.manifest}
	stop := r.beat(context.WithoutCancel(r.work))
	err = r.all(l)
	stop()
	return r.end(l, err)
}

// all is what a run does: first what VBC lists, while it lists it, then what the
// manifest holds beside that, then what failed while VBC was out of order, and at
// last one more look at what was deleted. Nothing of it goes on when it returns.
func (r *run) all(l *listing) (err error) {
	if err := r.prepare(r.ctx); err != nil {
		return err
	}
	if err := r.recall(r.ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.exporter.spool.Close()) }()
	if err := r.handleAll(r.listedTasks(l.list)); err != nil {
		return err
	}
	if err := r.handleAll(r.listedTasks(l.listUnsorted)); err != nil {
		return err
	}
	sel := r.selection()
	if r.account == "" {
		if left, err := r.leftovers(r.ctx); err != nil || !left {
			return errors.Join(err, r.unstored(r.ctx), r.rest(r.ctx, sel))
		}
	}
	todo, err := r.manifest.CountPending(r.ctx, sel)
	if err != nil {
		return err
	}
	resting, err := r.countAtRest(r.ctx, sel)
	if err != nil {
		return err
	}
	r.stats.Todo.Store(r.stats.Begun.Load() + todo - resting)
	if err := r.handleAll(r.pendingTasks(sel)); err != nil {
		return err
	}
	if err := r.handleAll(r.postponedTasks()); err != nil {
		return err
	}
	if err := r.rest(r.ctx, sel); err != nil {
		return err
	}
	return r.lookAgain(r.ctx)
}

// handleAll has workers lead recordings on. None is in work when it returns.
func (r *run) handleAll(tasks iter.Seq2[task, error]) error {
	return flow.Each(r.ctx, r.policy.Workers, tasks, r.handle)
}

// selection is what this run takes out of the manifest.
func (r *run) selection() manifest.Selection {
	return manifest.Selection{Run: r.id, Before: r.policy.Cutoff, Verified: r.policy.Delete, RetryFailed: r.policy.RetryFailed, EqualAudio: r.policy.AcceptEqualAudio}
}
