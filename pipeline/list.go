package pipeline

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/vbcvault/vbcvault/pipeline/code"
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

// listing is all that VBC is asked to list in a run, one collection after the other.
// It belongs to the goroutine that goes through list, and then through
// listUnsorted; when that has ended, to the one that ends the run.
type listing struct {
	*run
	register register

	selfUser   string               // the number of "self", "" until a recording tells it
	recognised bool                 // the manifest knows whose recordings this user sees
	newestOnly bool                 // VBC refuses the order that is asked for
	unsorted   []collection         // that VBC doesn't list in order
	scans      map[collection]*scan // what has come of them

	yielded   int64 // recordings that slices were yielded with
	remaining int64 // that VBC counts behind them
}

// register is where a listing is written down: the manifest, or the memory of a
// dry run.
type register interface {
	Add(ctx context.Context, run int64, recordings []vbc.Recording) ([]manifest.Sighting, error)
}

// numbered is a collection by its user's number.
func (l *listing) numbered(c collection) collection {
	if c.user == "self" {
		c.user = l.selfUser
	}
	return c
}

// list yields what VBC lists in slices, the oldest of each collection first.
// Each is written down before it is yielded, and nothing that is still to be
// listed moves when it is purged.
func (l *listing) list(ctx context.Context) iter.Seq2[slice, error] {
	return func(yield func(slice, error) bool) {
		l.stats.Listing.Store(true)
		defer l.stats.Listing.Store(false)
		err := l.listAll(ctx, func(s slice) bool {
			l.stats.Listing.Store(false) // it goes on, but there is work now
			return yield(s, nil)
		})
		if err != nil && !errors.Is(err, errNoMore) {
			yield(slice{}, err)
		}
	}
}

// errNoMore says that whoever a listing is for wants no more of it.
var errNoMore = errors.New("nobody wants more")

func (l *listing) listAll(ctx context.Context, yield func(slice) bool) error {
	if err := l.recallTroubles(ctx); err != nil {
		return err
	}
	collections, err := l.collections(ctx)
	if err != nil {
		return err
	}
	read := 0
	var first error
	defer l.tell(l.work)
	for _, c := range collections {
		if c.kind == vbc.OnDemand && c.user == l.selfUser {
			continue // listed as "self"
		}
		one := l.newLister(c, false, yield)
		err := one.read(ctx)
		switch {
		case err == nil, errors.Is(err, errUnsorted):
		case errors.Is(err, errNoMore):
			return err
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case judge(err) == retry.Systemic, judge(err) == retry.Cancelled, l.unfit():
			return err
		default:
			one.brokenOff(err)
		}
		if first == nil {
			first = err
		}
		if one.pages > 0 || err == nil {
			read++
		}
	}
	if read == 0 && first != nil {
		return &refusal.Refusal{Code: code.NothingListed, Reason: "nothing could be listed: " + first.Error(),
			Hint: "check VBC_API_URL and VBC_API_ROOT (the address of the API), and --account and --users (whose recordings to list); --page-size asks for fewer recordings at once"}
	}
	return nil
}

// unfit reports whether account, manifest and destination were found not to
// belong together, or couldn't be looked at: then nothing may go on.
func (r *run) unfit() bool { return r.account != "" && r.manifest != nil && r.archive == nil }

// listUnsorted yields the collections that can't be had in order. They are
// read to their end first, while nothing is being purged.
func (l *listing) listUnsorted(ctx context.Context) iter.Seq2[slice, error] {
	return func(yield func(slice, error) bool) {
		for _, c := range l.unsorted {
			one := l.newLister(c, true, func(s slice) bool { return yield(s, nil) })
			switch err := one.read(ctx); {
			case err == nil:
			case errors.Is(err, errNoMore):
				return
			case ctx.Err() != nil, judge(err) == retry.Systemic, judge(err) == retry.Cancelled:
				yield(slice{}, err)
				return
			default:
				one.brokenOff(err)
			}
		}
	}
}

// collections says which listings to read. Where the account's users can't be
// had, their recordings are a problem and the company's are done all the same.
func (l *listing) collections(ctx context.Context) ([]collection, error) {
	var out []collection
	if slices.Contains(l.policy.Kinds, vbc.Company) {
		out = append(out, collection{kind: vbc.Company})
	}
	if !slices.Contains(l.policy.Kinds, vbc.OnDemand) {
		return out, nil
	}
	users := map[string]bool{}
	for _, u := range l.policy.Users {
		if u != "all" {
			users[u] = true
			continue
		}
		if err := l.listUsers(ctx, users); err != nil {
			return nil, err
		}
	}
	if users["self"] {
		out = append(out, collection{vbc.OnDemand, "self"}) // first: it tells its number
		delete(users, "self")
	}
	for _, u := range slices.Sorted(maps.Keys(users)) {
		out = append(out, collection{vbc.OnDemand, u})
		l.users.add(u)
	}
	return out, nil
}

// listUsers adds the account's users to a set. An error ends the run; what else
// goes wrong is a trouble.
func (l *listing) listUsers(ctx context.Context, users map[string]bool) error {
	var first error
	found, wrong := map[string]bool{}, 0
	for id, err := range l.vbc.Users(ctx, l.policy.Account, l.attempt) {
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
		l.troubled(vbc.OnDemand, manifest.NoUsers, text)
		return nil
	}
	if l.manifest == nil {
		return nil
	}
	return errors.Join(l.manifest.Over(ctx, l.id, manifest.Trouble{Kind: vbc.OnDemand, Code: manifest.NoUsers}),
		l.manifest.OverForUsers(ctx, func(user string) bool { return found[user] }))
}
