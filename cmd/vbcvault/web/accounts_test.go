package web_test

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/access"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// audited has an account audited, and is its page once that has ended.
func (p *page) audited(account string) answer {
	p.t.Helper()
	a := p.Post("/accounts/"+account+"/audit", nil)
	for a.StatusCode == http.StatusOK && strings.Contains(a.Text, "The audit is in progress") {
		a = p.Get("/accounts/" + account)
	}
	return a
}

// The accounts stand there as status and report have them, and what an audit says is kept.
func TestAccounts(t *testing.T) {
	t.Parallel()
	p := newPage(t, pageOptions{Archive: deleting(4)})
	p.hold(map[string][]string{"id": {"193228"}, "reason": {"case"}})
	p.Get("/accounts").want(t, http.StatusOK, "In order", "acme", `data-label="Archived">6<`, `data-label="Holds">1<`)
	p.Get("/accounts/acme").want(t, http.StatusOK, "549825", "requests a minute", "<svg", "Month by month", "Last runs", "Audit now", "Nobody has had this account audited")
	p.audited("acme").want(t, http.StatusOK, "The receipts were intact", "4; VBC confirmed each", "vera")
	report := p.Get("/accounts/acme/report?month=2025-05").want(t, http.StatusOK, "May 2025")
	if d := report.Header.Get("Content-Disposition"); !strings.Contains(d, `attachment; filename="vbcvault-acme-2025-05.html"`) {
		t.Errorf("%q", d)
	}
	p.Get("/accounts/acme/report?month=May").want(t, http.StatusBadRequest, "This is not a month")
	if a, err := p.State.Audit(context.Background(), "acme"); err != nil || a == nil || a.Failed {
		t.Errorf("%+v, %v", a, err)
	}
}

// An audit that finds something says what, and what to do about it.
func TestAccountWhoseReceiptsAreGone(t *testing.T) {
	t.Parallel()
	p := newPage(t, pageOptions{Archive: deleting(6)})
	dir := strings.TrimPrefix(p.Store["acme"].String(), "file://")
	found := 0
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.Contains(filepath.ToSlash(path), "/receipts/") {
			found++
			return os.Remove(path)
		}
		return err
	})
	if err != nil || found == 0 {
		t.Fatal(found, err)
	}
	p.audited("acme").want(t, http.StatusOK, "THE RECEIPTS WERE NOT INTACT", "What to do")
}

// Damage is what comes first, and is said.
func TestAccountWithADamagedCopy(t *testing.T) {
	t.Parallel()
	p := newPage(t, pageOptions{Archive: deleting(6), Accounts: map[string][]vbctest.Recording{"acme": someRecordings(), "zeta": someRecordings()[:1]}})
	for row, err := range p.Manifest["zeta"].Search(t.Context(), manifest.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Manifest["zeta"].Damaged(t.Context(), row.Recording, "its audio is missing"); err != nil {
			t.Fatal(err)
		}
	}
	list := p.Get("/accounts").want(t, http.StatusOK, "Copies are damaged")
	if strings.Index(list.Text, "/accounts/zeta") > strings.Index(list.Text, "/accounts/acme") {
		t.Error("the worst doesn't come first")
	}
	p.Get("/accounts/zeta").want(t, http.StatusOK, "its audio is missing", "lost unless another copy exists")
}

// What counts all calls of an account is for those who may see all of them, and for
// nobody else's accounts.
func TestAccountsWithinAScope(t *testing.T) {
	t.Parallel()
	p := newPage(t, pageOptions{Accounts: map[string][]vbctest.Recording{"acme": someRecordings(), "zeta": someRecordings()[:1]}})
	p.As("otto", access.Role{Kind: "auditor", Accounts: []string{"zeta"}})
	if a := p.Get("/accounts").want(t, http.StatusOK, "zeta"); strings.Contains(a.Text, "acme") {
		t.Error("an account out of scope is shown")
	}
	for _, at := range []string{"/accounts/acme", "/accounts/acme/report", "/accounts/nothing"} {
		p.Get(at).want(t, http.StatusNotFound, "There is no such page")
	}
	p.Post("/accounts/acme/audit", nil).want(t, http.StatusNotFound)
	for _, role := range []access.Role{{Kind: "holder", Extensions: []string{"101"}}, {Kind: "auditor", MaxAge: 1}, {Kind: "supervisor"}} {
		p.As("otto", role)
		for _, at := range []string{"/accounts", "/accounts/zeta", "/accounts/zeta/report"} {
			p.Get(at).want(t, http.StatusForbidden, "You may not do this")
		}
		p.Post("/accounts/zeta/audit", nil).want(t, http.StatusForbidden)
	}
}
