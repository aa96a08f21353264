package sqlite

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/mount"
	"github.com/vbcvault/vbcvault/storage/storagetest"
	"github.com/vbcvault/vbcvault/vbc"
)

// older makes a manifest as the first format had it.
func older(t *testing.T, path string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	text := strings.Replace(withoutColumns("transcript ", "acknowledged ", "acknowledging ", "damaged   "),
		lookups+settings+exports, "CREATE INDEX unfinished ON recording (start, kind, owner, id) WHERE state <> 'purged' AND state <> 'gone';", 1)
	text = strings.Replace(text, "CREATE INDEX damaged ON recording (start) WHERE damaged <> '';", "", 1)
	copied := `{"key":"k","size":3,"sha256":"` + storage.SumOf([]byte("abc")).String() + `"}`
	for _, s := range []string{
		text, "PRAGMA user_version = 1", "INSERT INTO meta VALUES ('account', '549825')",
		`INSERT INTO recording (kind, owner, id, start, size, raw, state, audio, sidecar, archived_at) VALUES
			('company', '', 7, 1747044900000, 3, '{"id":7,"start":"2025-05-12T10:15:00+0000","file_size_in_bytes":3}', 'purged', '` + copied + `', '` + copied + `', 1)`,
		`INSERT INTO receipt (entry) VALUES ('{"type":"intent","at":"2026-01-01T00:00:00Z","run":1,"account":"549825","kind":"company","id":7,"audio":` + copied + `,"sidecar":` + copied + `,"verified":"2026-01-01T00:00:00Z"}'),
			('{"type":"outcome","at":"2026-01-01T00:00:01Z","run":1,"account":"549825","kind":"company","id":7,"outcome":"deleted"}')`,
	} {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%v: %s", err, s)
		}
	}
}

// withoutColumns is the schema before these columns, before what finds by them,
// and before recordings with the same id had a row each.
func withoutColumns(columns ...string) string {
	text := strings.NewReplacer(calls, "", staleness, "", numbers+listenings+words, "").Replace(schema)
	text = strings.Replace(text, "CREATE INDEX by_audio ON recording ("+audioSum+") WHERE audio <> '';", "", 1)
	text = strings.Replace(text, "PRIMARY KEY (kind, owner, id, nth)", "PRIMARY KEY (kind, owner, id)", 1)
	for _, c := range append(columns, "code ", "acknowledging_code ", "nth ", "odd ", "displaced ", "refuted ", "alike ") {
		i := strings.Index(text, "	"+c)
		text = text[:i] + text[i+strings.IndexByte(text[i:], '\n')+1:]
	}
	return text
}

// An older manifest is copied, and brought up to date: its receipts become a
// chain.
func TestOlderFormatIsBroughtUpToDate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m")
	older(t, path)
	if _, err := OpenReadOnly(t.Context(), path); !errors.Is(err, manifest.ErrOlder) {
		t.Errorf("for reading: %v", err)
	}
	m, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	var c receipt.Chain
	n := 0
	for line, err := range m.Receipts(t.Context(), 0) {
		if _, broken := c.Next(line); err != nil || broken != nil {
			t.Errorf("%v, %v", err, broken)
		}
		n++
	}
	row, err := m.Get(t.Context(), vbc.Key{Kind: vbc.Company, ID: 7})
	if n != 2 || err != nil || row.State != manifest.Purged || row.Copy.Audio.Size != 3 {
		t.Errorf("%d receipts, %+v, %v", n, row, err)
	}
	if tallies, err := m.Tallies(t.Context()); err != nil || len(tallies) != 1 || tallies[0].Recordings != 1 || tallies[0].Bytes != 3 {
		t.Errorf("%+v, %v", tallies, err)
	}
	if months, err := m.StaleMonths(t.Context()); err != nil || fmt.Sprint(months) != "[2025-05]" {
		t.Errorf("of the catalogue %v is to be made, %v", months, err)
	}
	if findings, err := m.Check(t.Context()); err != nil || len(findings) != 0 {
		t.Errorf("%q, %v", findings, err)
	}
	info, err := os.Stat(path + ".format1")
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the copy: %v, %v", info, err)
	}
	db, err := sql.Open("sqlite", path+".format1")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var v int
	if err := db.QueryRow("PRAGMA user_version").Scan(&v); err != nil || v != 1 {
		t.Errorf("the copy has format %d, %v", v, err)
	}
}

// On a FUSE file system two runs could hold one manifest.
func TestManifestOnFUSEIsRefused(t *testing.T) {
	t.Parallel()
	local, there := t.TempDir(), storagetest.FUSE(t)
	link := filepath.Join(local, "m")
	if err := os.Symlink(filepath.Join(there, "m"), link); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(there, "m"), filepath.Join(there, "not", "made", "m"), link} {
		if m, err := Open(t.Context(), path); !errors.Is(err, mount.ErrRemote) || !strings.Contains(err.Error(), "fuse") {
			t.Errorf("%s: %v", path, err)
			if err == nil {
				m.Close()
			}
		}
		if err := Create(t.Context(), path, func(*Manifest) error { return nil }); !errors.Is(err, mount.ErrRemote) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if left, err := os.ReadDir(there); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	// The other way round a link leads to a disk, and the lock would be on FUSE.
	link = filepath.Join(there, "link")
	if err := os.Symlink(filepath.Join(local, "real"), link); err != nil {
		t.Fatal(err)
	}
	if err := Place(link); !errors.Is(err, mount.ErrRemote) {
		t.Error(err)
	}
}

