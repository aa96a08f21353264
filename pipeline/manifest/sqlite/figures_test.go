package sqlite

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// Figures are read every minute: none of their questions reads all rows.
func TestFiguresGoByAnIndex(t *testing.T) {
	t.Parallel()
	m, err := Open(t.Context(), filepath.Join(t.TempDir(), "m"))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for name, text := range map[string]string{"oldest": oldestUnarchived, "failures": failures, "locks": lockQuery("ASC")} {
		rows, err := m.reads.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+text, 1)
		if err != nil {
			t.Fatal(name, err)
		}
		defer rows.Close()
		steps := 0
		for rows.Next() {
			var id, parent, unused int
			var detail string
			if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(detail, " recording") {
				steps++
				if !strings.Contains(detail, "INDEX") || strings.Contains(detail, "TEMP B-TREE") {
					t.Errorf("%s: %s", name, detail)
				}
			}
		}
		if err := rows.Err(); err != nil || steps == 0 {
			t.Errorf("%s: %d steps, %v", name, steps, err)
		}
	}
}

// A manifest that an earlier program has made has no index of locks: who only reads it
// knows of none, and the next run makes it.
func TestLocksOfAnEarlierProgram(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "m")
	m, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	r := vbc.ParseRecording(vbc.Company, "", []byte(`{"id":1,"start":"2026-05-12T10:15:00Z","file_size_in_bytes":1000}`))
	r.Account = "549825"
	until := time.Date(2033, 5, 12, 0, 0, 0, 0, time.UTC)
	c := manifest.Copy{Audio: storage.Object{Key: "a"}, Sidecar: storage.Object{Key: "s"}}
	if _, err = m.Add(t.Context(), 1, []vbc.Recording{r}); err == nil {
		err = m.Stored(t.Context(), r, c)
	}
	if c.Audio.LockedUntil = until; err == nil {
		err = m.Verified(t.Context(), r, c, until, true)
	}
	if err == nil {
		err = m.exec(t.Context(), "DROP INDEX locked")
	}
	if err != nil {
		t.Fatal(err)
	}
	if f, err := m.Figures(t.Context()); err != nil || !f.LockedFirst.IsZero() {
		t.Errorf("without the index: %+v, %v", f, err)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if m, err = Open(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if f, err := m.Figures(t.Context()); err != nil || !f.LockedFirst.Equal(until) || !f.LockedLast.Equal(until) {
		t.Errorf("with it: %+v, %v", f, err)
	}
}
