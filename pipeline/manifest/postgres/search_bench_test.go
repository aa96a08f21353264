//go:build unix

package postgres_test

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres"
	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres/postgrestest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/vbc"
)

var (
	accounts = flag.Int("accounts", 50, "accounts of BenchmarkSearch")
	calls    = flag.Int("calls", 100_000, "recordings that they have, all together, beside those of the largest")
	largest  = flag.Int("largest", 100_000, "recordings of one more account, which has the most")
	database = flag.String("database", "", "address of a database for BenchmarkSearch, on a server as it will be used: empty, or as it left one")
)

// Who has called once in 50,000 calls, and an extension that nobody else has.
const rareCaller, rareExtension = "12015550199", "9999"

var newest = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// BenchmarkSearch says how long it takes to find calls in one account of many, in the
// largest one, and in all of them as the page does that shows all accounts: the first page
// of fifty, the one after it, and to count up to a thousand. Each is the median of five,
// after one that nobody counts.
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
		{"text-none", manifest.Query{Text: "nobody"}},
		{"direction", manifest.Query{Filter: vbc.Filter{Direction: "INTRA_PBX"}}},
		{"direction-none", manifest.Query{Filter: vbc.Filter{Direction: "NONE"}}},
		{"date", manifest.Query{Until: newest.AddDate(0, 0, -2)}},
		{"state", manifest.Query{States: []manifest.State{manifest.Purged}}},
		{"state-rare", manifest.Query{States: []manifest.State{manifest.Failed}}},
		{"held", manifest.Query{Held: &yes}},
		{"not-held", manifest.Query{Held: &no}},
		{"transcript", manifest.Query{Transcribed: &yes}},
		{"words", manifest.Query{Words: "contract refund"}},
		{"words-rare", manifest.Query{Words: "zebedee"}},
		{"words-none", manifest.Query{Words: "nobody"}},
		{"scope", manifest.Query{Scope: manifest.Scope{Extensions: []string{"101", rareExtension}, Since: newest.AddDate(-1, 0, 0)}}},
		{"scope-none", manifest.Query{Scope: manifest.Scope{Extensions: []string{"7"}}}},
		{"scope-number", manifest.Query{Number: "12125550007", Scope: manifest.Scope{Extensions: []string{rareExtension}}}},
		{"long", manifest.Query{Filter: vbc.Filter{MinDuration: 2 * time.Hour}}},
	}
	address := *database
	if address == "" {
		address = postgrestest.New(b)
	} else if err := postgres.Migrate(b.Context(), address); err != nil {
		b.Fatal(err)
	}
	begin := time.Now()
	all := manyCalls(b, address)
	b.Logf("%d accounts with %d recordings and one with %d were made in %s", *accounts, *calls, *largest, time.Since(begin).Round(time.Second))
	for _, q := range questions {
		for of, some := range map[string][]*postgres.Manifest{"one": all[1:2], "largest": all[:1], "all": all} {
			b.Run(fmt.Sprintf("of=%s/ask=%s", of, q.name), func(b *testing.B) {
				for range b.N {
					askLikeThePage(b, some, q.Query)
				}
			})
		}
	}
}

// manyCalls makes the accounts, the largest first. Their calls differ as those of a company
// with 200 extensions do, see sqlite's benchmark.
func manyCalls(b *testing.B, address string) (all []*postgres.Manifest) {
	b.Helper()
	k, err := receipt.NewKey()
	if err != nil {
		b.Fatal(err)
	}
	conn, err := pgx.Connect(b.Context(), address)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close(context.Background())
	var there int
	if err := conn.QueryRow(b.Context(), "SELECT count(*) FROM vbcvault.account").Scan(&there); err != nil {
		b.Fatal(err)
	}
	for i := range *accounts + 1 {
		m, err := postgres.Open(b.Context(), postgrestest.Named(address, fmt.Sprint("a", i)), postgres.WithKey(k.Secret()))
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { m.Close() })
		if all = append(all, m); there > 0 {
			continue
		}
		if i < 2 {
			for _, h := range []manifest.Hold{{CallerID: rareCaller}, {Extension: rareExtension, Since: newest.AddDate(-1, 0, 0)}} {
				if _, err := m.AddHold(b.Context(), h); err != nil {
					b.Fatal(err)
				}
			}
		}
		n := *largest
		if i > 0 {
			n = *calls / *accounts
		}
		for _, text := range fill {
			if _, err := conn.Exec(b.Context(), fmt.Sprintf(text, fmt.Sprintf(drawn, n, newest.UnixMilli(), fmt.Sprintf("(SELECT id FROM vbcvault.account WHERE name = 'a%d')", i)))); err != nil {
				b.Fatal(err)
			}
		}
	}
	if _, err := conn.Exec(b.Context(), "VACUUM ANALYZE"); err != nil {
		b.Fatal(err)
	}
	return all
}

