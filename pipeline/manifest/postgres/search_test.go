//go:build unix

package postgres_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres"
	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres/postgrestest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// searched is a new manifest whose searches look at so many calls first.
func searched(t *testing.T, look int) *postgres.Manifest {
	t.Helper()
	k, err := receipt.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	m, err := postgres.Open(t.Context(), postgrestest.Named(postgrestest.New(t), "m"), postgres.WithKey(k.Secret()), postgres.WithLook(look, 1000))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	if err := m.Bind(t.Context(), manifest.Binding{Account: "549825"}); err != nil {
		t.Fatal(err)
	}
	return m
}

func sought(t *testing.T, m *postgres.Manifest, q manifest.Query) string {
	t.Helper()
	ids := []int64{}
	for r, err := range m.Search(t.Context(), q) {
		if err != nil {
			t.Fatalf("%+v: %v", q, err)
		}
		ids = append(ids, r.ID)
	}
	n, more, err := m.CountUpTo(t.Context(), q, 100)
	if err != nil || more || n != int64(len(ids)) {
		t.Errorf("%+v: counted %d, %v, %v; found %v", q, n, more, err, ids)
	}
	_, total, err := m.Count(t.Context(), q, manifest.ByExtension, time.UTC)
	if err != nil || total.Recordings != int64(len(ids)) {
		t.Errorf("%+v: counted %d, %v; found %v", q, total.Recordings, err, ids)
	}
	return fmt.Sprint(ids)
}

// What PostgreSQL can't have as VBC writes it, or compare as the program does, is found by
// whatever way it is looked for, and nothing else is.
func TestNothingIsPassedOver(t *testing.T) {
	t.Parallel()
	m := searched(t, 2)
	var all []vbc.Recording
	for i, fields := range []string{
		`"caller_id":"(732) 555-0100","cnam":"SMITH John","extensions":["101","7"],"call_direction":"INBOUND","duration":5000`,
		`"caller_id":"17325550100","cnam":"JÖRG Müller","extensions":[],"dnis":"+1 212 555 0007"`,
		`"caller_id":"a\u0000b 7325550100","cnam":"Sm\u0000ith","extensions":["10\u00001"],"call_direction":"IN\u0000"`, // odd
		`"caller_id":"17325550100,,101","cnam":"` + strings.Repeat("smit", 60) + `h","extensions":[" "]`,
		`"caller_id":"anonymous","cnam":"` + "\u212a" + `elvin","extensions":["` + strings.Repeat("1", 200) + `"]`,
		`"caller_id":"` + strings.Repeat("9", 60) + `17325550100","extensions":["102"],"call_direction":"OUTBOUND"`,
		`"caller_id":" ","cnam":"100%_","extensions":["103"]`,
		`"caller_id":"5550100","extensions":["10,1"]`,
		`"caller_id":"44732555010099","extensions":["104"]`,
		`"caller_id":"99732555010","extensions":["105"]`,
		`"caller_id":"17325550100","extensions":["106"]`,
		`"caller_id":"32555010012","extensions":["107"]`,
	} {
		all = append(all, vbc.ParseRecording(vbc.Company, "", fmt.Appendf(nil, `{"id":%d,"start":"2026-05-12T10:%02d:00+0000",%s}`, i+1, i, fields)))
	}
	if _, err := m.Add(t.Context(), 1, all); err != nil {
		t.Fatal(err)
	}
	// VBC has said something else of one before.
	again := vbc.ParseRecording(vbc.Company, "", []byte(`{"id":11,"start":"2026-05-12T10:10:00+0000","caller_id":"12025550000","extensions":["106"]}`))
	if _, err := m.Add(t.Context(), 2, []vbc.Recording{again}); err != nil {
		t.Fatal(err)
	}
	yes, no := true, false
	ask := func(want string, q manifest.Query) {
		t.Helper()
		if got := sought(t, m, q); got != want {
			t.Errorf("%+v finds %s, want %s", q, got, want)
		}
	}
	ask("[6 3 2 1]", manifest.Query{Number: "7325550100"})
	ask("[6 2]", manifest.Query{Number: "17325550100"})
	ask("[6]", manifest.Query{Number: strings.Repeat("9", 50) + "17325550100"})
	ask("[]", manifest.Query{Number: strings.Repeat("9", 61) + "17325550100"})
	ask("[2]", manifest.Query{Number: "2125550007"})
	ask("[]", manifest.Query{Number: "55501a0"})
	ask("[4 1]", manifest.Query{Name: "mith"})
	ask("[2]", manifest.Query{Name: "örg MÜL"})
	ask("[5]", manifest.Query{Name: "kel"})
	ask("[3]", manifest.Query{Name: "sm\x00I"})
	ask("[7]", manifest.Query{Name: "0%_"})
	ask("[1]", manifest.Query{Filter: vbc.Filter{Extension: "101"}})
	ask("[3]", manifest.Query{Filter: vbc.Filter{Extension: "10\x001"}})
	ask("[5]", manifest.Query{Filter: vbc.Filter{Extension: strings.Repeat("1", 200)}})
	ask("[]", manifest.Query{Filter: vbc.Filter{Extension: strings.Repeat("1", 199)}})
	ask("[8]", manifest.Query{Scope: manifest.Scope{Extensions: []string{"10,1", "\xff"}}})
	ask("[3]", manifest.Query{Filter: vbc.Filter{Direction: "IN\x00"}})
	ask("[]", manifest.Query{Filter: vbc.Filter{Direction: "IN\uFFFD"}})
	ask("[6]", manifest.Query{Filter: vbc.Filter{CallerID: all[5].CallerID}})
	ask("[3]", manifest.Query{Filter: vbc.Filter{CallerID: "a\x00b 7325550100"}})
	ask("[1]", manifest.Query{Filter: vbc.Filter{MinDuration: 5 * time.Second}})
	ask("[2]", manifest.Query{Text: "jörg"})
	ask("[3]", manifest.Query{Text: "A\x00B"})

	for _, h := range []manifest.Hold{{CallerID: "+1 (732) 555-0100"}, {Extension: "105"}} {
		if _, err := m.AddHold(t.Context(), h); err != nil {
			t.Fatal(err)
		}
	}
	// By the first one what has the number, others around it, part of it, or none; by the
	// second one also what has no extension that can be read.
	ask("[12 11 10 9 8 7 6 4 3 2 1]", manifest.Query{Held: &yes})
	ask("[5]", manifest.Query{Held: &no})
}

