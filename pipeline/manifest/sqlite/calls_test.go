package sqlite

import (
	"bytes"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

var spring = time.Date(2026, 3, 29, 0, 30, 0, 0, time.UTC)

// bound is a new manifest of account 549825.
func bound(t *testing.T, path string) *Manifest {
	t.Helper()
	m, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	if err := m.Bind(t.Context(), manifest.Binding{Account: "549825"}); err != nil {
		t.Fatal(err)
	}
	return m
}

func ids(t *testing.T, m *Manifest, q manifest.Query) (ids []int64) {
	t.Helper()
	for r, err := range m.Search(t.Context(), q) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, r.ID)
	}
	return ids
}

// A search looks for recordings in what knows all of its conditions, in their
// order: one is read only once it is found.
func TestSearchReadsWhatItFinds(t *testing.T) {
	m := bound(t, filepath.Join(t.TempDir(), "m"))
	smith := vbc.ParseRecording(vbc.Company, "", []byte(`{"id":1,"start":"2026-05-12T10:15:00+0000","cnam":"Smith J","caller_id":"17325550100"}`))
	if _, err := m.Add(t.Context(), 1, []vbc.Recording{smith}); err != nil {
		t.Fatal(err)
	}
	for _, h := range []manifest.Hold{{CallerID: "(732) 555-0100"}, {Extension: "101"}} {
		if _, err := m.AddHold(t.Context(), h); err != nil {
			t.Fatal(err)
		}
	}
	plan := func(text string, args ...any) string {
		steps, err := query(t.Context(), m, func(rows *sql.Rows) (detail string, err error) {
			var id, parent, unused int
			return detail, rows.Scan(&id, &parent, &unused, &detail)
		}, "EXPLAIN QUERY PLAN "+text, args...)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(steps, "\n")
	}
	full := manifest.Query{Text: "x", Kind: vbc.Company, Since: spring, Until: spring.AddDate(1, 0, 0), States: []manifest.State{manifest.Failed, manifest.Purged},
		Filter: vbc.Filter{Direction: "INBOUND", Extension: "101", DNIS: "1", CNAM: "2", CallID: "3", RuleID: "4", MinDuration: 1, MaxDuration: time.Hour}}
	ofOne := full
	ofOne.Filter.CallerID = "17325550100"
	yes, no := true, false
	const unread = " + " + byCaller
	for _, c := range []struct {
		q           manifest.Query
		parts, want string
	}{
		{manifest.Query{}, inOrder, "SEARCH call USING PRIMARY KEY ((start,kind,owner,id,nth)<(?,?,?,?,?))"},
		{manifest.Query{Text: "x", Since: spring, Until: spring.AddDate(1, 0, 0)}, inOrder, "SEARCH call USING PRIMARY KEY (start>? AND (start,kind,owner,id,nth)<(?,?,?,?,?))"},
		{manifest.Query{OldestFirst: true, Since: spring, Until: spring, Text: "x"}, inOrder, "SEARCH call USING PRIMARY KEY ((start,kind,owner,id,nth)>(?,?,?,?,?) AND start<?)"},
		{ofOne, byCaller + unread, "SEARCH call USING INDEX by_caller (caller_id=? AND start>? AND (start,kind,owner,id,nth)<(?,?,?,?,?))"},
		{manifest.Query{Number: "550100"}, "number + number" + unread, "SEARCH number USING PRIMARY KEY (tail=? AND (start,kind,owner,id,nth)<(?,?,?,?,?))"},
		{manifest.Query{Number: "00"}, inOrder, "SEARCH call USING PRIMARY KEY ("},
		{manifest.Query{Filter: vbc.Filter{Extension: "101"}}, "call_extension" + unread, "SEARCH call_extension USING PRIMARY KEY (extension=? AND (start,kind,owner,id,nth)<(?,?,?,?,?))"},
		{manifest.Query{Scope: manifest.Scope{Extensions: []string{"101", "102"}}}, "call_extension + call_extension" + unread, "SEARCH call_extension USING PRIMARY KEY (extension=? AND ("},
		{manifest.Query{Filter: vbc.Filter{Direction: "INTRA_PBX"}}, byDirection + unread, "SEARCH call USING INDEX by_direction (direction=? AND (start,kind,owner,id,nth)<(?,?,?,?,?))"},
		{manifest.Query{Transcribed: &yes}, transcribed, "SEARCH call USING INDEX by_transcribed (transcribed=? AND (start,kind,owner,id,nth)<(?,?,?,?,?))"},
		{manifest.Query{Name: "smith"}, byName + unread, "SEARCH call USING INDEX by_name (cnam=? AND (start,kind,owner,id,nth)<(?,?,?,?,?))"},
		{manifest.Query{Held: &no}, inOrder, "SEARCH call USING PRIMARY KEY ("},
		{manifest.Query{Held: &yes}, strings.Join([]string{byCaller, "call_extension", "call_extension"}, " + ") + unread + " + recording INDEXED BY said", "SEARCH call USING INDEX by_caller (caller_id=? AND ("},
	} {
		w, err := m.way(t.Context(), c.q)
		if err != nil {
			t.Fatal(err)
		}
		var used []string
		for _, p := range w.parts {
			used = append(used, p.from)
		}
		text, args := terms(c.q).keys(w.parts, terms(c.q).begin(), 10)
		if got := plan(text, args...); strings.Join(used, " + ") != c.parts || !strings.Contains(got, c.want) || strings.Contains(got, "B-TREE FOR ORDER BY") {
			t.Errorf("%+v: by %q:\n%s\nwant %s", c.q, used, got, c.want)
		}
		for by := range groupColumn {
			text, args := monthQuery(c.q, by)
			if got := plan(text, append(args, 1, 2)...); !strings.Contains(got, "SEARCH call USING PRIMARY KEY (start>? AND start<?)") {
				t.Errorf("count %+v by %q:\n%s", c.q, by, got)
			}
		}
	}
}

