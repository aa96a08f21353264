package sqlite

import (
	"context"
	"database/sql"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/vbc"
)

var largest = flag.Int("largest", 100_000, "recordings in the largest manifest of BenchmarkSearch")

// Who has called once in 50,000 calls, and an extension that nobody else has.
const rareCaller, rareExtension = "12015550199", "9999"

// BenchmarkSearch says how long the page takes to find calls in manifests of so many
// recordings: the first page of fifty, the one after it, and to count up to a thousand.
// Each is the median of five, after one that nobody counts.
func BenchmarkSearch(b *testing.B) {
	yes, no := true, false
	questions := []struct {
		name string
		manifest.Query
	}{
		{"nothing", manifest.Query{}},
		{"number", manifest.Query{Number: rareCaller}},
		{"number-end", manifest.Query{Number: rareCaller[len(rareCaller)-4:]}},
		{"number-often", manifest.Query{Number: "12125550007"}},
		{"number-none", manifest.Query{Number: "99995550007"}},
		{"number-short", manifest.Query{Number: "199"}},
		{"extension", manifest.Query{Filter: vbc.Filter{Extension: "101"}}},
		{"extension-rare", manifest.Query{Filter: vbc.Filter{Extension: rareExtension}}},
		{"extension-none", manifest.Query{Filter: vbc.Filter{Extension: "7"}}},
		{"name", manifest.Query{Name: "smith"}},
		{"name-rare", manifest.Query{Name: "zebedee"}},
		{"name-none", manifest.Query{Name: "nobody"}},
		{"direction", manifest.Query{Filter: vbc.Filter{Direction: "INTRA_PBX"}}},
		{"direction-none", manifest.Query{Filter: vbc.Filter{Direction: "NONE"}}},
		{"date", manifest.Query{Until: newest.AddDate(0, 0, -2)}},
		{"state", manifest.Query{States: []manifest.State{manifest.Purged}}},
		{"state-rare", manifest.Query{States: []manifest.State{manifest.Failed}}},
		{"held", manifest.Query{Held: &yes}},
		{"not-held", manifest.Query{Held: &no}},
		{"transcript", manifest.Query{Transcribed: &yes}},
		{"scope", manifest.Query{Scope: manifest.Scope{Extensions: []string{"101", rareExtension}, Since: newest.AddDate(-1, 0, 0)}}},
		{"scope-none", manifest.Query{Scope: manifest.Scope{Extensions: []string{"7"}}}},
		{"scope-number", manifest.Query{Number: "12125550007", Scope: manifest.Scope{Extensions: []string{rareExtension}}}},
		{"long", manifest.Query{Filter: vbc.Filter{MinDuration: 2 * time.Hour}}},
	}
	for n := 10_000; n <= *largest; n *= 10 {
		path := filepath.Join(b.TempDir(), "m")
		begin := time.Now()
		manyCalls(b, path, n)
		b.Logf("%d recordings were made in %s", n, time.Since(begin).Round(time.Second))
		m, err := OpenReadOnly(b.Context(), path)
		if err != nil {
			b.Fatal(err)
		}
		for _, q := range questions {
			b.Run(fmt.Sprintf("ask=%s/recordings=%d", q.name, n), func(b *testing.B) {
				for range b.N {
					askLikeThePage(b, m, q.Query)
				}
			})
		}
		m.Close()
		if err := os.Remove(path); err != nil { // the next one takes ten times the room
			b.Fatal(err)
		}
	}
}