// drawn are the calls of one account.
const drawn = `WITH n AS (SELECT i, %[3]s AS account, %[2]d - 30000::bigint * (%[1]d - i) AS at, 1000 * (5 + i * 7919 %% 97 * (1 + i * 31 %% 37)) AS ms, i %% 50000 = 777 AS rare,
		CASE WHEN i %% 50000 = 777 THEN '` + rareCaller + `' ELSE (17320000000 + CASE WHEN i %% 3 > 0 THEN i %% 100 ELSE i * 7919 %% 1000003 END)::text END AS caller
	FROM generate_series(0::bigint, %[1]d - 1) AS i),
	call AS (SELECT *, CASE i %% 7 WHEN 0 THEN 'INTRA_PBX' WHEN 1 THEN 'OUTBOUND' WHEN 2 THEN 'OUTBOUND' ELSE 'INBOUND' END AS direction,
		CASE WHEN rare THEN 'ZEBEDEE QUARTZ' WHEN i %% 5 = 4 THEN 'CUSTOMER ' || (i * 7919 %% 300007)
			ELSE (ARRAY['SMITH JOHN', 'ACME INC', 'WIRELESS CALLER', 'Garcia Maria', 'NEW YORK NY'])[1 + i * 31 %% 5] || ' ' || (i %% 8) END AS cnam,
		'1212555' || lpad((i %% 30)::text, 4, '0') AS dnis, CASE WHEN rare THEN '` + rareExtension + `' ELSE (100 + i * 13 %% 200)::text END AS extension,
		CASE i %% 2 WHEN 0 THEN 'purged' ELSE 'verified' END AS state, rare OR i %% 10 = 0 AS transcribed FROM n) `

var fill = []string{
	`%s INSERT INTO vbcvault.recording (account, kind, owner, id, start, size, raw, state, audio, sidecar, transcript, stored_at, archived_at, seen_run)
		SELECT account, 'company', '', 1000000 + i, at, 2 * ms, convert_to('{"id":' || (1000000 + i) || ',"start":"' || to_char(timestamp 'epoch' + at * interval '1 millisecond', 'YYYY-MM-DD"T"HH24:MI:SS"+0000"') ||
			'","duration":' || ms || ',"file_size_in_bytes":' || (2 * ms) || ',"file_name":"549825.' || caller || '.' || at || '.mp3","call_direction":"' || direction ||
			'","call_id":"c91150a6-8cc4-4e73-9fef-' || lpad(i::text, 12, '0') || '","caller_id":"' || caller || '","cnam":"' || cnam || '","dnis":"' || dnis || '","extensions":["' || extension || '"],"rule_ids":[1989]}', 'UTF8'),
			state, jsonb_build_object('key', i || '.mp3', 'size', 2 * ms, 'sha256', lpad(to_hex(i + 1), 64, '0')), jsonb_build_object('key', i || '.json', 'size', 900, 'sha256', lpad(to_hex(i + 1), 64, '0')),
			CASE WHEN transcribed THEN jsonb_build_object('key', i || '.txt', 'size', 900, 'sha256', lpad(to_hex(i + 1), 64, '0')) END, 1, 1, 1 FROM call`,
	`%s INSERT INTO vbcvault.call (account, start, kind, owner, id, nth, state, bytes, transcribed, odd, duration, direction, caller_id, dnis, cnam, call_id, file_name, extensions, rule_ids)
		SELECT account, at, 'company', '', 1000000 + i, 0, state, 2 * ms, transcribed, false, ms, direction, caller, dnis, cnam, 'c91150a6-8cc4-4e73-9fef-' || lpad(i::text, 12, '0'),
			'549825.' || caller || '.' || at || '.mp3', ARRAY[extension], '{1989}' FROM call`,
	`%s, gone AS (DELETE FROM vbcvault.unindexed WHERE account = (SELECT account FROM n LIMIT 1)) INSERT INTO vbcvault.spoken (account, start, kind, owner, id, nth, part, whole, said)
		SELECT account, at, 'company', '', 1000000 + i, 0, 0, true, (SELECT string_agg('''' || account || ' ' || w || ''':' || place, ' ') FROM unnest(ARRAY['hello', 'the', 'a' || i %% 997, 'b' || i %% 9973,
			CASE i %% 20 WHEN 0 THEN 'contract' ELSE 'invoice' END, CASE i %% 30 WHEN 0 THEN 'refund' ELSE 'order' END, CASE WHEN rare THEN 'zebedee' ELSE 'bye' END]) WITH ORDINALITY AS u (w, place))::tsvector
			FROM call WHERE transcribed`,
}

// askLikeThePage asks some manifests at once for a page of what is the newest in all.
func askLikeThePage(b *testing.B, all []*postgres.Manifest, q manifest.Query) {
	b.Helper()
	const page, atOnce = 51, 8
	type place struct {
		manifest.Place
		of int
	}
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
	each := func(ask func(i int, m *postgres.Manifest)) {
		var wg sync.WaitGroup
		turn := make(chan struct{}, atOnce)
		for i, m := range all {
			turn <- struct{}{}
			wg.Go(func() {
				ask(i, m)
				<-turn
			})
		}
		wg.Wait()
	}
	var found []place
	read := func(after []manifest.Place) {
		var mu sync.Mutex
		found = nil
		each(func(i int, m *postgres.Manifest) {
			q := q
			if q.Limit = page; after != nil {
				q.After = after[i]
			}
			for r, err := range m.Search(b.Context(), q) {
				if err != nil {
					b.Error(err)
				}
				mu.Lock()
				found = append(found, place{manifest.PlaceOf(r), i})
				mu.Unlock()
			}
		})
		slices.SortFunc(found, func(x, y place) int { return y.Compare(x.Place) })
		found = found[:min(page, len(found))]
	}
	b.ReportMetric(0, "ns/op")
	median("ms-first", func() { read(nil) })
	b.ReportMetric(float64(len(found)), "found")
	if len(found) == page && len(all) == 1 {
		after := []manifest.Place{found[page-1].Place}
		median("ms-next", func() { read(after) })
	}
	median("ms-count", func() {
		each(func(_ int, m *postgres.Manifest) {
			if _, _, err := m.CountUpTo(b.Context(), q, 1000); err != nil {
				b.Error(err)
			}
		})
	})
}
