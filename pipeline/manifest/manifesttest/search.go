package manifesttest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/vbc"
)

var spring = time.Date(2026, 3, 29, 0, 30, 0, 0, time.UTC)

// anyWay is how far a recording may have come, and be counted with another size.
var anyWay = rapid.SampledFrom([][]manifest.Step{
	{}, {}, {}, {manifest.StepFailed}, {manifest.StepStored, manifest.StepVerified, manifest.StepFailed}, {manifest.StepStored, manifest.StepVerified},
	{manifest.StepStored, manifest.StepPurging, manifest.StepPurged}, {manifest.StepStored, manifest.StepTranscribed},
})

// Whatever VBC writes and somebody looks for, the manifest finds just what
// matches, in order, and counts what it finds.
func searchFindsWhatMatches(t *testing.T, places Places) {
	rapid.Check(t, func(rt *rapid.T) {
		m, err := places(t).Open(t.Context(), nil)
		if err != nil {
			rt.Fatal(err)
		}
		defer m.Close()
		var shown []vbc.Recording
		for id := range int64(rapid.IntRange(0, 30).Draw(rt, "rows")) {
			if r := anyRecording(rt, id+1); r.Unreadable == "" {
				shown = append(shown, r)
			}
		}
		if _, err := m.Add(t.Context(), 1, shown); err != nil {
			rt.Fatal(err)
		}
		var wg sync.WaitGroup
		for _, r := range shown {
			r.Account = account
			way := anyWay.Draw(rt, "has come")
			wg.Go(func() {
				for _, s := range way {
					if err := stepsOf(m, r)[s](t.Context()); err != nil {
						t.Errorf("%s: %v", s, err)
					}
				}
			})
		}
		wg.Wait()
		listedAgain(rt, m, shown)
		for range rapid.IntRange(0, 2).Draw(rt, "holds") {
			if h := holdOnSome(rt); h.Selects() {
				if _, err := m.AddHold(t.Context(), h); err != nil {
					rt.Fatal(err)
				}
			}
		}
		all := allOf(rt, m)
		if len(all) < len(shown) {
			rt.Fatalf("%d of %d rows", len(all), len(shown))
		}
		for range 5 {
			q := anyQuery(rt)
			if len(all) > 0 && rapid.Bool().Draw(rt, "about one") {
				q = queryAbout(rt, rapid.SampledFrom(all).Draw(rt, "row"))
			}
			compare(rt, m, all, q)
		}
		if findings, err := m.Check(t.Context()); err != nil || len(findings) > 0 {
			rt.Errorf("%q, %v", findings, err)
		}
	})
}

// listedAgain has a later listing say something else of some recordings.
func listedAgain(t *rapid.T, m Manifest, shown []vbc.Recording) {
	var again []vbc.Recording
	for _, r := range shown {
		if rapid.IntRange(0, 4).Draw(t, "is listed again") > 0 {
			continue
		}
		if other := anyRecording(t, r.ID); other.Unreadable == "" {
			again = append(again, other)
		}
	}
	if _, err := m.Add(t.Context(), 2, again); err != nil {
		t.Fatal(err)
	}
}

// allOf are all rows, by their start.
func allOf(t *rapid.T, m Manifest) (all []manifest.Row) {
	for r, err := range m.InOrder(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b manifest.Row) int { return manifest.PlaceOf(a).Compare(manifest.PlaceOf(b)) })
	return all
}