// Of rare states an index is asked that has only those, of others not.
func TestSearchForRareStates(t *testing.T) {
	m := bound(t, filepath.Join(t.TempDir(), "m"))
	var all []vbc.Recording
	for id := range int64(200) {
		all = append(all, vbc.ParseRecording(vbc.Company, "", fmt.Appendf(nil, `{"id":%d,"start":%q,"cnam":"JOHN"}`, id+1, vbc.FormatTime(spring.Add(time.Duration(id)*time.Hour)))))
	}
	if _, err := m.Add(t.Context(), 1, all); err != nil {
		t.Fatal(err)
	}
	if err := m.exec(t.Context(), "UPDATE recording SET state = iif(id = 7, 'failed', 'gone') WHERE id IN (7, 9)"); err != nil {
		t.Fatal(err)
	}
	for want, q := range map[string]manifest.Query{byState: {States: []manifest.State{manifest.Failed, manifest.Gone, manifest.Failed}, Text: "john"}, inOrder: {States: []manifest.State{manifest.Listed, manifest.Failed}}} {
		if w, err := m.way(t.Context(), q); err != nil || w.parts[0].from != want {
			t.Errorf("%v by %v, %v", q.States, w.parts, err)
		}
	}
	if got := ids(t, m, manifest.Query{States: []manifest.State{manifest.Failed, manifest.Gone, manifest.Failed}, Text: "john"}); fmt.Sprint(got) != "[9 7]" {
		t.Errorf("found %v", got)
	}
	if got := ids(t, m, manifest.Query{States: []manifest.State{manifest.Failed, manifest.Gone, manifest.Failed}, Limit: 1, OldestFirst: true}); fmt.Sprint(got) != "[7]" {
		t.Errorf("found %v", got)
	}
}

// A recording that a listing shows again as it was is not written anew: all
// that is found by it would be too.
func TestSeenAgainIsNotIndexedAgain(t *testing.T) {
	m := bound(t, filepath.Join(t.TempDir(), "m"))
	r := func(url string) []vbc.Recording {
		return []vbc.Recording{vbc.ParseRecording(vbc.Company, "", fmt.Appendf(nil, `{"id":1,"start":"2026-05-12T10:15:00+0000","cnam":"JOHN","download_url":%q}`, url))}
	}
	if _, err := m.Add(t.Context(), 1, r("a")); err != nil {
		t.Fatal(err)
	}
	if err := m.exec(t.Context(), "CREATE TRIGGER written AFTER UPDATE OF raw ON recording BEGIN SELECT RAISE(ABORT, 'written anew'); END"); err != nil {
		t.Fatal(err)
	}
	if s, err := m.Add(t.Context(), 2, r("a")); err != nil || s[0] != manifest.Pending {
		t.Errorf("seen again: %v, %v", s, err)
	}
	if _, err := m.Add(t.Context(), 3, r("b")); err == nil || !strings.Contains(err.Error(), "written anew") {
		t.Errorf("a new download_url is not written down: %v", err)
	}
	if row, err := m.Get(t.Context(), vbc.Key{Kind: vbc.Company, ID: 1}); err != nil || row.SeenRun != 2 {
		t.Errorf("%+v, %v", row, err)
	}
}

