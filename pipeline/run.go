package pipeline

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/archive"
	"github.com/vbcvault/vbcvault/pipeline/flow"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/progress"
	"github.com/vbcvault/vbcvault/pipeline/refusal"
	"github.com/vbcvault/vbcvault/pipeline/retry"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// ErrStopped says that the run was told to stop. What it had begun is written
// down, and the next run goes on from there.
var ErrStopped = errors.New("stopped before the end")

// Parts is what a run works with. All are required.
type Parts struct {
	VBC      *vbc.Client
	Store    storage.Destination
	Manifest *manifest.Manifest // locked
	Log      *slog.Logger
	Stats    *progress.Stats // counts while the run goes on
}

const (
	defaultDrain       = 30 * time.Second
	DefaultExportLimit = 2 << 30 // bytes
)

// run is one run.
type run struct {
	vbc      *vbc.Client
	store    storage.Destination
	manifest *manifest.Manifest
	reads    *manifest.Manifest // what was known before this run; nil if nothing
	log      *slog.Logger
	stats    *progress.Stats
	policy   policy
	facts
	pauses []time.Duration
	id     int64 // number of the run in the manifest

	// ctx ends when the run is told to stop, or must. work outlives it by
	// Options.Drain: what is in flight may come to its end, while nothing new
	// is begun.
	ctx, work context.Context
	stop      context.CancelCauseFunc

	account    string           // number, "" until known
	archive    *archive.Archive // once it is settled: the destination is fit for use
	habits     habits
	exporter   *exporter
	report     report
	unfinished unfinished
	purges     allowance
	breaker    breaker
	gate       *gate
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
		vbc: p.VBC, store: p.Store, manifest: p.Manifest, log: p.Log, stats: p.Stats,
		facts:  facts{started: time.Now(), transcripts: newTranscripts()},
		pauses: o.Pauses, reads: p.Manifest, purges: allowance{limit: o.MaxDeletes}, breaker: breaker{limit: o.MaxFailures},
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
	err := r.do()
	if err != nil && parent.Err() != nil {
		err = ErrStopped // whatever it was that noticed first
	}
	return r.summary(), err
}

// drainAfter sets up the two contexts of a run. stop ends ctx, and with it
// everything that isn't begun yet; what is in flight ends Options.Drain later.
func (r *run) drainAfter(parent context.Context) (release func()) {
	var endWork context.CancelFunc
	r.ctx, r.stop = context.WithCancelCause(parent)
	r.work, endWork = context.WithCancel(context.WithoutCancel(parent))
	undrain := context.AfterFunc(r.ctx, func() {
		timer := time.NewTimer(r.policy.Drain)
		defer timer.Stop()
		select {
		case <-timer.C:
			endWork()
		case <-r.work.Done():
		}
	})
	return func() {
		undrain()
		endWork()
		r.stop(nil)
	}
}

// do is a run from beginning to end.
func (r *run) do() (err error) {
	if err := r.manifest.Bind(r.ctx, manifest.Binding{Destination: r.store.String()}); err != nil {
		return err
	}
	if r.id, err = r.manifest.BeginRun(r.ctx, r.policy.written()); err != nil {
		return err
	}
	l := &listing{run: r, ledger: r.manifest}
	stop := r.beat(context.WithoutCancel(r.work))
	err = r.all(l)
	stop()
	return r.end(l, err)
}

