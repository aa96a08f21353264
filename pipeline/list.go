package pipeline

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/refusal"
	"github.com/vbcvault/vbcvault/pipeline/retry"
	"github.com/vbcvault/vbcvault/vbc"
)

// collection is one listing at VBC.
type collection struct {
	kind vbc.Kind
	user string // on-demand: whose, as the request names them
}

func (c collection) String() string {
	if c.kind == vbc.OnDemand {
		return fmt.Sprintf("%s recordings of user %s", c.kind, c.user)
	}
	return fmt.Sprintf("%s recordings", c.kind)
}

func collectionOf(r vbc.Recording) collection { return collection{r.Kind, r.Owner} }

// list yields what VBC lists in slices, the oldest of each collection first.
// Each is written down before it is yielded, and nothing that is still to be
// listed moves when it is purged.
func (r *run) list(ctx context.Context) iter.Seq2[slice, error] {
	return func(yield func(slice, error) bool) {
		r.stats.Listing.Store(true)
		defer r.stats.Listing.Store(false)
		err := r.listAll(ctx, func(s slice) bool {
			r.stats.Listing.Store(false) // it goes on, but there is work now
			return yield(s, nil)
		})
		if err != nil && !errors.Is(err, errNoMore) {
			yield(slice{}, err)
		}
	}
}

// errNoMore says that whoever a listing is for wants no more of it.
var errNoMore = errors.New("nobody wants more")

func (r *run) listAll(ctx context.Context, yield func(slice) bool) error {
	if err := r.recallTroubles(ctx); err != nil {
		return err
	}
	collections, err := r.collections(ctx)
	if err != nil {
		return err
	}
	read := 0
	var first error
	defer r.tell(r.work)
	for _, c := range collections {
		if c.kind == vbc.OnDemand && c.user == r.selfUser {
			continue // listed as "self"
		}
		l := r.newLister(c, false, yield)
		err := l.read(ctx)
		switch {
		case err == nil, errors.Is(err, errUnsorted):
		case errors.Is(err, errNoMore):
			return err
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case judge(err) == retry.Systemic, judge(err) == retry.Cancelled, r.unfit():
			return err
		default:
			l.brokenOff(err)
		}
		if first == nil {
			first = err
		}
		if l.pages > 0 || err == nil {
			read++
		}
	}
	if read == 0 && first != nil {
		return &refusal.Refusal{Reason: "nothing could be listed: " + first.Error(),
			Hint: "check VBC_API_URL and VBC_API_ROOT (the address of the API), and --account and --users (whose recordings to list); --page-size asks for fewer recordings at once"}
	}
	return nil
}

// unfit reports whether account, manifest and destination were found not to
// belong together, or couldn't be looked at: then nothing may go on.
func (r *run) unfit() bool { return r.account != "" && r.manifest != nil && r.archive == nil }

// listUnsorted yields the collections that can't be had in order. They are
// read to their end first, while nothing is being purged.
func (r *run) listUnsorted(ctx context.Context) iter.Seq2[slice, error] {
	return func(yield func(slice, error) bool) {
		for _, c := range r.unsorted {
			l := r.newLister(c, true, func(s slice) bool { return yield(s, nil) })
			switch err := l.read(ctx); {
			case err == nil:
			case errors.Is(err, errNoMore):
				return
			case ctx.Err() != nil, judge(err) == retry.Systemic, judge(err) == retry.Cancelled:
				yield(slice{}, err)
				return
			default:
				l.brokenOff(err)
			}
		}
	}
}

// collections says which listings to read. Where the account's users can't be
// had, their recordings are a problem and the company's are done all the same.
func (r *run) collections(ctx context.Context) ([]collection, error) {
	var out []collection
	if slices.Contains(r.policy.Kinds, vbc.Company) {
		out = append(out, collection{kind: vbc.Company})
	}
	if !slices.Contains(r.policy.Kinds, vbc.OnDemand) {
		return out, nil
	}
	users := map[string]bool{}
	for _, u := range r.policy.Users {
		if u != "all" {
			users[u] = true
			continue
		}
		if err := r.listUsers(ctx, users); err != nil {
			return nil, err
		}
	}
	if users["self"] {
		out = append(out, collection{vbc.OnDemand, "self"}) // first: it tells its number
		delete(users, "self")
	}
	for _, u := range slices.Sorted(maps.Keys(users)) {
		out = append(out, collection{vbc.OnDemand, u})
		r.policy.users.add(u)
	}
	return out, nil
}