// Recordings of an older manifest are found as new ones are, also those whose
// JSON SQLite can't read.
func TestFormat5IsBroughtUpToDate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	deep := strings.Repeat("[", 2000) + strings.Repeat("]", 2000)
	for _, s := range []string{
		withoutColumns(), "PRAGMA user_version = 5", "INSERT INTO meta VALUES ('account', '549825'), ('chain', 'X')",
		`INSERT INTO recording (kind, owner, id, start, size, state, raw) VALUES
			('company', '', 1, 1747044900000, 3, 'listed', '{"id":1,"start":"2025-05-12T10:15:00+0000","cnam":"JOHN SMITH","caller_id":17325550100}'),
			('company', '', 2, 1747044901000, 3, 'listed', '{"id":2,"start":"2025-05-12T10:15:01+0000","cnam":"JOHN SMITH","caller_id":"17325550100","x":` + deep + `}'),
			('company', '', 3, 1747044902000, 3, 'listed', '{"id":3,"start":"2025-05-12T10:15:02+0000","CNAM":"JOHN SMITH","Caller_ID":"17325550100"}'),
			('on-demand', '7', 4, 1747044903000, 3, 'listed', '{"id":4,"start":"2025-05-12T10:15:03+0000","cnam":"JÖHN smith","caller_id":"17325550100"}')`,
	} {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%v: %.200s", err, s)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	m, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for want, q := range map[string]manifest.Query{
		"[4 3 2 1]": {Filter: vbc.Filter{CallerID: "17325550100"}},
		"[3 2 1]":   {Text: "john smith"},
		"[4]":       {Text: "JÖHN"},
		"[2 1]":     {Text: "SMITH", Until: time.UnixMilli(1747044902000)},
	} {
		if got := ids(t, m, q); fmt.Sprint(got) != want {
			t.Errorf("%+v finds %v, want %s", q, got, want)
		}
		if groups, total, err := m.Count(t.Context(), q, manifest.ByState, time.UTC); err != nil || fmt.Sprint(len(strings.Fields(want))) != fmt.Sprint(total.Recordings) || len(groups) != 1 {
			t.Errorf("%+v: %+v, %+v, %v", q, groups, total, err)
		}
	}
	if findings, err := m.Check(t.Context()); err != nil || len(findings) != 0 {
		t.Errorf("%q, %v", findings, err)
	}
}

// What is erased is in no index any more, and not found by what it was.
func TestErasedIsFoundByItsIDOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m")
	m := bound(t, path)
	// Two of them, since SQLite can't read the first: it has a name twice.
	r := vbc.ParseRecording(vbc.Company, "", []byte(`{"id":7,"start":"2026-05-12T10:15:00.250+0000","caller_id":"17325550199","cnam":"ZEBEDÉE","CNAM":"QUARTZ","extensions":["4711"],"duration":1000}`))
	other := vbc.ParseRecording(vbc.Company, "", []byte(`{"id":8,"start":"2026-05-12T10:15:00.250+0000","caller_id":"17325550199","cnam":"ZEBEDEE QUARTZ","extensions":["4711"],"duration":1000}`))
	if _, err := m.Add(t.Context(), 1, []vbc.Recording{r, other}); err != nil {
		t.Fatal(err)
	}
	if err := m.exec(t.Context(), "UPDATE recording SET state = 'erasing'"); err != nil {
		t.Fatal(err)
	}
	if got := ids(t, m, manifest.Query{Text: "quartz"}); len(got) != 2 {
		t.Fatalf("before: %v", got)
	}
	o := storage.Object{Key: "k", Content: storage.Content{Size: 3, SHA256: storage.SumOf([]byte("abc"))}}
	for _, r := range []vbc.Recording{r, other} {
		r.Account = "549825"
		done := receipt.New(receipt.Erased, 0, r)
		done.Audio, done.Sidecar = &o, &o
		if err := m.Erased(t.Context(), r, done); err != nil {
			t.Fatal(err)
		}
	}
	for _, q := range []manifest.Query{{Text: "quartz"}, {Text: "zebed"}, {Text: "4711"}, {Filter: vbc.Filter{CallerID: "17325550199"}}, {Filter: vbc.Filter{MinDuration: 1}}} {
		if got := ids(t, m, q); len(got) != 0 {
			t.Errorf("%+v finds %v", q, got)
		}
	}
	at := r.Start
	for _, q := range []manifest.Query{{IDs: []int64{7}}, {States: []manifest.State{manifest.Erased}}, {Since: at, Until: at.Add(time.Millisecond)}} {
		if got := ids(t, m, q); !slices.Contains(got, 7) {
			t.Errorf("%+v finds %v", q, got)
		}
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if err := m.Scrub(t.Context()); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, gone := range []string{"17325550199", "QUARTZ", "ZEBED", "4711"} {
		if bytes.Contains(b, []byte(gone)) {
			t.Errorf("%s is still on disk", gone)
		}
	}
}
