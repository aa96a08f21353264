package web

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/outcome"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/overview"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/access"
	"github.com/vbcvault/vbcvault/pipeline"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

func init() {
	routes = append(
		routes,
		route{"GET /accounts", access.Oversee, whole((*Server).accounts)},
		route{"GET /accounts/{account}", access.Oversee, whole((*Server).account)},
		route{"GET /accounts/{account}/report", access.Oversee, whole((*Server).report)},
		route{"POST /accounts/{account}/audit", access.Oversee, whole((*Server).audit)},
	)
}

// whole lets those in who may see all of their accounts: what stands on these pages
// counts all recordings.
func whole(do func(*Server, http.ResponseWriter, *http.Request) error) func(*Server, http.ResponseWriter, *http.Request) error {
	return func(s *Server, w http.ResponseWriter, r *http.Request) error {
		if limited(access.From(r.Context())) {
			return partOnly
		}
		return do(s, w, r)
	}
}

var partOnly = &problem{http.StatusForbidden, "You may not do this",
	"This page counts all calls of an account, and your role shows you a part of them.", "Ask whoever looks after vbcvault for another role."}

// shownAccount is how an account stands, as the list shows it.
type shownAccount struct {
	overview.Standing
	Path     string
	Overview *overview.Overview // nil: there is nothing to say
}

// accounts shows how all accounts stand that somebody may see, the worst first.
func (s *Server) accounts(w http.ResponseWriter, r *http.Request) error {
	vaults := s.scopedVaults(access.From(r.Context()))
	last := s.lastRuns(r.Context())
	all := each(vaults, func(v *Vault) shownAccount { return s.stands(r.Context(), v, last) })
	slices.SortStableFunc(all, func(a, b shownAccount) int { return cmp.Compare(b.Badness(), a.Badness()) })
	return s.show(w, r, http.StatusOK, "accounts", "Accounts", all)
}

// lastRuns is what each account's last run came to, as the service knows it.
func (s *Server) lastRuns(ctx context.Context) map[string]outcome.Outcome {
	if s.o.LastRuns == nil {
		return nil
	}
	last, err := s.o.LastRuns(ctx)
	if err != nil && ctx.Err() == nil {
		s.log.Warn("the outcomes of the service can't be read, and runs that did not begin may be missing", "reason", err)
	}
	return last
}

// stands says how an account stands.
func (s *Server) stands(ctx context.Context, v *Vault, last map[string]outcome.Outcome) shownAccount {
	st := shownAccount{Standing: overview.Standing{Account: v.Name, Destination: v.Destination, State: "new"}, Path: "/accounts/" + url.PathEscape(v.Name)}
	m, err := v.reading(ctx)
	running := false
	if err == nil && m != nil {
		st.Overview, err = overview.Of(ctx, m)
		if err == nil {
			running, err = m.InUse(ctx)
		}
		err = errors.Join(err, m.Close())
	}
	switch {
	case err != nil:
		s.log.Error("a manifest can't be read", "account", v.Name, "reason", err)
		st.Standing, st.Overview = st.Unreadable(errors.New("its manifest can't be read; the log of vbcvault says why")), nil
	case st.Overview != nil:
		st.Standing = st.Of(st.Overview, running)
	}
	st.Standing = st.Heed(last[v.Name])
	return st
}

// reading opens the vault's manifest anew for reading; nil if there is none.
func (v *Vault) reading(ctx context.Context) (manifest.Opened, error) {
	m, _, ok, err := v.bound(ctx)
	if err != nil || !ok {
		return nil, err
	}
	at, ok := m.(interface{ Path() string })
	if !ok {
		return nil, fmt.Errorf("the manifest of %s is no file", v.Name)
	}
	return v.Holds.Read(ctx, at.Path())
}

// Exit is the exit code of the last run, "" if there is none.
func (a shownAccount) Exit() string {
	if a.ExitCode == nil {
		return ""
	}
	return fmt.Sprint(*a.ExitCode)
}

// Tone is how soon somebody should look.
func (a shownAccount) Tone() string {
	switch b := a.Badness(); {
	case b >= 250:
		return "bad"
	case b > 0:
		return "attention"
	}
	return "good"
}

// Says is the same in words.
func (a shownAccount) Says() string {
	switch {
	case a.Damaged > 0:
		return "Copies are damaged"
	case a.Error != "":
		return "Can't be read"
	case a.State == "new":
		return "Never archived"
	case a.State == "running":
		return "A run is in progress"
	case a.State == "interrupted":
		return "The last run was interrupted"
	}
	switch a.Exit() {
	case "", "0":
	case "1":
		return "The last run left something undone"
	case "2":
		return "The last run did not begin: a mistake in the configuration"
	case "130":
		return "The last run was told to stop"
	default:
		return "The last run stopped early"
	}
	if a.Troubles > 0 || a.Failed > 0 {
		return "Something needs a look"
	}
	return "In order"
}

// TimeLeft is how long what is left takes at VBC's quota; 0 if nothing is left.
func (a shownAccount) TimeLeft() time.Duration {
	if a.Overview == nil || a.Overview.Left.Archive+a.Overview.Left.Delete <= 0 {
		return 0
	}
	return pipeline.Takes(a.Overview.Left.Requests.Direct, a.interval())
}

func (a shownAccount) interval() time.Duration {
	return cmp.Or(time.Duration(a.Overview.Left.Interval*float64(time.Second)), pipeline.DefaultInterval)
}

// Quota is how many requests VBC takes in a minute, as far as is known.
func (a shownAccount) Quota() string {
	text := fmt.Sprintf("%.3g requests a minute", float64(time.Minute)/float64(a.interval()))
	if a.Overview.Left.Interval == 0 {
		text = "VBC's default quota of " + text
	}
	return text
}
