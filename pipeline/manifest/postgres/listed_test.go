//go:build unix

package postgres_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/manifesttest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres/postgrestest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/vbc"
)

// drawPage is a page of a listing in which few ids come again and again.
func drawPage(t *rapid.T, ids []int64) (page []vbc.Recording) {
	for range rapid.IntRange(1, 6).Draw(t, "recordings") {
		start := day.Add(time.Duration(rapid.IntRange(0, 2).Draw(t, "ms")) * 700 * time.Millisecond)
		r := vbc.ParseRecording(vbc.Company, "", fmt.Appendf(nil, `{"id":%d,"start":%q,"file_size_in_bytes":%d,"call_id":%q,"file_name":%q,"caller_id":%q}`,
			rapid.SampledFrom(ids).Draw(t, "id"), start.Format("2006-01-02T15:04:05.000-0700"), rapid.SampledFrom([]int{1000, 2000}).Draw(t, "size"),
			rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "call"), rapid.SampledFrom([]string{"", "f"}).Draw(t, "name"), rapid.SampledFrom([]string{"1", "2"}).Draw(t, "caller")))
		r.Account = account
		page = append(page, r)
	}
	return page
}

// lead leads a row on.
func lead(t *rapid.T, m manifesttest.Manifest, row manifest.Row, step string) error {
	r, c := row.Recording, copyOf(row.Recording)
	e := receipt.New(receipt.Intent, 1, r)
	e.Audio, e.Sidecar, e.Verified, e.Account = &c.Audio, &c.Sidecar, day, account
	switch step {
	case "gone":
		return m.Gone(t.Context(), r)
	case "failed":
		return m.Failed(t.Context(), r, 1, manifest.Failure{Code: "size", Reason: "why"})
	case "doubted":
		return m.Doubt(t.Context(), r)
	case "purged":
		if err := m.Purging(t.Context(), r, c, e, true); err != nil {
			return err
		}
		return m.Purged(t.Context(), r, e)
	case "erased":
		if err := m.Erasing(t.Context(), r, e); err != nil {
			return err
		}
		return m.Erased(t.Context(), r, e)
	}
	return m.StoredAlike(t.Context(), r, c)
}

// Whatever a page shows at once, and however often, what is known of it is the same as in a
// file, where it is looked at one after the other.
func TestListingsAsInAFile(t *testing.T) {
	t.Parallel()
	_, key := newKey(t)
	db := open(t, postgrestest.Named(postgrestest.New(t), "m"), key)
	file, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "m"))
	must(t, err)
	t.Cleanup(func() { file.Close() })
	must(t, file.Bind(t.Context(), manifest.Binding{Account: account}))
	var last int64
	rapid.Check(t, func(t *rapid.T) {
		ids := []int64{last + 1, last + 2, last + 3}
		last += 3
		for run := range int64(rapid.IntRange(1, 4).Draw(t, "runs")) {
			page := drawPage(t, ids)
			again := slices.Clone(page)
			want, err := file.Add(t.Context(), run+1, page)
			if err != nil {
				t.Fatal(err)
			}
			got, err := db.Add(t.Context(), run+1, again)
			if err != nil || !cmp.Equal(want, got) {
				t.Fatalf("%v, %v; want %v", got, err, want)
			}
			for i := range page {
				if page[i].Nth != again[i].Nth {
					t.Fatalf("recording %d is number %d, want %d", i, again[i].Nth, page[i].Nth)
				}
			}
			for _, row := range sameRows(t, file, db, ids) {
				step := rapid.SampledFrom([]string{"", "stored", "purged", "gone", "failed", "doubted", "erased"}).Draw(t, "step")
				if step == "" {
					continue
				}
				if a, b := lead(t, file, row, step), lead(t, db, row, step); fmt.Sprint(a) != fmt.Sprint(b) {
					t.Fatalf("%s: %v, want %v", step, b, a)
				}
			}
			sameRows(t, file, db, ids)
		}
	})
	if findings, err := db.Check(t.Context()); err != nil || strings.Contains(fmt.Sprint(findings), "wrong") {
		t.Errorf("%q, %v", findings, err)
	}
}

// sameRows are the rows with ids, which both have alike.
func sameRows(t *rapid.T, a, b manifesttest.Manifest, ids []int64) (all []manifest.Row) {
	for _, id := range ids {
		key := vbc.Key{Kind: vbc.Company, ID: id}
		want, err := a.All(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		got, err := b.All(t.Context(), key)
		when := cmp.Options{cmpopts.EquateApproxTime(time.Hour), cmpopts.EquateEmpty()} // failures are at other times
		if d := cmp.Diff(want, got, when); d != "" || err != nil {
			t.Fatalf("%s, %v", d, err)
		}
		all = append(all, want...)
	}
	return all
}

// What VBC, a store or an error says is written down whatever bytes it has: VBC's JSON as
// it is, other texts as far as PostgreSQL can have them.
func TestAnyBytes(t *testing.T) {
	t.Parallel()
	_, key := newKey(t)
	m := open(t, postgrestest.Named(postgrestest.New(t), "m"), key)
	raw := func(url string) vbc.Recording {
		r := vbc.ParseRecording(vbc.Company, "", []byte(`{"id":1,"start":"2026-05-12T10:15:00+0000","file_size_in_bytes":1000,"call_id":"c","caller_id":"17325550100\u0000","cnam":"J`+"\xff"+`rg",
			"extensions":["1\u00002",[],7],"download_url":"`+url+`"}`))
		r.Account = account
		return r
	}
	for run, url := range []string{"a", "b\x00", "\xed\xa0\x80"} {
		r := raw(strings.ReplaceAll(url, "\x00", `\u0000`))
		_, err := m.Add(t.Context(), int64(run+1), []vbc.Recording{r})
		must(t, err)
		if row, err := m.Get(t.Context(), r.Key()); err != nil || string(row.Raw) != string(r.Raw) || row.CallerID != "17325550100\x00" {
			t.Errorf("%q, %v", row.Raw, err)
		}
	}
	r := raw("a")
	must(t, m.Failed(t.Context(), r, 1, manifest.Failure{Code: "size", Reason: "said \x00 and \xff"}))
	must(t, m.Acknowledge(t.Context(), r, "\x00"))
	must(t, m.Damaged(t.Context(), r, "\xff"))
	c := copyOf(r)
	c.Audio.ETag, c.Sidecar.Mark = "\x00", "\xff"
	must(t, m.Refuse(t.Context(), manifest.Refused{Put: c.Audio}))
	must(t, m.UploadBegun(t.Context(), "\x00", "\xff"))
	must(t, m.Stored(t.Context(), r, c))
	row, err := m.Get(t.Context(), r.Key())
	if f := row.Failure; err != nil || f.Reason != "said \ufffd and \ufffd" || !f.Known(f.Code, f.Reason) || row.Damaged != "\ufffd" || row.Copy.Audio.ETag != "\ufffd" {
		t.Errorf("%+v, %v", row, err)
	}
	if findings, err := m.Check(t.Context()); err != nil || len(findings) > 0 {
		t.Errorf("%q, %v", findings, err)
	}
}
