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

// speaking is a new manifest of recordings, a minute apart, that were purged and say
// something each.
func speaking(t testing.TB, path string, texts []string) *Manifest {
	t.Helper()
	err := Create(t.Context(), path, func(m *Manifest) error {
		if err := m.Bind(t.Context(), manifest.Binding{Account: "549825"}); err != nil {
			return err
		}
		var rows []manifest.Row
		for i, text := range texts {
			r := manifest.Row{Recording: vbc.ParseRecording(vbc.Company, "", fmt.Appendf(nil, `{"id":%d,"start":%q,"extensions":["%d"]}`, i+1, vbc.FormatTime(spring.Add(time.Duration(i)*time.Minute)), i%1000)), State: manifest.Purged}
			r.Copy.Audio = storage.Object{Key: fmt.Sprint(i), Content: storage.Content{Size: 3, SHA256: storage.SumOf([]byte(fmt.Sprint(i)))}}
			r.Copy.Transcript = storage.Object{Key: fmt.Sprint(i, ".txt"), Content: storage.Content{Size: int64(len(text)), SHA256: storage.SumOf([]byte(text))}}
			rows = append(rows, r)
		}
		for chunk := range slices.Chunk(rows, 1000) {
			if err := m.Put(t.Context(), chunk...); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	m, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	indexAll(t, m, texts)
	return m
}

// indexAll indexes what is to be indexed of recordings that were numbered from 1 on.
func indexAll(t testing.TB, m *Manifest, texts []string) {
	t.Helper()
	var batch []manifest.Spoken
	index := func() {
		if err := m.Index(t.Context(), batch...); err != nil {
			t.Fatal(err)
		}
		batch = batch[:0]
	}
	for r, err := range m.Unindexed(t.Context(), time.Now()) {
		if err != nil {
			t.Fatal(err)
		}
		if batch = append(batch, manifest.Spoken{Row: r, Text: texts[r.ID-1]}); len(batch) == 256 {
			index()
		}
	}
	index()
}

// What was said in a call that is erased isn't found from the moment on that its erasure
// begins, and isn't in the file after it; what was said elsewhere stays.
func TestErasedIsSaidNoMore(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "m")
	texts := []string{"common zebedeequartz", "common xylophonium", "common"}
	m := speaking(t, path, texts)
	onDisk := func(word string) bool {
		if err := m.exec(t.Context(), "SELECT 1"); err != nil { // nothing is under way
			t.Fatal(err)
		}
		for _, end := range []string{"", "-wal"} {
			b, err := os.ReadFile(path + end)
			if err != nil && end == "" {
				t.Fatal(err)
			}
			if bytes.Contains(b, []byte(word[2:])) { // SQLite leaves out what words have in common
				return true
			}
		}
		return false
	}
	if !onDisk("zebedeequartz") || !onDisk("xylophonium") {
		t.Fatal("words aren't found in the file as they are looked for here")
	}
	r := vbc.ParseRecording(vbc.Company, "", []byte(`{"id":1,"start":"2026-03-29T00:30:00+0000"}`))
	r.Account = "549825"
	o := storage.Object{Key: "0", Content: storage.Content{Size: 3, SHA256: storage.SumOf([]byte("0"))}}
	entry := func(what receipt.Type) receipt.Entry {
		e := receipt.New(what, 0, r)
		e.Audio, e.Sidecar = &o, &o
		if what == receipt.Erasing {
			e.Digest = storage.SumOf([]byte("why"))
		}
		return e
	}
	if err := m.Erasing(t.Context(), r, entry(receipt.Erasing)); err != nil {
		t.Fatal(err)
	}
	if got := ids(t, m, manifest.Query{Words: "zebedeequartz"}); len(got) > 0 {
		t.Errorf("what is being erased is found: %v", got)
	}
	if got := ids(t, m, manifest.Query{Words: "common"}); fmt.Sprint(got) != "[3 2]" {
		t.Errorf("found %v", got)
	}
	if err := m.Erased(t.Context(), r, entry(receipt.Erased)); err != nil {
		t.Fatal(err)
	}
	if err := m.Scrub(t.Context()); err != nil {
		t.Fatal(err)
	}
	if onDisk("zebedeequartz") {
		t.Error("a word of an erased call is on disk")
	}
	if got := ids(t, m, manifest.Query{Words: "xylo*"}); !onDisk("xylophonium") || fmt.Sprint(got) != "[2]" {
		t.Errorf("found %v", got)
	}
	if has, lacks, err := m.Indexed(t.Context()); has != 2 || lacks != 0 || err != nil {
		t.Errorf("%d, %d, %v", has, lacks, err)
	}
}

// What was said last is found first without sorting, and without looking at what is
// outside of what was asked for.
func TestWordsAreFoundInOrder(t *testing.T) {
	t.Parallel()
	m := speaking(t, filepath.Join(t.TempDir(), "m"), []string{"a", "b"})
	w := &walk{m: m, match: `"a"`, where: terms(manifest.Query{Text: "x", Kind: vbc.Company}).where()}
	for _, oldest := range []bool{false, true} {
		w.q.OldestFirst = oldest
		text, args := w.text(1, 2, w.order("spoken.rowid"), w.order("place"), clause{}, 10)
		steps, err := query(t.Context(), m, func(rows *sql.Rows) (detail string, err error) {
			var id, parent, unused int
			return detail, rows.Scan(&id, &parent, &unused, &detail)
		}, "EXPLAIN QUERY PLAN "+text, args...)
		plan := strings.Join(steps, "\n")
		if err != nil || !strings.Contains(plan, "SCAN spoken VIRTUAL TABLE INDEX") || !strings.Contains(plan, "SEARCH indexed USING INTEGER PRIMARY KEY") ||
			!strings.Contains(plan, "SEARCH call USING PRIMARY KEY (start=? AND kind=? AND owner=? AND id=? AND nth=?)") || strings.Count(plan, "B-TREE") > 1 ||
			strings.Index(plan, "B-TREE") > 0 && strings.Index(plan, "B-TREE") < strings.LastIndex(plan, "SEARCH") {
			t.Errorf("%s, %v", plan, err)
		}
	}
}