// Of a long transcript PostgreSQL keeps less than it says: not all places of a word, and
// none behind the 16,383rd. It is found by all of it nevertheless.
func TestLongTranscripts(t *testing.T) {
	t.Parallel()
	m := searched(t, 1)
	const n = 20_000
	long := make([]string, n)
	for i := range long {
		long[i] = fmt.Sprint("w", i)
		if i%2 == 1 {
			long[i] = "the" // far more than 256 times
		}
	}
	long[n-1] = "last"
	texts := []string{strings.Join(long, " "), "the w0", strings.Repeat(strings.Repeat("é", 60)+" ", n) + "end"}
	var all []vbc.Recording
	for i := range texts {
		r := vbc.ParseRecording(vbc.Company, "", fmt.Appendf(nil, `{"id":%d,"start":"2026-05-12T10:%02d:00+0000"}`, i+1, i))
		r.Account = "549825"
		all = append(all, r)
	}
	if _, err := m.Add(t.Context(), 1, all); err != nil {
		t.Fatal(err)
	}
	for i, r := range all {
		o := storage.Object{Key: fmt.Sprint(i), Content: storage.Content{Size: 3, SHA256: storage.SumOf([]byte(texts[i]))}}
		if err := m.Stored(t.Context(), r, manifest.Copy{Audio: o, Sidecar: o}); err != nil {
			t.Fatal(err)
		}
		if err := m.Transcribed(t.Context(), r, o); err != nil {
			t.Fatal(err)
		}
	}
	for r, err := range m.Unindexed(t.Context(), time.Now()) {
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Index(t.Context(), manifest.Spoken{Row: r, Text: texts[r.ID-1]}); err != nil {
			t.Fatal(err)
		}
	}
	for words, want := range map[string]string{
		"w0 last": "[1]", "the": "[2 1]", `"the w19000 the"`: "[1]", `"w19998 last"`: "[1]", `"the w0"`: "[2]", "w0": "[2 1]", "w1999*": "[1]", "last end": "[]", "end": "[3]",
		`"w0 the w2"`: "[1]", `"w0 w2"`: "[]", `w0 "w19998 last" "the w10000"`: "[1]",
		`"` + strings.Join(long[500:532], " ") + `"`: "[1]", `"` + strings.Join(long[509:541], " ") + `"`: "[1]", `"` + strings.Join(long[490:522], " ") + `"`: "[1]",
	} {
		if got := sought(t, m, manifest.Query{Words: words}); got != want {
			t.Errorf("%s finds %s, want %s", words, got, want)
		}
	}
	if found, err := m.Check(t.Context()); err != nil || len(found) > 0 {
		t.Errorf("%q, %v", found, err)
	}
}
