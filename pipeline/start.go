package pipeline

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/archive"
	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/refusal"
	"github.com/vbcvault/vbcvault/pipeline/retry"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

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
		Code:   code.Clock,
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
			return &refusal.Refusal{Code: code.NoToken, Reason: "VBC gives no token: " + err.Error(), Hint: "check VBC_API_URL and VBC_TOKEN_URL, and the network (HTTPS_PROXY, SSL_CERT_FILE); vbcvault doctor tries the other token address"}
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
	if r.policy.Plan != nil && r.policy.Plan.Account != number && !r.policy.Plan.isOfNothing() {
		return &refusal.Refusal{Code: code.PlanAccount, Reason: fmt.Sprintf("the confirmed plan is for account %s, but this is account %s", r.policy.Plan.Account, number), Hint: "write a plan for this account with --dry-run --plan"}
	}
	if r.manifest == nil { // a dry run
		return r.foreseeSiblings(ctx, number)
	}
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	if err := r.manifest.Bind(r.work, manifest.Binding{Account: number}); err != nil {
		return err
	}
	told, err := r.siblingTexts(ctx, number) // not before it is bound, see archive.LearnSiblings
	if err != nil {
		return err
	}
	// What ends a hold in a manifest of this machine ends it in the archive as well.
	for _, t := range told {
		if t.Ended && t.Check() {
			if err := r.manifest.Release(r.work, t.Hold, storage.SumOf(t.Text)); err != nil {
				return err
			}
		}
	}
	r.archive, err = archive.Settle(r.work, r.store, r.manifest, r.log, number, archive.Options{Moved: r.policy.Moved, TrustArchive: r.policy.TrustArchive})
	if err != nil {
		return err
	}
	for _, text := range r.archive.Doubts() {
		r.report.add(text)
	}
	if r.holds, err = archive.LearnSiblings(r.work, r.manifest, r.log, r.store.String(), told); err != nil {
		return err
	}
	if r.policy.TrustArchive {
		if err := r.vouchForAll(); err != nil {
			return err
		}
	}
	if n := len(manifest.InForce(r.holds)); n > 0 && r.policy.Delete {
		r.log.Info("legal holds are in force; recordings that they cover are archived but not deleted", "holds", n)
	}
	return nil
}

// unstored gets the destination ready where there is nothing to do: receipts of an
// earlier run, holds, or files of the catalogue may still be to be stored there, or
// uploads to be aborted; and what the archive says of receipts and holds may be news.
// They are the manifest's own, so VBC isn't asked whose they are.
func (r *run) unstored(ctx context.Context) error {
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

// boundAccount is the account that the manifest belongs to, if these credentials
// are that account's: they have shown its recordings before, or VBC lets them
// list it by its number. Only else the Provisioning API is asked.
func (r *run) boundAccount(ctx context.Context) (string, error) {
	bound, err := r.manifest.Binding(ctx)
	if err != nil || bound.Account == "" {
		number, e := r.askAccount(ctx)
		return number, errors.Join(err, e)
	}
	known, err := r.manifest.Login(ctx)
	if err != nil || known == r.vbc.Login256() {
		return bound.Account, err
	}
	page, err := r.newest(ctx, collection{kind: vbc.Company}, bound.Account)
	switch {
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	case err != nil:
		return r.askAccount(ctx)
	case len(page) > 0 && page[0].Account != "" && page[0].Account != bound.Account:
		return "", &manifest.BoundError{What: "account", Bound: bound.Account, Wanted: page[0].Account}
	}
	return bound.Account, r.manifest.SetLogin(ctx, r.vbc.Login256())
}

// askAccount asks the Provisioning API, whose refusal says nothing more than
// that somebody has to tell us.
func (r *run) askAccount(ctx context.Context) (number string, err error) {
	err = r.attempt(ctx, func(ctx context.Context, slot *vbc.Slot) (err error) {
		number, err = slot.AccountNumber(ctx, r.policy.Account)
		return err
	})
	switch {
	case err == nil:
		return number, nil
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	case isA[*vbc.AuthError](err):
		return "", err
	}
	return "", &refusal.Refusal{Code: code.AccountUnknown, Reason: "the account number is unknown: the recordings don't contain it, and " + strings.TrimSuffix(err.Error(), "."),
		Hint: "give it with --account NUMBER; nothing was stored"}
}