// listUsers adds the account's users to a set. An error ends the run; what else
// goes wrong is a trouble.
func (r *run) listUsers(ctx context.Context, users map[string]bool) error {
	var first error
	found, wrong := map[string]bool{}, 0
	for id, err := range r.vbc.Users(ctx, r.policy.Account, r.attempt) {
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case isA[*vbc.AuthError](err):
			return err
		case err == nil:
			found[id], users[id] = true, true
			continue
		}
		if wrong++; first == nil {
			first = err
		}
	}
	if first == nil && len(found) == 0 {
		first = errors.New("VBC lists no users, but the user of these credentials is one")
	}
	if first != nil {
		text := "the account's users could not be listed, so some on-demand recordings may be missing: " + first.Error()
		if wrong > 1 {
			text += fmt.Sprintf(" (and %d more)", wrong-1)
		}
		r.troubled(vbc.OnDemand, manifest.NoUsers, text)
		return nil
	}
	if r.manifest == nil {
		return nil
	}
	return errors.Join(r.manifest.Over(ctx, r.id, manifest.Trouble{Kind: vbc.OnDemand, Code: manifest.NoUsers}),
		r.manifest.OverForUsers(ctx, func(user string) bool { return found[user] }))
}

// admit takes what this run is about out of what was listed, writes it down,
// and returns it with what was known of it.
func (r *run) admit(ctx context.Context, c collection, listed []vbc.Recording) (eligible []vbc.Recording, seen []manifest.Sighting, err error) {
	for _, rec := range listed {
		if rec.Unreadable != "" {
			continue // see cantRead
		}
		if rec.Kind == vbc.OnDemand && c.user == "self" {
			if rec.Owner == "" {
				return nil, nil, &refusal.Refusal{Reason: "VBC doesn't say which user \"self\" is, and recordings of two users can have the same ids",
					Hint: "give the user's number, as in --users 745249"}
			}
			r.policy.users.add(rec.Owner)
			r.selfUser = rec.Owner
		}
		if r.policy.eligible(rec) {
			eligible = append(eligible, rec)
		}
	}
	r.shown(c, listed)
	if len(eligible) == 0 {
		return nil, nil, nil
	}
	if err := r.identify(ctx, eligible); err != nil {
		return nil, nil, err
	}
	if err := r.recognise(ctx, eligible); err != nil {
		return nil, nil, err
	}
	for i := range eligible {
		eligible[i].Account = r.account
	}
	if seen, err = r.ledger.Add(ctx, r.id, eligible); err != nil {
		return nil, nil, err
	}
	for i, s := range seen {
		r.count(eligible[i], s)
	}
	return eligible, seen, nil
}

// count counts a recording once, however many listings show it.
func (r *run) count(rec vbc.Recording, s manifest.Sighting) {
	if s == manifest.Repeated {
		return
	}
	r.stats.Listed.Add(1)
	r.stats.ListedBytes.Add(max(rec.Size, 0))
	switch s {
	case manifest.Archived, manifest.Doubted:
		r.stats.AlreadyArchived.Add(1)
	case manifest.Corrected:
		r.log.Info("VBC shows this recording with another start than before: it is archived again with the new start, and the earlier copy stays",
			"recording", rec.String(), "start", rec.Start.Format(time.RFC3339))
	case manifest.Reappeared:
		r.log.Warn("VBC lists a recording again although VBC had confirmed its deletion", "recording", rec.String())
	case manifest.ErasedAgain:
		r.stats.Failed.Add(1)
		r.log.Error("VBC lists a recording again that was erased from the archive on request; vbcvault neither archives nor deletes it: delete it in the VBC admin portal", "recording", rec.String())
	}
}

// identify learns the account's number before anything of it is stored:
// another account's recordings may have the same ids. The number comes from
// --account, else from the recordings' own links, else from one request.
func (r *run) identify(ctx context.Context, recordings []vbc.Recording) error {
	for _, rec := range recordings {
		if rec.Account == "" {
			continue
		}
		if r.account == "" {
			if err := r.settleAccount(ctx, rec.Account); err != nil {
				return err
			}
		}
		if rec.Account != r.account {
			return &refusal.Refusal{Reason: fmt.Sprintf("VBC shows recordings of account %s, but this run is for account %s", rec.Account, r.account),
				Hint: "these credentials belong to another account: check VBC_USERNAME and --account"}
		}
	}
	if r.account != "" {
		return nil
	}
	number, err := r.askAccount(ctx)
	if err != nil {
		return err
	}
	return r.settleAccount(ctx, number)
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
	return "", &refusal.Refusal{Reason: "the account number is unknown: the recordings don't contain it, and " + strings.TrimSuffix(err.Error(), "."),
		Hint: "give it with --account NUMBER; nothing was stored"}
}