// compare compares what a query finds with all rows that match, oldest first.
func compare(t *rapid.T, m Manifest, all []manifest.Row, q manifest.Query) {
	holds, err := m.Holds(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := slices.DeleteFunc(slices.Clone(all), func(r manifest.Row) bool {
		_, held := manifest.Covering(holds, r)
		return !q.Matches(r) || q.Held != nil && *q.Held != held
	})
	groupings := rapid.Permutation([]manifest.Grouping{"", manifest.ByMonth, manifest.ByExtension, manifest.ByDirection, manifest.ByState}).Draw(t, "counted by")
	for _, by := range groupings[:2] {
		zone := time.FixedZone("", 60*60*rapid.IntRange(-12, 12).Draw(t, "zone"))
		groups, total, err := m.Count(t.Context(), q, by, zone)
		counted := manifest.NewCounting(by, zone)
		for _, r := range want {
			counted.Row(r)
		}
		wantGroups, wantTotal := counted.Counts()
		if err != nil || total != wantTotal || !slices.Equal(groups, wantGroups) {
			t.Errorf("%+v: counted %+v of %+v by %q, %v; want %+v of %+v", q, groups, total, by, err, wantGroups, wantTotal)
		}
	}
	if !q.OldestFirst {
		slices.Reverse(want)
	}
	for _, limit := range []int{rapid.IntRange(0, 3).Draw(t, "counted up to"), len(want) + rapid.IntRange(-1, 1).Draw(t, "counted about")} {
		limit = max(limit, 0)
		n, more, err := m.CountUpTo(t.Context(), q, int64(limit))
		if err != nil || n != int64(min(limit, len(want))) || more != (len(want) > limit) {
			t.Errorf("%+v: counted %d up to %d of %d, more: %v, %v", q, n, limit, len(want), more, err)
		}
	}
	comparePages(t, m, want, q)
	want = slices.DeleteFunc(want, q.Passed)
	if q.Limit > 0 && len(want) > q.Limit {
		want = want[:q.Limit]
	}
	found := searched(t, m, q)
	if diff := gocmp.Diff(want, found); diff != "" && len(want)+len(found) > 0 {
		t.Errorf("%+v: %s", q, diff)
	}
}

func searched(t *rapid.T, m Manifest, q manifest.Query) (found []manifest.Row) {
	for r, err := range m.Search(t.Context(), q) {
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, r)
	}
	return found
}

// comparePages has pages, each behind the last row of the one before, be all that a
// query selects.
func comparePages(t *rapid.T, m Manifest, want []manifest.Row, q manifest.Query) {
	q.Limit, q.After = rapid.IntRange(1, 7).Draw(t, "rows on a page"), manifest.Place{}
	var found []manifest.Row
	for {
		page := searched(t, m, q)
		found = append(found, page...)
		if len(page) < q.Limit || len(found) > len(want) {
			break
		}
		q.After = manifest.PlaceOf(page[len(page)-1])
	}
	if diff := gocmp.Diff(want, found); diff != "" && len(want)+len(found) > 0 {
		t.Errorf("in pages of %d, %+v: %s", q.Limit, q, diff)
	}
}

// What is put into a manifest that is being made anew is found like what was
// listed, whatever JSON it has, and whoever has an id now is told as by a listing.
func whatIsPutIsFound(t *testing.T, places Places) {
	for name, extra := range map[string]string{
		"foreign letters": `,"cnam":"MÜLLER"`, "another case": `,"CNAM":"müller"`, "nested": `,"cnam":"müller","x":` + strings.Repeat("[", 1500) + strings.Repeat("]", 1500),
	} {
		p := places(t)
		rec := vbc.ParseRecording(vbc.Company, "", fmt.Appendf(nil, `{"id":1,"start":"2025-05-12T10:15:00+0000"%s}`, extra))
		later := recording(1, day)
		err := p.Create(t.Context(), func(m Fillable) error {
			return errors.Join(m.Bind(t.Context(), manifest.Binding{Account: account}),
				m.Put(t.Context(), manifest.Row{Recording: rec, State: manifest.Listed}),
				m.Put(t.Context(), manifest.Row{Recording: later, State: manifest.Purged, Copy: copyOf(later)}),
				m.Put(t.Context(), manifest.Row{Recording: recording(2, day), State: manifest.Listed}), m.Drop(t.Context(), recording(2, day)),
				m.Displace(t.Context()), m.SuspectTwins(t.Context()))
		})
		must(t, err)
		m := open(t, p, nil)
		var found []int64
		for r, err := range m.Search(t.Context(), manifest.Query{Text: "müller"}) {
			must(t, err)
			found = append(found, r.ID)
		}
		if len(found) != 1 {
			t.Errorf("%s: found %v", name, found)
		}
		rows, err := m.All(t.Context(), key(1))
		if err != nil || len(rows) != 2 || !rows[0].Displaced || rows[1].Nth != 1 || rows[1].State != manifest.Purged {
			t.Errorf("%s: %+v, %v", name, rows, err)
		}
		if _, err := m.Get(t.Context(), key(2)); !errors.Is(err, manifest.ErrUnknown) {
			t.Errorf("%s: what was dropped is there, %v", name, err)
		}
	}
	p := places(t)
	broken := errors.New("broken off")
	err := p.Create(t.Context(), func(m Fillable) error {
		return errors.Join(m.Bind(t.Context(), manifest.Binding{Account: account}), m.Put(t.Context(), manifest.Row{Recording: recording(1, day), State: manifest.Listed}), broken)
	})
	if !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	if _, err := open(t, p, nil).Get(t.Context(), key(1)); !errors.Is(err, manifest.ErrUnknown) {
		t.Errorf("what was broken off is there, %v", err)
	}
}