// What has failed for good in three runs rests, and is tried once a day.
func TestRestIsOverAfterADay(t *testing.T) {
	m, err := Open(t.Context(), filepath.Join(t.TempDir(), "m"))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if err := m.Bind(t.Context(), manifest.Binding{Account: "549825"}); err != nil {
		t.Fatal(err)
	}
	start := time.Now().AddDate(-1, 0, 0)
	var all []vbc.Recording
	for id := range int64(3) {
		all = append(all, vbc.ParseRecording(vbc.Company, "", fmt.Appendf(nil, `{"id":%d,"start":%q,"file_size_in_bytes":1}`, id+1, vbc.FormatTime(start))))
	}
	if _, err := m.Add(t.Context(), 1, all); err != nil {
		t.Fatal(err)
	}
	for run := range int64(3) {
		for i, permanent := range []bool{true, true, false} {
			if i == 1 && run > 1 {
				continue // failed in two runs only
			}
			if err := m.Failed(t.Context(), all[i], run+1, manifest.Failure{Code: "size", Reason: "why", Permanent: permanent}); err != nil {
				t.Fatal(err)
			}
		}
	}
	sel := manifest.Selection{Run: 9, Before: time.Now()}
	pending := func(sel manifest.Selection) (n int) {
		for _, err := range m.Pending(t.Context(), sel) {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		if counted, err := m.CountPending(t.Context(), sel); err != nil || counted != int64(n) {
			t.Errorf("counted %d of %d, %v", counted, n, err)
		}
		return n
	}
	if n := pending(sel); n != 2 {
		t.Errorf("%d are tried, want the two that don't rest", n)
	}
	if rows, err := m.Resting(t.Context(), sel); err != nil || len(rows) != 1 || rows[0].ID != 1 {
		t.Errorf("%v, %v", rows, err)
	}
	if n := pending(manifest.Selection{Run: 9, Before: time.Now(), RetryFailed: true}); n != 3 {
		t.Errorf("%d are tried, want all", n)
	}
	if err := m.exec(t.Context(), "UPDATE recording SET failed_at = failed_at - 24*60*60*1000"); err != nil {
		t.Fatal(err)
	}
	if n := pending(sel); n != 3 {
		t.Errorf("%d are tried a day later, want all", n)
	}
}

// What every run and every status asks is answered by an index, however many
// recordings there are.
func TestNothingScansTheHistory(t *testing.T) {
	m, err := Open(t.Context(), filepath.Join(t.TempDir(), "m"))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	asked := map[string]int{}
	explain := func(text string, args ...any) {
		rows, err := m.reads.Query("EXPLAIN QUERY PLAN "+text, args...)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var id, parent, unused int
			var detail string
			if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
				t.Fatal(err)
			}
			asked[detail]++
			if strings.HasPrefix(detail, "SCAN recording") && !strings.Contains(detail, "INDEX failing") {
				t.Errorf("%s: %s", detail, text)
			}
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
	for _, sel := range []manifest.Selection{{Run: 1, Before: time.Now()}, {Run: 1, Before: time.Now(), Verified: true, RetryFailed: true}} {
		text, args := unseen(sel, columns, &cursor{})
		explain(text+" ORDER BY start, kind, owner, id LIMIT 10", args...)
		text, args = unseen(sel, "1", &cursor{})
		explain("SELECT count(*) FROM ("+text+")", args...)
		where, args := failing(sel)
		explain("SELECT 1 FROM recording INDEXED BY failing WHERE "+where, args...)
	}
	explain(tallies)
	explain("SELECT month, changes FROM stale ORDER BY month")
	if len(asked) < 5 || asked["SCAN recording"] > 0 {
		t.Errorf("looked at %v", asked)
	}
}

// Closed, a manifest is one file: whoever copies that has everything.
func TestCloseLeavesOneFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m")
	m, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Bind(t.Context(), manifest.Binding{Account: "549825"}); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Tallies(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if left, err := filepath.Glob(path + "-*"); err != nil || len(left) > 0 {
		t.Errorf("%v, %v", left, err)
	}
}

// What format 3 knew of listings is dropped, which costs one listing; holds can
// be made.
func TestFormat3IsBroughtUpToDate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{
		strings.Replace(withoutColumns("transcript "), settings+exports, "CREATE TABLE listing (kind TEXT, owner TEXT, since INTEGER, until INTEGER, full_at INTEGER, PRIMARY KEY (kind, owner)) WITHOUT ROWID; CREATE TABLE export (job TEXT PRIMARY KEY);", 1),
		"PRAGMA user_version = 3", "INSERT INTO meta VALUES ('account', '549825'), ('chain', 'X')", "INSERT INTO listing VALUES ('company', '', 1, 2, 3)",
	} {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%v: %s", err, s)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenBeside(t.Context(), path); !errors.Is(err, manifest.ErrOlder) {
		t.Errorf("beside a run: %v", err)
	}
	m, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if mark, err := m.Mark(t.Context(), vbc.Company, "", ""); err != nil || mark != (manifest.Mark{}) {
		t.Errorf("%+v, %v", mark, err)
	}
	if h, err := m.AddHold(t.Context(), manifest.Hold{IDs: []int64{7}}); err != nil || h.Number != 1 {
		t.Errorf("%+v, %v", h, err)
	}
}