var newest = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// manyCalls makes a manifest of n recordings, one each half minute, as one of the format
// before is upgraded: what finds them is made when all are there. Their calls differ as
// those of a company with 200 extensions do: thirty numbers of its own, some that call
// often and a million that call once in a while, names of which one in five is one of
// 300,000, half of all deleted at VBC since. One in 50,000 is rareCaller's, has been
// written down, and is held.
func manyCalls(b *testing.B, path string, n int) {
	b.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	tally := strings.Index(stateIndexes, "CREATE TRIGGER tally_in")
	first := newest.Add(-time.Duration(n) * 30 * time.Second).UnixMilli()
	for _, text := range []string{
		"PRAGMA page_size = 4096; PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF; PRAGMA cache_size = -200000",
		strings.NewReplacer(indexes, "", stateIndexes, "", calls+staleness+numbers+listenings+words, "").Replace(schema),
		fmt.Sprintf(`INSERT INTO recording (kind, owner, id, start, size, raw, state, audio, sidecar, transcript, stored_at, archived_at, seen_run)
			WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < %[1]d),
			call(i, at, ms, rare, caller) AS (SELECT i, %[2]d + 30000 * i, 1000 * (5 + i * 7919 %% 97 * (1 + i * 31 %% 37)), i %% 50000 = 777,
				iif(i %% 50000 = 777, '%[3]s', 17320000000 + iif(i %% 3, i %% 100, i * 7919 %% 1000003)) FROM n)
			SELECT 'company', '', 1000000 + i, at, 2 * ms,
				'{"id":' || (1000000 + i) || ',"start":"' || strftime('%%Y-%%m-%%dT%%H:%%M:%%S+0000', at / 1000, 'unixepoch') || '","duration":' || ms || ',"file_size_in_bytes":' || (2 * ms) || ',' ||
					'"file_name":"549825.' || caller || '.' || at || '.mp3",' ||
					'"download_url":"https://api.vonage.com/t/vbc.prod/call_recording/api/audio/recording/' || (1000000 + i) || '",' ||
					'"call_direction":"' || CASE i %% 7 WHEN 0 THEN 'INTRA_PBX' WHEN 1 THEN 'OUTBOUND' WHEN 2 THEN 'OUTBOUND' ELSE 'INBOUND' END || '","call_id":"c91150a6-8cc4-4e73-9fef-' || printf('%%012d', i) || '",' ||
					'"caller_id":"' || caller || '","cnam":"' || iif(rare, 'ZEBEDEE QUARTZ', iif(i %% 5 = 4, 'CUSTOMER ' || (i * 7919 %% 300007),
						json_extract('["SMITH JOHN","ACME INC","WIRELESS CALLER","Garcia Maria","NEW YORK NY"]', '$[' || (i * 31 %% 5) || ']') || ' ' || (i %% 8))) || '",' ||
					'"dnis":"1212555' || printf('%%04d', i %% 30) || '","extensions":["' || iif(rare, '%[4]s', 100 + i * 13 %% 200) || '"],"rule_ids":[1989]}',
				CASE i %% 2 WHEN 0 THEN 'purged' ELSE 'verified' END,
				'{"key":"account=549825/kind=company/' || i || '.mp3","size":' || (2 * ms) || ',"sha256":"' || printf('%%064x', i + 1) || '","etag":"x"}',
				'{"key":"account=549825/kind=company/' || i || '.json","size":900,"sha256":"' || printf('%%064x', i + 1) || '","etag":"x"}',
				iif(rare, '{"key":"account=549825/kind=company/' || i || '.txt","size":900,"sha256":"' || printf('%%064x', i + 1) || '","etag":"x"}', ''), 1, 1, 1 FROM call`,
			n, first, rareCaller, rareExtension),
		indexes + stateIndexes[:tally] + "INSERT INTO tally SELECT state, count(*), sum(max(size, 0)) FROM recording GROUP BY state;" + stateIndexes[tally:],
		calls + staleness, numbers, listenings + words,
		fmt.Sprintf("INSERT INTO meta VALUES ('account', '549825'), ('chain', 'X'); PRAGMA user_version = %d", format),
	} {
		if _, err := db.Exec(text); err != nil {
			b.Fatalf("%v: %.200s", err, text)
		}
	}
	if err := db.Close(); err != nil {
		b.Fatal(err)
	}
	m, err := Open(b.Context(), path)
	if err != nil {
		b.Fatal(err)
	}
	defer m.Close()
	for _, h := range []manifest.Hold{{CallerID: rareCaller}, {Extension: rareExtension, Since: newest.AddDate(-1, 0, 0)}} {
		if _, err := m.AddHold(context.Background(), h); err != nil {
			b.Fatal(err)
		}
	}
}

func askLikeThePage(b *testing.B, m *Manifest, q manifest.Query) {
	b.Helper()
	const page = 51
	var last manifest.Place
	found := 0
	median := func(unit string, do func()) {
		do()
		var took []float64
		for range 5 {
			begin := time.Now()
			do()
			took = append(took, float64(time.Since(begin).Microseconds())/1000)
		}
		slices.Sort(took)
		b.ReportMetric(took[len(took)/2], unit)
	}
	read := func(q manifest.Query) {
		q.Limit, found = page, 0
		for r, err := range m.Search(b.Context(), q) {
			if err != nil {
				b.Fatal(err)
			}
			last = manifest.PlaceOf(r)
			found++
		}
	}
	b.ReportMetric(0, "ns/op")
	median("ms-first", func() { read(q) })
	b.ReportMetric(float64(found), "found")
	if found == page {
		next := q
		next.After = last
		median("ms-next", func() { read(next) })
	}
	median("ms-count", func() {
		if _, _, err := m.CountUpTo(b.Context(), q, 1000); err != nil {
			b.Fatal(err)
		}
	})
	b.ReportMetric(float64(residentMemory())/(1<<20), "MiB-resident")
}

// residentMemory is how much memory this process has, in bytes, where that is known.
func residentMemory() (n int64) {
	debug.FreeOSMemory()
	status, _ := os.ReadFile("/proc/self/status")
	if _, after, ok := strings.Cut(string(status), "VmRSS:"); ok {
		_, _ = fmt.Sscan(after, &n)
	}
	return n << 10
}
