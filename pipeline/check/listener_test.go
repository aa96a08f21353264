package check_test

import (
	"database/sql"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/archive"
	"github.com/vbcvault/vbcvault/pipeline/check"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/dirstore"
	"github.com/vbcvault/vbcvault/vbc"
)

// listener is a manifest that works on an archive, night by night, and in which
// somebody listens.
type listener struct {
	t    *testing.T
	path string
	at   storage.Destination
	runs int64
}

func newListener(t *testing.T, at storage.Destination) *listener {
	return &listener{t: t, path: filepath.Join(t.TempDir(), "m"), at: at}
}

func openDir(t *testing.T) (storage.Destination, string) {
	t.Helper()
	at := t.TempDir()
	dir, err := dirstore.Open(at)
	must(t, err)
	t.Cleanup(func() { dir.Close() })
	return dir, at
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (k *listener) open() *sqlite.Manifest {
	k.t.Helper()
	m, err := sqlite.Open(k.t.Context(), k.path)
	must(k.t, err)
	return m
}

// try is a night that may fail anywhere: it adds so many entries, and returns what
// settling the archive has found.
func (k *listener) try(entries int) ([]string, error) {
	m := k.open()
	defer m.Close()
	a, err := archive.Settle(k.t.Context(), k.at, m, slog.New(slog.DiscardHandler), account, archive.Options{})
	if err != nil {
		return nil, err
	}
	k.runs++
	for n := range entries {
		e := receipt.New(receipt.Result, k.runs, vbc.Recording{Account: account, Kind: vbc.Company, ID: int64(n + 1), Start: time.Unix(1_700_000_000, 0)})
		e.Outcome = receipt.StillThere // which needs no intent
		must(k.t, m.AddReceipt(k.t.Context(), e))
	}
	return a.Doubts(), a.StoreReceipts(k.t.Context(), k.runs)
}

// quiet is a night in which nothing must be found.
func (k *listener) quiet(entries int) {
	k.t.Helper()
	if doubts, err := k.try(entries); err != nil || len(doubts) > 0 {
		k.t.Fatalf("%q, %v", doubts, err)
	}
}

// copyTo copies the manifest and its key.
func (k *listener) copyTo(t *testing.T) *listener {
	t.Helper()
	other := newListener(t, k.at)
	other.runs = k.runs
	for _, end := range []string{"", ".key"} {
		text, err := os.ReadFile(k.path + end)
		must(t, err)
		must(t, os.WriteFile(other.path+end, text, 0o600))
	}
	return other
}

// trust takes another manifest's word.
func (k *listener) trust(other *listener) {
	k.t.Helper()
	theirs, m := other.open(), k.open()
	defer m.Close()
	defer theirs.Close()
	verifier, err := theirs.Verifier(k.t.Context())
	must(k.t, err)
	must(k.t, m.Trust(k.t.Context(), manifest.Trusted{Verifier: verifier, Reason: "ours", By: "who", At: time.Unix(1, 0)}))
}

func (k *listener) chain() string {
	k.t.Helper()
	m := k.open()
	defer m.Close()
	c, err := m.Chain(k.t.Context())
	must(k.t, err)
	return c.ID
}

// listens has somebody listen to recordings, beside whatever goes on.
func (k *listener) listens(who string, ids ...int64) {
	k.t.Helper()
	m, err := sqlite.OpenBeside(k.t.Context(), k.path)
	must(k.t, err)
	defer m.Close()
	for _, id := range ids {
		l := manifest.Listening{Kind: vbc.Company, ID: id, Start: time.Unix(1_700_000_000, 0), Who: who, How: manifest.Played, Why: "to hear it", From: "192.0.2.7"}
		if _, err := m.AddListening(k.t.Context(), l); err != nil {
			k.t.Fatal(err)
		}
	}
}

// audits has the archive and the manifest audited. Findings must be these, each code
// once.
func (k *listener) audits(want ...string) check.AuditResult {
	k.t.Helper()
	m := k.open()
	defer m.Close()
	a, err := check.Audit(k.t.Context(), m, k.at)
	must(k.t, err)
	got := map[string]bool{}
	for _, f := range a.Findings {
		got[f.Code] = true
	}
	for _, c := range want {
		if !got[c] {
			k.t.Errorf("%s is not found: %+v", c, a.Findings)
		}
		delete(got, c)
	}
	if len(got) > 0 {
		k.t.Errorf("%+v", a.Findings)
	}
	return a
}

// change changes the manifest's file as somebody does who has no key.
func (k *listener) change(format string, args ...any) {
	k.t.Helper()
	db, err := sql.Open("sqlite", k.path)
	if err == nil {
		_, err = db.Exec(fmt.Sprintf(format, args...))
	}
	if err != nil || db.Close() != nil {
		k.t.Fatal(err)
	}
}

// heard are who has listened without doubt, the newest first.
func (k *listener) heard() (all []string) {
	k.t.Helper()
	m := k.open()
	defer m.Close()
	for l, err := range m.Listenings(k.t.Context(), manifest.ListeningQuery{}) {
		if err != nil {
			k.t.Fatal(err)
		}
		if !l.Doubtful {
			all = append(all, fmt.Sprint(l.Who, l.ID))
		}
	}
	return all
}

func listeningFiles(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "listenings/*/*/*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}
