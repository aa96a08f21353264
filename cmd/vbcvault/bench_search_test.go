package main_test

import (
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
	"github.com/vbcvault/vbcvault/vbc"
)

// BenchmarkSearch says how long the page takes to find calls in manifests of so many
// recordings: the first page of fifty, the page after it, and to count up to a thousand.
// Each is the median of five, after one that nobody counts. What it prints is for
// benchstat.
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
		{"date", manifest.Query{Until: time.Now().AddDate(0, 0, -95)}},
		{"state", manifest.Query{States: []manifest.State{manifest.Purged}}},
		{"state-rare", manifest.Query{States: []manifest.State{manifest.Failed}}},
		{"held", manifest.Query{Held: &yes}},
		{"not-held", manifest.Query{Held: &no}},
		{"transcript", manifest.Query{Transcribed: &yes}},
		{"scope", manifest.Query{Scope: manifest.Scope{Extensions: []string{"101", rareExtension}, Since: time.Now().AddDate(-1, 0, 0)}}},
		{"scope-none", manifest.Query{Scope: manifest.Scope{Extensions: []string{"7"}}}},
		{"scope-number", manifest.Query{Number: "12125550007", Scope: manifest.Scope{Extensions: []string{rareExtension}}}},
		{"long", manifest.Query{Filter: vbc.Filter{MinDuration: time.Hour}}},
	}
	for n := 10_000; n <= *largest; n *= 10 {
		_, path := night(b, n)
		hold(b, path)
		m, err := sqlite.OpenReadOnly(b.Context(), path)
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
	}
}

// hold holds the rare caller's calls, and those of a month.
func hold(b *testing.B, path string) {
	b.Helper()
	m, err := sqlite.Open(b.Context(), path)
	if err != nil {
		b.Fatal(err)
	}
	defer m.Close()
	old := time.Now().AddDate(-1, 0, 0)
	for _, h := range []manifest.Hold{{CallerID: rareCaller}, {Extension: rareExtension, Since: old}} {
		h.Reason, h.By = "a case", "vera"
		if _, err := m.AddHold(b.Context(), h); err != nil {
			b.Fatal(err)
		}
	}
}

func askLikeThePage(b *testing.B, m manifest.Search, q manifest.Query) {
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
	median("ms-first", func() { read(q) })
	b.ReportMetric(float64(found), "found")
	if found == page {
		q.After = last
		median("ms-next", func() { read(q) })
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