// end writes down what has become of a run, and returns why it ended, nil if it
// came to its end.
//
// The order matters. Troubles are over only where all has been done. Receipts come
// next, whatever has happened, since they say what was deleted; and then the
// catalogue, which may be made anew at any time. What can't be stored of these is
// a problem, so the summary is made after them. EndRun is the last thing written:
// a run without it was killed. Errors stand in the order in which they came about,
// for the first one is what judge and Hint go by.
func (r *run) end(l *listing, err error) error {
	if err == nil {
		err = l.checkListings(r.ctx)
	}
	r.storeReceipts(err)
	err = errors.Join(err, r.storeCatalog(err))
	sum := r.summary()
	switch {
	case err == nil:
	case judge(err) == retry.Cancelled:
		sum.Stopped = ErrStopped.Error()
	default:
		sum.Stopped = err.Error()
	}
	ctx := context.WithoutCancel(r.work)
	return errors.Join(err, r.remember(ctx), r.manifest.EndRun(ctx, r.id, sum))
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
	r.stats.Todo.Store(r.stats.Begun.Load() + todo)
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

// rest counts what isn't tried in this run, having failed often.
func (r *run) rest(ctx context.Context, sel manifest.Selection) error {
	rows, err := r.manifest.Resting(ctx, sel)
	if err != nil {
		return err
	}
	for _, row := range rows {
		switch {
		case !r.policy.eligible(row.Recording):
		case row.Failure.Known(row.Failure.Reason):
			r.stats.Acknowledged.Add(1)
		default:
			r.stats.Resting.Add(1)
		}
	}
	return nil
}

// MaxClockOffset is how far our clock may be off VBC's.
const MaxClockOffset = manifest.ClockSlack

// checkClock refuses to work by a clock that is wrong. Cutoffs may be reckoned
// from it, and every run writes down times that later ones reckon with: how old
// copies are, when failures rest, when everything was listed last.
func (r *run) checkClock() error {
	off := r.vbc.ClockOffset()
	if off.Abs() <= MaxClockOffset {
		return nil
	}
	way := "ahead of"
	if off < 0 {
		way = "behind"
	}
	return &refusal.Refusal{
		Reason: fmt.Sprintf("this machine's clock is %s %s VBC's, so ages reckoned from it would be wrong", off.Abs(), way),
		Hint:   "set this machine's clock, then run the same command again",
	}
}

// fromTheFuture reports whether a time that was written down lies in the
// future: its clock was wrong.
func fromTheFuture(t time.Time) bool { return time.Until(t) > MaxClockOffset }

// prepare logs in, and where the account's number is given, looks at the
// destination before anything is listed.
func (r *run) prepare(ctx context.Context) error {
	if r.reads != nil {
		known, err := r.reads.Learned(ctx)
		if err != nil {
			return err
		}
		r.vbc.ExpectClientAuth(known.ClientAuth)
	}
	if err := r.login(ctx); err != nil {
		if ctx.Err() == nil && judge(err) == retry.Passing {
			return &refusal.Refusal{Reason: "no token from VBC: " + err.Error(), Hint: "check VBC_API_URL, VBC_TOKEN_URL and the way there (HTTPS_PROXY, SSL_CERT_FILE); vbcvault doctor tries the other address of tokens"}
		}
		return err
	}
	if err := r.checkClock(); err != nil {
		return err
	}
	if r.policy.Account != "self" {
		return r.settleAccount(ctx, r.policy.Account)
	}
	return nil
}

// login gets a token. A network that is away when a run begins, as while a router
// starts, is waited for.
func (r *run) login(ctx context.Context) error {
	for {
		var p patience
		err := r.retry(ctx, &p, func() error {
			return r.gate.pass(ctx, vbc.RankToken, &p, func() error { return r.vbc.Login(ctx) })
		})
		if !isOutage(err) || ctx.Err() != nil {
			return err
		}
	}
}

// settleAccount fixes the account's number for the run: the manifest is bound
// to it, and the destination is looked at. Every error ends the run, with
// nothing stored yet.
func (r *run) settleAccount(ctx context.Context, number string) error {
	r.account = number
	if r.policy.Plan != nil && r.policy.Plan.Account != number {
		return &refusal.Refusal{Reason: fmt.Sprintf("the confirmed plan is for account %s, and this is account %s", r.policy.Plan.Account, number), Hint: "make a plan for this account with --dry-run --plan"}
	}
	if r.manifest == nil {
		return nil // a dry run
	}
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	a, err := archive.Settle(r.work, r.store, r.manifest, r.log, number, r.policy.Moved)
	if err != nil {
		return err
	}
	r.archive, r.policy.holds = a, a.Holds()
	if n := len(manifest.InForce(r.policy.holds)); n > 0 && r.policy.Delete {
		r.log.Info("legal holds are in force; what they cover is archived and not deleted", "holds", n)
	}
	return nil
}

// unstored gets the destination ready where there is nothing to do, but
// receipts of an earlier run, holds, or files of the catalogue are still to be
// stored there, or uploads to be aborted. They are the manifest's own, so VBC isn't asked whose they are.
func (r *run) unstored(ctx context.Context) error {
	owed, err := archive.Owed(ctx, r.manifest, r.policy.Catalog)
	if err != nil || !owed {
		return err
	}
	bound, err := r.manifest.Binding(ctx)
	if err != nil || bound.Account == "" {
		return err
	}
	return r.settleAccount(ctx, bound.Account)
}

// leftovers reports whether there is work although nothing was listed: what an
// interrupted run has begun. It belongs to the account that the manifest is
// bound to, and these credentials must be that account's.
func (r *run) leftovers(ctx context.Context) (bool, error) {
	for _, err := range r.manifest.Pending(ctx, r.selection()) {
		if err != nil {
			return false, err
		}
		number, err := r.boundAccount(ctx)
		if err != nil {
			return false, err
		}
		return true, r.settleAccount(ctx, number)
	}
	return false, nil
}
