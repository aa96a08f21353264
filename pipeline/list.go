package pipeline

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
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

// list writes down what VBC lists, before any of it is worked on: pages are
// numbered over what is there, and every purge would shift them.
func (r *run) list(ctx context.Context) error {
	r.stats.Listing.Store(true)
	defer r.stats.Listing.Store(false)
	collections, err := r.collections(ctx)
	if err != nil {
		return err
	}
	read := 0
	var first error
	for _, c := range collections {
		pages, err := r.listOne(ctx, c)
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case judge(err) == systemic, judge(err) == cancelled:
			return err
		default:
			r.problem(fmt.Sprintf("the listing of %s could not be read to its end: %v", c, err))
		}
		if first == nil {
			first = err
		}
		if pages > 0 || err == nil {
			read++
		}
	}
	if read == 0 && first != nil {
		return &refusal{Reason: "nothing could be listed: " + first.Error(),
			Hint: "VBC_API_URL and VBC_API_ROOT say where the API is; --account and --users whose recordings are asked for"}
	}
	return nil
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
		for id, err := range r.vbc.Users(ctx, r.policy.Account, r.attempt) {
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			if isA[*vbc.AuthError](err) {
				return nil, err
			}
			if err != nil {
				r.problem("the account's users could not be listed, so not all on-demand recordings are known: " + err.Error())
				break
			}
			users[id] = true
		}
	}
	for _, u := range slices.Sorted(maps.Keys(users)) {
		out = append(out, collection{vbc.OnDemand, u})
		if u != "self" {
			r.policy.users[u] = true
		}
	}
	return out, nil
}

func (r *run) problem(text string) {
	r.problems = append(r.problems, text)
	r.log.Warn("the listing is incomplete", "reason", text)
}

// listOne reads one listing and returns how many pages it took.
func (r *run) listOne(ctx context.Context, c collection) (pages int, err error) {
	l := r.vbc.List(vbc.Query{
		Kind: c.kind, Account: r.policy.Account, User: c.user,
		Before: r.policy.Cutoff, Since: r.policy.Since, PageSize: r.policy.PageSize,
	})
	for page, err := range l.Pages(ctx, r.attempt) {
		if err != nil {
			return pages, err
		}
		if err := r.admit(ctx, c, page); err != nil {
			return pages, err
		}
		pages++
		r.log.Debug("listed", "collection", c.String(), "page", pages, "recordings", len(page))
	}
	if n := l.Missing(); n > 0 {
		r.notListed += int64(n)
		r.log.Warn("VBC counted recordings that it did not show; the next run looks again", "collection", c.String(), "missing", n)
		return pages, nil
	}
	if c.user == "self" {
		c.user = r.selfUser
	}
	r.complete[c] = true
	return pages, nil
}

// admit takes what this run is about out of a page and writes it down.
func (r *run) admit(ctx context.Context, c collection, page []vbc.Recording) error {
	var eligible []vbc.Recording
	for _, rec := range page {
		if rec.Unreadable != "" {
			r.stats.Unreadable.Add(1)
			r.log.Warn("a recording can't be read and is left alone", "collection", c.String(), "id", rec.ID, "reason", rec.Unreadable)
			continue
		}
		if rec.Kind == vbc.OnDemand && c.user == "self" {
			if rec.Owner == "" {
				return &refusal{Reason: "VBC doesn't say which user \"self\" is, and recordings of two users may have the same ids",
					Hint: "name the user by number: --users 745249"}
			}
			r.policy.users[rec.Owner] = true
			r.selfUser = rec.Owner
		}
		if r.policy.eligible(rec) {
			eligible = append(eligible, rec)
		}
	}
	if len(eligible) == 0 {
		return nil
	}
	if err := r.identify(ctx, eligible); err != nil {
		return err
	}
	for i := range eligible {
		eligible[i].Account = r.account
	}
	sightings, err := r.ledger.Add(ctx, r.id, eligible)
	if err != nil {
		return err
	}
	for i, s := range sightings {
		r.count(eligible[i], s)
	}
	return nil
}

// count counts a recording once, however many listings show it.
func (r *run) count(rec vbc.Recording, s manifest.Sighting) {
	if s == manifest.Repeated {
		return
	}
	r.stats.Listed.Add(1)
	r.stats.ListedBytes.Add(max(rec.Size, 0))
	switch s {
	case manifest.Archived:
		r.stats.AlreadyArchived.Add(1)
	case manifest.Reappeared:
		r.log.Warn("VBC lists a recording again although it had confirmed its deletion", "recording", rec.String())
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
			return &refusal{Reason: fmt.Sprintf("VBC shows recordings of account %s, and this run is about account %s", rec.Account, r.account),
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
	return "", &refusal{Reason: "the account's number is not known: the recordings don't carry it and " + strings.TrimSuffix(err.Error(), "."),
		Hint: "tell it with --account NUMBER; nothing has been stored"}
}
