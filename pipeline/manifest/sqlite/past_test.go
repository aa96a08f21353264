package sqlite_test

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

var day = time.Date(2026, 5, 12, 10, 15, 0, 0, time.UTC)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// of parses a recording as a listing shows it.
func of(id int64, start time.Time, size int64) vbc.Recording {
	r := vbc.ParseRecording(vbc.Company, "", fmt.Appendf(nil, `{"id":%d,"start":%q,"duration":1000,"file_size_in_bytes":%d,"call_id":"c%d"}`,
		id, vbc.FormatTime(start), size, size))
	r.Account = "549825"
	return r
}

// What has a copy keeps its row when VBC gives its id to another call: each deletion
// belongs to the recording that its receipt names.
func TestPastOfAnIDThatWasGivenAgain(t *testing.T) {
	t.Parallel()
	m, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "m"))
	must(t, err)
	defer m.Close()
	must(t, m.Bind(t.Context(), manifest.Binding{Account: "549825"}))
	for i, start := range []time.Time{day, day.AddDate(0, 1, 0)} {
		rs := []vbc.Recording{of(7, start, int64(100+i))}
		_, err := m.Add(t.Context(), int64(1+i), rs)
		must(t, err)
		r := rs[0]
		o := func(key string) storage.Object {
			return storage.Object{Key: fmt.Sprint(i, key), Proof: storage.ProofRead, Content: storage.Content{Size: r.Size, SHA256: storage.SumOf(fmt.Append(nil, i, key))}}
		}
		c := manifest.Copy{Audio: o("a"), Sidecar: o("s"), StoredAt: day}
		intent, outcome := receipt.New(receipt.Intent, 1, r), receipt.New(receipt.Result, 1, r)
		intent.Audio, intent.Sidecar, intent.Verified, outcome.Outcome = &c.Audio, &c.Sidecar, day, receipt.Deleted
		outcome.At = start.AddDate(0, 0, 9)
		must(t, m.Stored(t.Context(), r, c))
		must(t, m.Verified(t.Context(), r, c, start.AddDate(0, 0, 5), true))
		must(t, m.Purging(t.Context(), r, c, intent, false))
		must(t, m.Purged(t.Context(), r, outcome))
	}
	var all []manifest.Departure
	for d, err := range m.Departures(t.Context()) {
		must(t, err)
		all = append(all, d)
	}
	if len(all) != 2 {
		t.Fatalf("%d departures", len(all))
	}
	for i, d := range all {
		start := day.AddDate(0, i, 0)
		if !d.Start.Equal(start) || !d.ArchivedAt.Equal(start.AddDate(0, 0, 5)) || !d.At.Equal(start.AddDate(0, 0, 9)) || d.Bytes != int64(100+i) || !d.Deleted {
			t.Errorf("departure %d: %+v", i, d)
		}
	}
}

// What is read page by page is read to its end, and each thing once.
func TestPastIsWhole(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "m")
	m, err := sqlite.Open(t.Context(), path)
	must(t, err)
	defer m.Close()
	must(t, m.Bind(t.Context(), manifest.Binding{Account: "549825"}))
	db, err := sql.Open("sqlite", "file:"+filepath.ToSlash(path)+"?_pragma=busy_timeout(10000)")
	must(t, err)
	defer db.Close()
	const n = 4321
	for _, text := range []string{
		`INSERT INTO recording (kind, owner, id, start, size, raw, state, archived_at) SELECT 'company', '', value, value * 1000, value,
			json_object('id', value, 'start', '2026-05-12T10:15:00Z'), 'listed', 0 FROM s`,
		`INSERT INTO receipt (seq, entry) SELECT value, json_object('type', 'outcome', 'outcome', iif(value % 2, 'deleted', 'not there'), 'at', '2026-05-12T10:15:00Z',
			'kind', 'company', 'id', value, 'start', strftime('%Y-%m-%dT%H:%M:%SZ', value, 'unixepoch')) FROM s`,
		`INSERT INTO run (started, options) SELECT value, '' FROM s`,
	} {
		_, err := db.ExecContext(t.Context(), fmt.Sprintf(`WITH RECURSIVE s(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM s WHERE value < %d) `, n)+text)
		must(t, err)
	}
	var glances, departures, deleted, runs, bytes, gone int64
	for g, err := range m.Glances(t.Context()) {
		must(t, err)
		glances, bytes = glances+1, bytes+g.Bytes
	}
	for d, err := range m.Departures(t.Context()) {
		must(t, err)
		departures, gone = departures+1, gone+d.Bytes
		if d.Deleted {
			deleted++
		}
	}
	for r, err := range m.AllRuns(t.Context()) {
		must(t, err)
		if runs++; r.ID != runs {
			t.Fatalf("run %d is the %dth", r.ID, runs)
		}
	}
	if sum := int64(n) * (n + 1) / 2; glances != n || departures != n || deleted != n/2+1 || runs != n || bytes != sum || gone != sum {
		t.Errorf("%d recordings of %d bytes, %d departures of %d, %d runs; want %d, of %d bytes", glances, bytes, departures, gone, runs, n, sum)
	}
}
