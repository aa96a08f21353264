package main_test

import (
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	_ "modernc.org/sqlite" // the manifest's driver

	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

var largest = flag.Int("largest", 100_000, "recordings in the largest manifest of BenchmarkManifest")

// Who has called once in 50,000 calls of a history, and whom.
const rareCaller, rareName, rareExtension = "12015550199", "ZEBEDEE QUARTZ", "9999"

// history fills a manifest with n recordings of earlier nights, one each half
// minute until until, half of them deleted at VBC since. Their calls differ as
// those of a company with 200 extensions do: a hundred numbers that call often
// and many that call once in a while, 40 names, all directions, calls from
// seconds to an hour. One in 50,000 is rareCaller's, of an extension that no other has,
// with a transcript; of the rest, one in five has one of a few hundred thousand names.
func (w *world) history(path string, n int, until time.Time) {
	w.t.Helper()
	w.historyIn(path, n, until, "CASE i % 2 WHEN 0 THEN 'purged' ELSE 'verified' END")
}

// historyIn is history with recordings in the states that an expression says.
func (w *world) historyIn(path string, n int, until time.Time, states string) {
	w.t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		w.t.Fatal(err)
	}
	defer db.Close()
	first := until.Add(-time.Duration(n) * 30 * time.Second).UnixMilli()
	for _, text := range []string{
		"PRAGMA synchronous = OFF", "PRAGMA cache_size = -200000",
		fmt.Sprintf(`INSERT INTO recording (kind, owner, id, start, size, raw, state, audio, sidecar, transcript, stored_at, archived_at, seen_run)
			WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < %[1]d),
			call(i, at, ms, rare) AS (SELECT i, %[2]d + 30000 * i, 1000 * (5 + i * 7919 %% 97 * (1 + i * 31 %% 37)), i %% 50000 = 777 FROM n)
			SELECT 'company', '', 1000000 + i, at, 2 * ms,
				'{"id":' || (1000000 + i) || ',"start":"' || strftime('%%Y-%%m-%%dT%%H:%%M:%%S+0000', at / 1000, 'unixepoch') || '","duration":' || ms || ',"file_size_in_bytes":' || (2 * ms) || ',' ||
					'"file_name":"549825.' || iif(rare, '%[3]s', 17320000000 + iif(i %% 3, i %% 100, i * 7919 %% 1000003)) || '.' || at || '.mp3",' ||
					'"download_url":"https://api.vonage.com/t/vbc.prod/call_recording/api/audio/recording/' || (1000000 + i) || '",' ||
					'"call_direction":"' || CASE i %% 7 WHEN 0 THEN 'INTRA_PBX' WHEN 1 THEN 'OUTBOUND' WHEN 2 THEN 'OUTBOUND' ELSE 'INBOUND' END || '","call_id":"c91150a6-8cc4-4e73-9fef-' || printf('%%012d', i) || '",' ||
					'"caller_id":"' || iif(rare, '%[3]s', 17320000000 + iif(i %% 3, i %% 100, i * 7919 %% 1000003)) || '",' ||
					'"cnam":"' || iif(rare, '%[4]s', iif(i %% 5 = 4, 'CUSTOMER ' || (i * 7919 %% 300007), json_extract('["SMITH JOHN","ACME INC","WIRELESS CALLER","Garcia Maria","NEW YORK NY"]', '$[' || (i * 31 %% 5) || ']') || ' ' || (i %% 8))) || '",' ||
					'"dnis":"1212555' || printf('%%04d', i %% 30) || '","extensions":["' || iif(rare, '%[5]s', 100 + i * 13 %% 200) || '"],"rule_ids":[1989]}',
				%[6]s,
				'{"key":"account=549825/kind=company/' || i || '.mp3","size":' || (2 * ms) || ',"sha256":"' || printf('%%064x', i + 1) || '","etag":"x"}',
				'{"key":"account=549825/kind=company/' || i || '.json","size":900,"sha256":"' || printf('%%064x', i + 1) || '","etag":"x"}',
				iif(rare, '{"key":"account=549825/kind=company/' || i || '.transcript.txt","size":900,"sha256":"' || printf('%%064x', i + 1) || '","etag":"x"}', ''), 1, 1, 1 FROM call`,
			n, first, rareCaller, rareName, rareExtension, states),
		fmt.Sprintf("INSERT OR REPLACE INTO listing VALUES ('company', '', '', 0, %d, %d)", until.UnixMilli(), time.Now().UnixMilli()),
	} {
		if _, err := db.Exec(text); err != nil {
			w.t.Fatalf("%v: %.200s", err, text)
		}
	}
	// To disk: else the first run would wait for all of it.
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err == nil {
		err = errors.Join(db.Close(), file.Sync(), file.Close())
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// night has w a manifest of n recordings, and at VBC the last hour of them
// and ten new ones.
func night(t testing.TB, n int) (w *world, path string) {
	t.Helper()
	w = newWorld(t, vbctest.Config{}).inDir()
	path = filepath.Join(w.state, "m")
	w.nextHour(w.historyOf(path, n))
	return w, path
}

// historyOf makes a manifest of n recordings, the newest of which have just
// become old enough, and says when that was.
func (w *world) historyOf(path string, n int) (until time.Time) {
	w.t.Helper()
	until = w.beginning(path)
	w.history(path, n, until)
	return until
}

// beginning makes a manifest with one recording, and says where others may follow.
func (w *world) beginning(path string) (until time.Time) {
	w.t.Helper()
	until = time.Now().UTC().Truncate(time.Minute).AddDate(0, 0, -91)
	w.account.Add(oldest(until))
	w.want(w.archive("--older-than", "90d", "--manifest", path), 0, map[string]int{"archived": 1})
	return until
}

func oldest(until time.Time) vbctest.Recording {
	return vbctest.Recording{ID: 1, Start: until.AddDate(-20, 0, 0)}
}

// nextHour has ten recordings at VBC that are newer than the history.
func (w *world) nextHour(until time.Time) {
	if len(w.account.Recordings()) == 0 {
		w.account.Add(oldest(until))
	}
	for i := range int64(10) {
		w.account.Add(vbctest.Recording{ID: 2 + i, Start: until.Add(time.Duration(i) * time.Minute)})
	}
	w.account.ResetCounts()
}

// migrated is how many recordings BenchmarkManifest archives and deletes on top of a
// history.
const migrated = 1000

// BenchmarkManifest says what a manifest of so many recordings costs whoever works with
// it: a migration that goes on, a night, the catalogue, status.
func BenchmarkManifest(b *testing.B) {
	var s scale
	for _, n := range sizes() {
		b.Run(fmt.Sprintf("recordings=%d", n), func(b *testing.B) {
			for range b.N {
				historyCosts(b, &s, n)
			}
		})
	}
	s.print()
}

func historyCosts(b *testing.B, s *scale, n int) {
	w := newWorld(b, vbctest.Config{}).inDir()
	path := filepath.Join(w.state, "m")
	until := w.beginning(path)
	w.historyIn(path, n, until, "'purged'")
	w.want(w.archive("--older-than", "90d", "--manifest", path, "--delete"), 0, nil)
	run := func(what, unit string, units float64, args ...string) {
		c, _ := w.costOf(w.command(append(args, "--manifest", path)...))
		s.note(b, what, unit, n, units, c)
	}
	// more has so many at VBC that are newer than all before.
	at, id := until, int64(2)
	more := func(n int) {
		for range n {
			w.account.Add(vbctest.Recording{ID: id, Start: at, Size: 20_000})
			at, id = at.Add(time.Minute), id+1
		}
		w.account.ResetCounts()
	}
	archive := []string{"archive", "--to", w.to, "--older-than", "90d", "--delete", "--progress", "none", "--log-level", "warn"}
	more(migrated)
	run("migration of 1,000 more", "new recording", migrated, archive...)
	if deleted := len(w.account.Deleted()); deleted != migrated+1 {
		b.Fatalf("%d were deleted", deleted)
	}
	more(10)
	run("night with 10 new ones", "new recording", 10, archive...)
	b.ReportMetric(float64(w.account.Counts().Total), "vbc-requests")
	run("the first catalogue", "recording", float64(n), append(archive, "--catalog")...)
	more(10)
	// The file of the month that they are in is made anew.
	month := at.Add(-10 * time.Minute)
	first := time.Date(month.Year(), month.Month(), 1, 0, 0, 0, 0, time.UTC)
	in := min(float64(n), max(0, until.Sub(first).Seconds()/30)) + migrated
	run("night with the catalogue", "recording of the month", in, append(archive, "--catalog")...)
	for _, format := range []string{"csv", "jsonl", "parquet"} {
		run("export to "+format, "recording", float64(n), "export", "--format", format, "--out", filepath.Join(b.TempDir(), "catalog"))
	}
	run("status", "command", 1, "status")
}

// A night costs in proportion to what is new, and not to the history.
func TestNightAfterALongHistory(t *testing.T) {
	t.Parallel()
	notShort(t, "makes a manifest of 25,000 recordings")
	requests := map[string]int{}
	for name, after := range map[string]func(testing.TB) (*world, string){
		"a short history": func(t testing.TB) (*world, string) { return night(t, 1000) },
		"a long history":  nightAfterALongHistory,
	} {
		w, path := after(t)
		w.want(w.archive("--older-than", "90d", "--manifest", path), 0, map[string]int{"listed": 10, "archived": 10})
		requests[name] = w.account.Counts().Total
		// Its rows were written without receipts, which audit would miss.
		m, err := sqlite.OpenReadOnly(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		if findings, err := m.Check(t.Context()); err != nil || len(findings) > 0 {
			t.Errorf("%s: %v, %v", name, findings, err)
		}
		m.Close()
	}
	if requests["a short history"] != requests["a long history"] || requests["a long history"] != 13 {
		t.Errorf("%v requests; want a token, a page, one of transcripts and ten downloads", requests)
	}
}

// longHistory is a manifest of so many recordings that tests share, since it
// takes long to make, and that nobody changes.
const long = 25_000

var longHistory = struct {
	once sync.Once
	path string // below shared
	to   string // the destination that it is of
	at   time.Time
}{}

// nightAfterALongHistory is night with a copy of the long history.
func nightAfterALongHistory(t testing.TB) (w *world, path string) {
	t.Helper()
	from := aLongHistory(t)
	w = newWorld(t, vbctest.Config{})
	w.inDirectory(longHistory.to)
	path = filepath.Join(w.state, "m")
	for _, end := range []string{"", ".key"} {
		if err := os.WriteFile(path+end, readFile(t, from+end), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w.nextHour(longHistory.at)
	return w, path
}

// aLongHistory is the path of a manifest, to be read.
func aLongHistory(t testing.TB) string {
	t.Helper()
	h := &longHistory
	h.once.Do(func() {
		w := newWorld(t, vbctest.Config{})
		h.to = filepath.Join(shared, "archive")
		if err := os.Mkdir(h.to, 0o700); err != nil {
			t.Fatal(err)
		}
		w.inDirectory(h.to)
		path := filepath.Join(shared, "long history")
		h.at = w.historyOf(path, long)
		h.path = path
	})
	if h.path == "" {
		t.Fatal("another test couldn't make it")
	}
	return h.path
}
