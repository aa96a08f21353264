package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/report"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/access"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/state"
	"github.com/vbcvault/vbcvault/pipeline/check"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

// tasks is what goes on beside the requests that have asked for it.
type tasks struct {
	mu    sync.Mutex
	audit string // the account that is audited, "" = none is: one at a time
	sums  map[string]*summing

	adding sync.Mutex // one account is added up at a time
}

// summing is an account that is added up, or was.
type summing struct {
	done chan struct{} // closed once it is
	at   time.Time
	sum  *report.Section // nil: that has failed
}

// What is added up is shown for so long, and waited for so long.
const (
	sumLasts = 5 * time.Minute
	sumWait  = 3 * time.Second
)

// longestAudit is how long an audit may take.
const longestAudit = 12 * time.Hour

// summed is what a report says of an account, as it was a few minutes ago at most. still
// says that it is being added up.
func (s *Server) summed(ctx context.Context, v *Vault) (sum *report.Section, at time.Time, still bool) {
	t, now := &s.tasks, s.now()
	t.mu.Lock()
	if t.sums == nil {
		t.sums = map[string]*summing{}
	}
	one := t.sums[v.Name]
	if one == nil || one.ended() && now.Sub(one.at) > sumLasts {
		one = &summing{done: make(chan struct{}), at: now}
		t.sums[v.Name] = one
		go s.sum(v, one) //nolint:gosec // it goes on for whoever asks next
	}
	t.mu.Unlock()
	wait := time.NewTimer(sumWait)
	defer wait.Stop()
	select {
	case <-one.done:
		return one.sum, one.at, false
	case <-wait.C:
	case <-ctx.Done():
	}
	return nil, time.Time{}, true
}

func (o *summing) ended() bool {
	select {
	case <-o.done:
		return true
	default:
		return false
	}
}

// sum adds up one account.
func (s *Server) sum(v *Vault, to *summing) {
	defer close(to.done)
	s.tasks.adding.Lock()
	defer s.tasks.adding.Unlock()
	r, err := report.Make(context.Background(), []report.Account{v.reported()}, report.MonthUntil(s.now()))
	if err == nil && r.Accounts[0].Error != "" {
		err = errors.New(r.Accounts[0].Error)
	}
	if err != nil {
		s.log.Error("an account can't be added up", "account", v.Name, "reason", err)
		return
	}
	to.sum = &r.Accounts[0]
}

// reported is a vault as reports read it.
func (v *Vault) reported() report.Account {
	return report.Account{Name: v.Name, Open: func(ctx context.Context) (manifest.Opened, error) {
		m, err := v.reading(ctx)
		if err == nil && m == nil {
			if _, err = v.Manifest(ctx); err == nil { // else that says that there is none
				err = manifest.ErrUnbound
			}
		}
		return m, err
	}}
}

// report sends a report about a month as a file that needs nothing else.
func (s *Server) report(w http.ResponseWriter, r *http.Request) error {
	v, err := s.scopedVault(access.From(r.Context()), r.PathValue("account"))
	if err != nil {
		return err
	}
	period := report.LastMonth(s.now())
	if text := r.URL.Query().Get("month"); text != "" {
		first, err := time.Parse(manifest.MonthLayout, text)
		if err != nil || first.Year() < 2000 || first.Year() > 9000 {
			return &problem{http.StatusBadRequest, "This is not a month", "A month is written as in 2026-05.", "Go back and choose one."}
		}
		period = report.Period{Since: first, Until: first.AddDate(0, 1, 0)}
	}
	made, err := report.Make(r.Context(), []report.Account{v.reported()}, period)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := made.HTML(&b); err != nil {
		return err
	}
	name := "vbcvault-" + strings.Map(plainName, v.Name) + "-" + period.Since.Format(manifest.MonthLayout) + ".html"
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="`+name+`"`)
	h.Set("Cache-Control", "private, no-store")
	_, _ = w.Write(b.Bytes())
	return nil
}

// plainName keeps of a text what any file may be called.
func plainName(c rune) rune {
	if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' {
		return c
	}
	return '-'
}

// auditing reports whether an account is audited now, or another one.
func (t *tasks) auditing(account string) (this, other bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.audit != "" && t.audit == account, t.audit != "" && t.audit != account
}

// begin begins an audit, unless one goes on: then it is of which account.
func (t *tasks) begin(account string) (of string, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.audit != "" {
		return t.audit, false
	}
	t.audit = account
	return account, true
}

func (t *tasks) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.audit = ""
}

var otherAudit = &problem{http.StatusConflict, "Another audit is in progress", "Only one account is audited at a time.", "Try again when it has ended."}

// audit has an account's receipts checked, beside whoever waits for it. It reads the
// manifest and the archive, and changes neither.
func (s *Server) audit(w http.ResponseWriter, r *http.Request) error {
	viewer := access.From(r.Context())
	v, err := s.scopedVault(viewer, r.PathValue("account"))
	if err != nil {
		return err
	}
	of, ok := s.tasks.begin(v.Name)
	if of != v.Name {
		return otherAudit
	}
	if ok { // else it is a second click
		go s.auditFor(v, viewer.Name) //nolint:gosec // it outlives the request
	}
	http.Redirect(w, r, "/accounts/"+url.PathEscape(v.Name)+"#audit", http.StatusSeeOther)
	return nil
}

// auditFor audits an account and keeps the result.
func (s *Server) auditFor(v *Vault, who string) {
	defer s.tasks.end()
	ctx, cancel := context.WithTimeout(context.Background(), longestAudit)
	defer cancel()
	a := state.Audit{Who: who}
	result, err := s.audited(ctx, v)
	if err == nil {
		a.Result, err = json.Marshal(result)
	}
	if a.At, a.Failed = s.now(), err != nil; err != nil {
		s.log.Error("an audit came to no end", "account", v.Name, "reason", err)
	} else {
		s.log.Info("audit done", "account", v.Name, "intact", result.Intact(), "by", who)
	}
	if err := s.o.State.SetAudit(context.WithoutCancel(ctx), v.Name, a); err != nil {
		s.log.Error("the result of an audit could not be kept", "account", v.Name, "reason", err)
	}
}

// audited audits one account.
func (s *Server) audited(ctx context.Context, v *Vault) (a check.AuditResult, err error) {
	m, err := v.reading(ctx)
	if err == nil && m == nil {
		err = manifest.ErrUnbound
	}
	if err != nil {
		return a, err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	store, err := v.Store(ctx)
	if err != nil {
		return a, err
	}
	b, err := m.Binding(ctx)
	if is, ok := store.(interface{ Identify(known string) error }); ok && err == nil {
		err = is.Identify(b.Identity)
	}
	if err != nil {
		return a, err
	}
	return check.Audit(ctx, m, store)
}
