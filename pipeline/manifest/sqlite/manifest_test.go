package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

var day = time.Date(2026, 5, 12, 10, 15, 0, 0, time.UTC)

func open(t *testing.T, path string) *sqlite.Manifest {
	t.Helper()
	m, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

func fresh(t *testing.T) *sqlite.Manifest {
	t.Helper()
	m := open(t, filepath.Join(t.TempDir(), "m"))
	if err := m.Bind(t.Context(), manifest.Binding{Account: "549825"}); err != nil {
		t.Fatal(err)
	}
	return m
}

func recording(id int64, start time.Time) vbc.Recording {
	r := vbc.ParseRecording(vbc.Company, "", fmt.Appendf(nil, `{"id":%d,"start":%q,"file_size_in_bytes":1000}`, id, vbc.FormatTime(start)))
	r.Account = "549825"
	return r
}

func copyOf(r vbc.Recording) manifest.Copy {
	o := func(key string) storage.Object {
		return storage.Object{Key: key, VersionID: "v", ETag: `"e"`, Checksum: "c-2", Content: storage.Content{Size: 1000, SHA256: storage.SumOf([]byte(key))}}
	}
	return manifest.Copy{Audio: o(fmt.Sprint(r.ID, "-", r.Nth, ".mp3")), Sidecar: o(fmt.Sprint(r.ID, "-", r.Nth, ".json")), StoredAt: day}
}

func intentOf(r vbc.Recording) receipt.Entry {
	e, c := receipt.New(receipt.Intent, 1, r), copyOf(r)
	e.Audio, e.Sidecar, e.Verified, e.Account = &c.Audio, &c.Sidecar, day, "549825"
	return e
}

func outcomeOf(r vbc.Recording) receipt.Entry {
	e := receipt.New(receipt.Result, 1, r)
	e.Outcome, e.Account = receipt.Deleted, "549825"
	return e
}

func add(t *testing.T, m *sqlite.Manifest, run int64, rs ...vbc.Recording) []manifest.Sighting {
	t.Helper()
	s, err := m.Add(t.Context(), run, rs)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func state(t *testing.T, m *sqlite.Manifest, id int64) manifest.Row {
	t.Helper()
	row, err := m.Get(t.Context(), vbc.Key{Kind: vbc.Company, ID: id})
	if err != nil {
		t.Fatal(err)
	}
	return row
}

// steps are the moves of the state machine by name.
func steps(m *sqlite.Manifest, r vbc.Recording) map[manifest.State]func(context.Context) error {
	intent, result := intentOf(r), outcomeOf(r)
	return map[manifest.State]func(context.Context) error{
		manifest.Listed:   func(ctx context.Context) error { return m.Relist(ctx, r) },
		manifest.Stored:   func(ctx context.Context) error { return m.Stored(ctx, r, copyOf(r)) },
		manifest.Verified: func(ctx context.Context) error { return m.Verified(ctx, r, copyOf(r), day, true) },
		manifest.Purging:  func(ctx context.Context) error { return m.Purging(ctx, r, copyOf(r), intent) },
		manifest.Purged:   func(ctx context.Context) error { return m.Purged(ctx, r, result) },
		manifest.Failed: func(ctx context.Context) error {
			return m.Failed(ctx, r, 1, manifest.Failure{Code: "size", Reason: "why", Permanent: true})
		},
		manifest.Gone:    func(ctx context.Context) error { return m.Gone(ctx, r) },
		manifest.Erasing: func(ctx context.Context) error { return m.Erasing(ctx, r, erasureOf(r, receipt.Erasing)) },
		manifest.Erased:  func(ctx context.Context) error { return m.Erased(ctx, r, erasureOf(r, receipt.Erased)) },
	}
}

func erasureOf(r vbc.Recording, what receipt.Type) receipt.Entry {
	e := receipt.New(what, 0, r)
	c := copyOf(r)
	e.Audio, e.Sidecar = &c.Audio, &c.Sidecar
	if what == receipt.Erasing {
		e.Digest = storage.SumOf([]byte("why"))
	}
	return e
}

// Every step from every state: what the package comment doesn't draw is refused.
func TestStateMachine(t *testing.T) {
	paths := map[manifest.State][]manifest.State{
		manifest.Listed:   {},
		manifest.Stored:   {manifest.Stored},
		manifest.Verified: {manifest.Stored, manifest.Verified},
		manifest.Purging:  {manifest.Stored, manifest.Verified, manifest.Purging},
		manifest.Purged:   {manifest.Stored, manifest.Purging, manifest.Purged},
		manifest.Failed:   {manifest.Failed},
		manifest.Gone:     {manifest.Gone},
		manifest.Erasing:  {manifest.Stored, manifest.Purging, manifest.Purged, manifest.Erasing},
		manifest.Erased:   {manifest.Stored, manifest.Purging, manifest.Purged, manifest.Erasing, manifest.Erased},
	}
	allowed := map[manifest.State]string{
		manifest.Listed:   "listed stored failed gone",
		manifest.Stored:   "listed stored verified purging failed",
		manifest.Verified: "listed verified purging failed",
		manifest.Purging:  "listed verified purging purged failed",
		manifest.Purged:   "erasing",
		manifest.Erasing:  "erasing erased",
		manifest.Erased:   "",
		manifest.Failed:   "listed stored verified purging failed gone",
		manifest.Gone:     "",
	}
	m := fresh(t)
	id := int64(0)
	for from, path := range paths {
		for to := range paths {
			id++
			r := recording(id, day)
			add(t, m, 1, r)
			move := steps(m, r)
			for _, s := range path {
				if err := move[s](t.Context()); err != nil {
					t.Fatalf("to %s: %v", s, err)
				}
			}
			err := move[to](t.Context())
			if want := slices.Contains(strings.Fields(allowed[from]), string(to)); want != (err == nil) {
				t.Errorf("%s → %s: %v; allowed is %v", from, to, err, want)
			}
			now, want := state(t, m, id).State, to
			if err != nil || from == manifest.Purging && to == manifest.Failed {
				want = from // a failed purge is still an open question
			}
			if now != want {
				t.Errorf("%s → %s: is now %s", from, to, now)
			}
		}
	}
}

func TestRowsSurviveReopening(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sub", "m?% #")
	m := open(t, path)
	if err := m.Bind(t.Context(), manifest.Binding{Account: "549825", Destination: "s3://b", Identity: "i"}); err != nil {
		t.Fatal(err)
	}
	r := recording(1, day)
	add(t, m, 7, r)
	if err := errors.Join(m.Stored(t.Context(), r, copyOf(r)), m.Purging(t.Context(), r, copyOf(r), intentOf(r))); err != nil {
		t.Fatal(err)
	}
	before := state(t, m, 1)
	if before.Copy.ArchivedAt != day || before.SeenRun != 7 {
		t.Errorf("%+v", before)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	m = open(t, path)
	if diff := cmp.Diff(before, state(t, m, 1)); diff != "" {
		t.Error(diff)
	}
	if b, err := m.Binding(t.Context()); err != nil || b != (manifest.Binding{Account: "549825", Destination: "s3://b", Identity: "i"}) {
		t.Errorf("%+v, %v", b, err)
	}
	n := 0
	for e, err := range m.Receipts(t.Context(), 0) {
		var c receipt.Chain
		if e, broken := c.Next(e); err != nil || broken != nil || e.Type != receipt.Intent || e.ID != 1 || !e.Verified.Equal(day) {
			t.Errorf("%+v, %v, %v", e, err, broken)
		}
		n++
	}
	if n != 1 {
		t.Errorf("%d receipts", n)
	}
}

func TestSightings(t *testing.T) {
	m := fresh(t)
	r := recording(1, day)
	moved := vbc.ParseRecording(vbc.Company, "", []byte(`{"id":1,"start":"2026-05-12T10:15:00+0000","file_size_in_bytes":2000}`))
	for i, c := range []struct {
		before manifest.State
		listed vbc.Recording
		want   manifest.Sighting
		after  manifest.State
	}{
		{"", r, manifest.New, manifest.Listed},
		{"", r, manifest.Pending, manifest.Listed},
		{manifest.Stored, r, manifest.Pending, manifest.Stored},
		{manifest.Verified, r, manifest.Archived, manifest.Verified},
		{manifest.Purging, r, manifest.Archived, manifest.Purging},
		{manifest.Purged, r, manifest.Reappeared, manifest.Verified},
		{manifest.Purging, r, manifest.Archived, manifest.Purging},
		{manifest.Purged, moved, manifest.New, manifest.Listed}, // another one under the same id
		{manifest.Gone, moved, manifest.New, manifest.Listed},
	} {
		if c.before != "" {
			if err := steps(m, state(t, m, 1).Recording)[c.before](t.Context()); err != nil {
				t.Fatalf("%d: %v", i, err)
			}
		}
		if _, s, err := m.Look(t.Context(), c.listed); s != c.want || err != nil {
			t.Errorf("%d: look says %v, %v; want %v", i, s, err, c.want)
		}
		if s := add(t, m, int64(i+1), c.listed); s[0] != c.want {
			t.Errorf("%d: %v, want %v", i, s[0], c.want)
		}
		if s := add(t, m, int64(i+1), c.listed); s[0] != manifest.Repeated {
			t.Errorf("%d: shown twice in a run: %v", i, s[0])
		}
		if row := state(t, m, 1); row.State != c.after {
			t.Errorf("%d: is %s, want %s", i, row.State, c.after)
		}
	}
	if row := state(t, m, 1); row.Size != 2000 || row.Copy.Known() {
		t.Errorf("the copy of another recording is still known: %+v", row)
	}
	if rows, err := m.All(t.Context(), vbc.Key{Kind: vbc.Company, ID: 1}); err != nil || len(rows) != 2 || rows[0].State != manifest.Purged || !rows[0].Displaced || rows[0].Size != 1000 {
		t.Errorf("what had the id before is %+v, %v", rows, err)
	}
}

// Oldest first, earlier failures last, and not again what failed in this run.
func TestPendingOrder(t *testing.T) {
	m := fresh(t)
	for i := range int64(600) {
		add(t, m, 1, recording(1+i, day.Add(-time.Duration(i)*time.Minute)))
	}
	oldest, failedNow := recording(600, day.Add(-599*time.Minute)), recording(599, day.Add(-598*time.Minute))
	verified := recording(598, day.Add(-597*time.Minute))
	err := errors.Join(m.Failed(t.Context(), oldest, 1, manifest.Failure{Reason: "earlier"}), m.Failed(t.Context(), failedNow, 2, manifest.Failure{Reason: "now"}),
		m.Stored(t.Context(), verified, copyOf(verified)), m.Verified(t.Context(), verified, copyOf(verified), day, true))
	if err != nil {
		t.Fatal(err)
	}
	list := func(sel manifest.Selection) (ids []int64) {
		for row, err := range m.Pending(t.Context(), sel) {
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, row.ID)
		}
		return ids
	}
	ids := list(manifest.Selection{Run: 2, Before: day.Add(time.Hour)})
	if len(ids) != 598 || ids[0] != 597 || ids[596] != 1 || ids[597] != 600 {
		t.Errorf("%d rows: %v … %v", len(ids), ids[:3], ids[len(ids)-3:])
	}
	if ids := list(manifest.Selection{Run: 2, Before: day.Add(time.Hour), Verified: true}); len(ids) != 599 || ids[0] != 598 {
		t.Errorf("with verified: %d rows, %v", len(ids), ids[:3])
	}
	if ids := list(manifest.Selection{Run: 2, Before: day.Add(-590 * time.Minute)}); len(ids) > 10 {
		t.Errorf("before a time: %d rows", len(ids))
	}
}

func TestSecondOpenIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m")
	m := open(t, path)
	if _, err := sqlite.Open(t.Context(), path); !errors.Is(err, manifest.ErrLocked) {
		t.Errorf("%v; want ErrLocked", err)
	}
	ro, err := sqlite.OpenReadOnly(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	ro.Close()
	m.Close()
	open(t, path)
}

func TestForeignFilesAreRefused(t *testing.T) {
	dir := t.TempDir()
	if _, err := sqlite.OpenReadOnly(t.Context(), filepath.Join(dir, "none")); !sqlite.Missing(err) {
		t.Errorf("none: %v", err)
	}
	newer := filepath.Join(dir, "newer")
	open(t, newer).Close()
	for path, text := range map[string]string{newer: "PRAGMA user_version = 99", filepath.Join(dir, "other"): "CREATE TABLE t (x)"} {
		db, err := sql.Open("sqlite", path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec(text); err != nil {
			t.Fatal(err)
		}
		db.Close()
		_, err = sqlite.Open(t.Context(), path)
		if err == nil || path == newer && !errors.Is(err, manifest.ErrNewer) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestBindingHolds(t *testing.T) {
	m := fresh(t)
	for _, b := range []manifest.Binding{{Account: "1"}, {Account: "self"}} {
		if err := m.Bind(t.Context(), b); err == nil {
			t.Errorf("bound to %+v as well", b)
		}
	}
	if err := m.Bind(t.Context(), manifest.Binding{Account: "549825", Destination: "d"}); err != nil {
		t.Error(err)
	}
}

// Many writers at once; one that fails takes back its own change only.
func TestGroupCommit(t *testing.T) {
	m := fresh(t)
	var wg sync.WaitGroup
	for i := range int64(200) {
		wg.Go(func() {
			r := recording(1+i, day)
			if _, err := m.Add(t.Context(), 1, []vbc.Recording{r}); err != nil {
				t.Error(err)
			}
			err := m.Purged(t.Context(), r, outcomeOf(r)) // not from listed
			if _, ok := errors.AsType[*manifest.StateError](err); !ok {
				t.Errorf("%v; want a StateError", err)
			}
			if err := m.Stored(t.Context(), r, copyOf(r)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	tallies, err := m.Tallies(t.Context())
	if err != nil || len(tallies) != 1 || tallies[0].State != manifest.Stored || tallies[0].Recordings != 200 {
		t.Errorf("%+v, %v", tallies, err)
	}
	for e := range m.Receipts(t.Context(), 0) {
		t.Fatalf("a refused step left a receipt: %+v", e)
	}
}

// What is under a hold at the very moment isn't begun to be erased.
func TestNothingHeldIsErased(t *testing.T) {
	m := fresh(t)
	r := recording(1, day)
	add(t, m, 1, r)
	for _, s := range []manifest.State{manifest.Stored, manifest.Purging, manifest.Purged} {
		if err := steps(m, r)[s](t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := m.AddHold(t.Context(), manifest.Hold{IDs: []int64{1}, Reason: "why", By: "who"}); err != nil {
		t.Fatal(err)
	}
	err := m.Erasing(t.Context(), r, erasureOf(r, receipt.Erasing))
	if _, held := errors.AsType[*manifest.HeldError](err); !held {
		t.Errorf("begun: %v", err)
	}
	if c, err := m.Chain(t.Context()); err != nil || c.Last != 2 {
		t.Errorf("the chain has %d entries, %v", c.Last, err)
	}
}

// Of an erased recording the manifest knows id, start, size and digests, and
// nothing about the call; of a run's filter, that there was one.
func TestErasedKeepsIDsAndDigests(t *testing.T) {
	m := fresh(t)
	r := recording(1, day)
	for _, filter := range []string{"", "caller_id=sha256%3A0011223344556677"} {
		if _, err := m.BeginRun(t.Context(), manifest.RunOptions{Cutoff: day, Filter: filter}); err != nil {
			t.Fatal(err)
		}
	}
	add(t, m, 1, r)
	for _, s := range []manifest.State{manifest.Stored, manifest.Purging, manifest.Purged, manifest.Erasing, manifest.Erased} {
		if err := steps(m, r)[s](t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if runs, err := m.Runs(t.Context(), 2); err != nil || runs[0].Options.Filter != "erased" || runs[1].Options.Filter != "" {
		t.Errorf("runs have the filters %q and %q, %v", runs[0].Options.Filter, runs[1].Options.Filter, err)
	}
	row := state(t, m, 1)
	c := copyOf(r)
	if row.ID != r.ID || !row.Start.Equal(r.Start) || row.Size != r.Size || row.Copy.Audio.Content != c.Audio.Content || row.Copy.Sidecar.Content != c.Sidecar.Content {
		t.Errorf("%+v", row)
	}
	want := fmt.Sprintf(`{"id":1,"start":%q,"file_size_in_bytes":%d}`, vbc.FormatTime(r.Start), r.Size)
	if string(row.Raw) != want || !row.Copy.ArchivedAt.IsZero() {
		t.Errorf("%s, want %s", row.Raw, want)
	}
}
