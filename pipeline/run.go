package pipeline

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/archive"
	"github.com/vbcvault/vbcvault/pipeline/flow"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/progress"
	"github.com/vbcvault/vbcvault/pipeline/refusal"
	"github.com/vbcvault/vbcvault/pipeline/retry"
	"github.com/vbcvault/vbcvault/pipeline/spool"
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

// run is one run. Its fields don't change after the listing, save stats and purges.
type run struct {
	vbc      *vbc.Client
	store    storage.Destination
	manifest *manifest.Manifest
	ledger   ledger
	log      *slog.Logger
	stats    *progress.Stats
	policy   policy
	pauses   []time.Duration
	id       int64 // number of the run in the manifest

	// ctx ends when the run is told to stop, or must. work outlives it by
	// Options.Drain: what is in flight may come to its end, while nothing new
	// is begun.
	ctx, work context.Context
	stop      context.CancelCauseFunc

	account   string // number, "" until known
	selfUser  string
	covered   coverage
	witness   witness
	doubts    doubts
	problems  []string
	troubles  troubles
	scans     map[collection]*scan // of the listing's goroutine, until it has ended
	notListed int64
	unsorted  []collection // that VBC doesn't list in order
	purges    atomic.Int64
	breaker   breaker
	gate      *gate
	postponed postponed
	purged    purged
	archive   *archive.Archive // once it is settled: the destination is fit for use

	// Of the listing, whose goroutine they belong to.
	recognised bool         // the manifest knows whose recordings this user sees
	newestOnly bool         // VBC refuses the order that is asked for
	listed     int64        // recordings that slices were yielded with
	remaining  atomic.Int64 // that VBC counts behind them
	granted    atomic.Int64 // the largest page that VBC hasn't refused; 0 = not known

	recalled manifest.Learned   // by earlier runs
	reads    *manifest.Manifest // what was known before this run; nil if nothing
	spool    *spool.Spool
	noMore   atomic.Pointer[string] // why no more exports are tried
	strange  atomic.Bool            // an export held more than VBC had listed
	stuck    atomic.Int64           // exports that didn't come to their end
}

// ledger is where a listing is written down: the manifest, or the memory of a
// dry run.
type ledger interface {
	Add(ctx context.Context, run int64, recordings []vbc.Recording) ([]manifest.Sighting, error)
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
		policy: policy{Options: o, users: &userSet{}, transcripts: newTranscripts(), started: time.Now()},
		pauses: o.Pauses, reads: p.Manifest, breaker: breaker{limit: o.MaxFailures},
	}
	if p.Manifest != nil {
		r.ledger = p.Manifest
	}
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
	defer func() {
		if err == nil {
			err = r.checkListings(r.ctx)
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
		err = errors.Join(err, r.remember(context.WithoutCancel(r.work)), r.manifest.EndRun(context.WithoutCancel(r.work), r.id, sum))
	}()
	defer r.beat(context.WithoutCancel(r.work))()
	if err := r.prepare(r.ctx); err != nil {
		return err
	}
	if err := r.recall(r.ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.spool.Close()) }()
	sel := r.selection()
	for _, list := range []func(context.Context) iter.Seq2[slice, error]{r.list, r.listUnsorted} {
		if err := flow.Each(r.ctx, r.policy.Workers, r.listedTasks(list), r.handle); err != nil {
			return err
		}
	}
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
	if err := flow.Each(r.ctx, r.policy.Workers, r.pendingTasks(sel), r.handle); err != nil {
		return err
	}
	if err := flow.Each(r.ctx, r.policy.Workers, r.postponedTasks(), r.handle); err != nil {
		return err
	}
	if err := r.rest(r.ctx, sel); err != nil {
		return err
	}
	return r.lookAgain(r.ctx)
}

// recall makes use of what earlier runs have found out about VBC, and gets rid
// of what an interrupted one has left on disk.
func (r *run) recall(ctx context.Context) error {
	known, err := r.manifest.Learned(ctx)
	if err != nil {
		return err
	}
	r.recalled = known
	r.expectPages(known.PageSize)
	r.vbc.Expect(known.Pace)
	if known.Limited {
		r.vbc.ExpectQuota()
	}
	r.spool, err = spool.Open(r.policy.SpoolDir, r.manifest.Path())
	return err
}

// remember writes down what this run has found out about VBC. A pace that it
// was only told isn't news: one day it is to be forgotten.
func (r *run) remember(ctx context.Context) error {
	found := manifest.Learned{PageSize: r.learnedPages(), PagesRefused: r.vbc.PagesRefused(), Pace: r.vbc.Quota().Learned.Truncate(time.Millisecond), ClientAuth: r.vbc.ClientAuth()}
	if found.Pace == r.recalled.Pace {
		found.Pace = 0
	}
	found.Limited = r.vbc.Quota().Limited && !r.recalled.Limited
	return r.manifest.SetLearned(ctx, found)
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
		Reason: fmt.Sprintf("this machine's clock is %s %s VBC's clock, so the age of recordings would be wrong", off.Abs(), way),
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
			return &refusal.Refusal{Reason: "VBC gives no token: " + err.Error(), Hint: "check VBC_API_URL and VBC_TOKEN_URL, and the network (HTTPS_PROXY, SSL_CERT_FILE); vbcvault doctor tries the other token address"}
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
		return &refusal.Refusal{Reason: fmt.Sprintf("the confirmed plan is for account %s, but this is account %s", r.policy.Plan.Account, number), Hint: "write a plan for this account with --dry-run --plan"}
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
		r.log.Info("legal holds are in force; recordings that they cover are archived but not deleted", "holds", n)
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
