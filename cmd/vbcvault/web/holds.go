package web

import (
	"cmp"
	"context"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/holding"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/access"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/state"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

func init() {
	routes = append(
		routes,
		route{"GET /holds", access.See, (*Server).holds},
		route{"GET /holds/{account}/{hold}", access.See, (*Server).hold},
	)
}

// How much is looked at to say what holds cover: what takes longer is said to be more.
const (
	mostHeld = 100_000 // recordings of a hold in each manifest
	countFor = 3 * time.Second
)

// heldAccount is an account of VBC with what is held there, for one viewer.
type heldAccount struct {
	Name   string // by which the page calls it: the first of its vaults that the viewer may see
	Number string
	Vaults []*Vault // that the viewer may see
	places []holding.Place
	Unread int // manifests that can't be read: they may have holds that aren't shown
}

// heldAccounts are those in somebody's scope, each once, however many destinations it has.
func (s *Server) heldAccounts(ctx context.Context, v *access.Viewer) (all []*heldAccount, err error) {
	for _, vault := range s.scopedVaults(v) {
		_, b, ok, err := vault.bound(ctx)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		i := slices.IndexFunc(all, func(a *heldAccount) bool { return a.Number == b.Account })
		if i < 0 {
			i, all = len(all), append(all, &heldAccount{Name: vault.Name, Number: b.Account})
			places, unread, err := vault.Holds.Places(ctx, b.Account)
			if err != nil {
				return nil, err
			}
			all[i].places, all[i].Unread = places, len(unread)
			for _, err := range unread {
				s.log.Error("a manifest can't be read, and it may have holds", "reason", err)
			}
		}
		all[i].Vaults = append(all[i].Vaults, vault)
	}
	return all, nil
}

// heldAccount is the account of a vault in somebody's scope.
func (s *Server) heldAccount(ctx context.Context, v *access.Viewer, name string) (*heldAccount, error) {
	all, err := s.heldAccounts(ctx, v)
	if err != nil {
		return nil, err
	}
	for _, a := range all {
		if slices.ContainsFunc(a.Vaults, func(vault *Vault) bool { return vault.Name == name }) {
			return a, nil
		}
	}
	return nil, notFound
}

// machine is where the account's manifests lie.
func (a *heldAccount) machine() holding.Machine { return a.Vaults[0].Holds }

// shownHold is a hold as a page shows it.
type shownHold struct {
	holding.Hold
	Path     string
	Covers   []template.HTML // in words, each one criterion
	Count    holding.Count
	First    []manifest.Row
	Request  *state.HoldEnd // to end it, if there is one to be decided on
	Declined *state.HoldEnd // the last one, if somebody has declined it
	Unended  *state.HoldEnd // one that was agreed to, and the hold is still in force
}

// Number is what people call it.
func (h shownHold) Number() string { return h.Label() }

// shownHolds are the account's holds that somebody may see: all, or, of a role that is
// limited, those that it made itself and those that cover what it may see, unless
// that is only in case they match.
func (s *Server) shownHolds(ctx context.Context, v *access.Viewer, zone *time.Location, a *heldAccount) (all []shownHold, err error) {
	common := holding.Common(a.places)
	counted := common
	if !limited(v) {
		counted = slices.DeleteFunc(slices.Clone(common), func(h holding.Hold) bool { return h.Removed != nil })
	}
	counts, err := s.count(ctx, v, a, counted, 0)
	if err != nil {
		return nil, err
	}
	ends, err := s.o.State.HoldEnds(ctx, a.Number, s.now())
	if err != nil {
		return nil, err
	}
	for _, h := range common {
		i := slices.IndexFunc(counted, func(c holding.Hold) bool { return c.Digest == h.Digest })
		if limited(v) && h.By != v.Name && !counts[i].Named {
			continue
		}
		shown := shownHold{Hold: h, Path: "/holds/" + url.PathEscape(a.Name) + "/" + h.Digest.String(), Covers: criteria(zone, h.Hold)}
		if i >= 0 {
			shown.Count = counts[i].Count()
		}
		if err := s.heedEnds(ctx, &shown, ends); err != nil {
			return nil, err
		}
		all = append(all, shown)
	}
	slices.SortStableFunc(all, func(x, y shownHold) int { return y.At.Compare(x.At) })
	return all, nil
}

// heedEnds says what was asked about a hold's end. A request about a hold that has ended
// otherwise is over.
func (s *Server) heedEnds(ctx context.Context, h *shownHold, ends []state.HoldEnd) error {
	for _, e := range ends {
		switch {
		case e.Hold != h.Digest.String():
		case e.Decision == state.Undecided && h.Removed != nil:
			if err := s.o.State.DropHoldEnd(ctx, e.ID); err != nil {
				return err
			}
		case e.Decision == state.Undecided:
			h.Request = &e
		case e.Decision == state.Agreed && h.Removed == nil && h.Unended == nil:
			h.Unended = &e
		case e.Decision == state.Declined && h.Removed == nil && h.Declined == nil:
			h.Declined = &e
		}
	}
	return nil
}

// count counts what holds cover of what somebody may see, and keeps the first few.
func (s *Server) count(ctx context.Context, v *access.Viewer, a *heldAccount, holds []holding.Hold, first int) (counts []*holding.Counting, err error) {
	scope := v.Scope(s.now())
	texts := make([]manifest.Hold, len(holds))
	for i, h := range holds {
		texts[i] = h.Hold
		counts = append(counts, &holding.Counting{Sees: scope.Covers, Most: mostHeld, Show: first})
	}
	if len(holds) == 0 {
		return counts, nil
	}
	brief, end := context.WithTimeout(ctx, countFor)
	defer end()
	for _, vault := range a.Vaults {
		m, err := vault.Manifest(ctx)
		if err == nil {
			err = holding.Each(brief, m, texts, counts)
		}
		if err != nil && (ctx.Err() != nil || brief.Err() == nil) {
			return nil, err
		}
	}
	return counts, nil
}

// criteria are what a hold asks for, in words.
func criteria(zone *time.Location, h manifest.Hold) (all []template.HTML) {
	if h.Lost {
		return []template.HTML{"every recording: what it was made for can no longer be read"}
	}
	for _, id := range h.IDs {
		all = append(all, template.HTML("recording ")+foreign(manifestID(id)))
	}
	if h.CallerID != "" {
		all = append(all, "calls from "+foreign(h.CallerID))
	}
	if h.Extension != "" {
		all = append(all, "calls of extension "+foreign(h.Extension))
	}
	if !h.Since.IsZero() {
		all = append(all, "calls that start at "+when(zone, h.Since)+" or later")
	}
	if !h.Until.IsZero() {
		all = append(all, "calls that start before "+when(zone, h.Until))
	}
	if h.Destination != "" {
		all = append(all, "only for runs to "+foreign(h.Destination))
	}
	return all
}

// holdsPage is what the page of all holds shows.
type holdsPage struct {
	Accounts   []holdsOf
	May        bool // hold something
	MayRelease bool
	Limited    bool
	Several    bool
}

type holdsOf struct {
	*heldAccount
	InForce, Ended []shownHold
}

func (s *Server) holds(w http.ResponseWriter, r *http.Request) error {
	v := access.From(r.Context())
	accounts, err := s.heldAccounts(r.Context(), v)
	if err != nil {
		return err
	}
	p := holdsPage{May: v.May(access.Hold), MayRelease: mayRelease(v), Limited: limited(v), Several: len(accounts) > 1}
	for _, a := range accounts {
		all, err := s.shownHolds(r.Context(), v, zoneOf(r), a)
		if err != nil {
			return err
		}
		of := holdsOf{heldAccount: a}
		for _, h := range all {
			if h.Removed == nil {
				of.InForce = append(of.InForce, h)
			} else {
				of.Ended = append(of.Ended, h)
			}
		}
		slices.SortStableFunc(of.Ended, func(x, y shownHold) int { return y.Removed.At.Compare(x.Removed.At) })
		p.Accounts = append(p.Accounts, of)
	}
	return s.show(w, r, http.StatusOK, "holds", "Legal holds", p)
}

// holdPage is what the page of one hold shows.
type holdPage struct {
	shownHold
	Account     *heldAccount
	Made        bool     // just now, by whoever looks
	Where       []string // destinations where it is in force
	Elsewhere   int      // manifests where it is in force, and that the viewer knows nothing of
	Missing     int      // manifests of the account that don't have it
	Open        *holding.OpenError
	MayRelease  bool
	MayAgree    bool // on the request that there is
	Own         bool // the request is the viewer's
	FourEyes    bool
	Limited     bool
	Token       string
	Shown       string // what stands on the page, as a form sends it back
	ShownForEnd string
}

func (s *Server) hold(w http.ResponseWriter, r *http.Request) error {
	v := access.From(r.Context())
	a, h, err := s.findHold(r)
	if err != nil {
		return err
	}
	p := holdPage{shownHold: h, Account: a, Made: r.URL.Query().Has("made"), MayRelease: mayRelease(v),
		FourEyes: s.config().FourEyes, Limited: limited(v), Token: token()}
	p.where(a)
	counts, err := s.count(r.Context(), v, a, []holding.Hold{h.Hold}, 10)
	if err != nil {
		return err
	}
	p.Count, p.First = counts[0].Count(), counts[0].First
	if h.Removed == nil {
		wait := time.Duration(0)
		if p.Made {
			wait = waitForDeletions
		}
		if p.Open, err = a.underWay(r.Context(), h.Hold, wait); err != nil {
			return err
		}
	}
	p.Shown = shownOf(h, "")
	if e := cmp.Or(h.Request, h.Unended); e != nil {
		p.Own = samePerson(e, v)
		p.MayAgree = p.MayRelease && (!p.Own || e.Decision == state.Agreed)
		p.ShownForEnd = shownOf(h, e.ID)
	}
	return s.show(w, r, http.StatusOK, "hold", "Hold "+h.Label(), p)
}

// waitForDeletions is how long the page about a new hold waits for deletions that had
// been begun before it was made.
const waitForDeletions = 5 * time.Second

// where says where a hold is in force, as far as the viewer knows these places.
func (p *holdPage) where(a *heldAccount) {
	for _, in := range p.In {
		if slices.ContainsFunc(a.Vaults, func(v *Vault) bool { return v.Destination == in.Bound.Destination }) {
			p.Where = append(p.Where, in.Bound.Destination)
		} else {
			p.Elsewhere++
		}
	}
	for _, other := range a.places {
		has := slices.ContainsFunc(other.Holds, func(h manifest.Hold) bool { return h.Digest == p.Digest })
		if !has && (p.Destination == "" || p.Destination == other.Bound.Destination) {
			p.Missing++
		}
	}
}

// underWay says what deletions, of what a hold covers, are under way; nil if there are
// none any more.
func (a *heldAccount) underWay(ctx context.Context, h holding.Hold, wait time.Duration) (open *holding.OpenError, err error) {
	end := time.Now().Add(wait)
	for _, in := range h.In {
		m, err := a.machine().Read(ctx, in.Path)
		if err != nil {
			return nil, err
		}
		is := in.Holds[slices.IndexFunc(in.Holds, func(x manifest.Hold) bool { return x.Digest == h.Digest })]
		err = holding.AwaitDeletions(ctx, m, is, time.Until(end), nil)
		m.Close()
		if one, ok := err.(*holding.OpenError); ok { //nolint:errorlint // it is returned as it is
			if open == nil {
				open = one
			} else {
				open.Deletions += one.Deletions
			}
		} else if err != nil {
			return nil, err
		}
	}
	return open, nil
}

// findHold is the hold that a path names, if the viewer may see it.
func (s *Server) findHold(r *http.Request) (*heldAccount, shownHold, error) {
	v := access.From(r.Context())
	a, err := s.heldAccount(r.Context(), v, r.PathValue("account"))
	if err != nil {
		return nil, shownHold{}, err
	}
	all, err := s.shownHolds(r.Context(), v, zoneOf(r), a)
	if err != nil {
		return nil, shownHold{}, err
	}
	i := slices.IndexFunc(all, func(h shownHold) bool { return h.Digest.String() == r.PathValue("hold") })
	if i < 0 {
		return nil, shownHold{}, notFound
	}
	return a, all[i], nil
}

// mayRelease reports whether somebody may end holds. Whoever may see but a part of an
// account's recordings may not: a hold may cover others too.
func mayRelease(v *access.Viewer) bool { return v.May(access.Release) && !limited(v) }
