package manifesttest

import (
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/vbc"
)

// Same has two implementations answer the same questions about the same recordings: what
// one finds and counts, the other one does.
func Same(t *testing.T, one, other Places) {
	rapid.Check(t, func(rt *rapid.T) {
		a, b := open(t, one(t), nil), open(t, other(t), nil)
		defer a.Close()
		defer b.Close()
		fillAlike(rt, t, a, b)
		all := allOf(rt, a)
		for range 8 {
			q := anyQuery(rt)
			if len(all) > 0 && rapid.Bool().Draw(rt, "about one") {
				q = queryAbout(rt, rapid.SampledFrom(all).Draw(rt, "row"))
			}
			if rapid.IntRange(0, 3).Draw(rt, "words?") == 0 {
				q.Words = anySpeech(rt)
			}
			sameAnswers(rt, a, b, q)
		}
	})
}

// fillAlike writes the same into both.
func fillAlike(rt *rapid.T, t *testing.T, both ...Manifest) {
	var shown []vbc.Recording
	for id := range int64(rapid.IntRange(0, 40).Draw(rt, "rows")) {
		if r := anyRecording(rt, id+1); r.Unreadable == "" {
			shown = append(shown, r)
		}
	}
	ways, texts := make([][]manifest.Step, len(shown)), map[int64]string{}
	for i, r := range shown {
		ways[i] = anyWay.Draw(rt, "has come")
		texts[r.ID] = anySpeech(rt)
	}
	var holds []manifest.Hold
	for range rapid.IntRange(0, 2).Draw(rt, "holds") {
		if h := holdOnSome(rt); h.Selects() {
			holds = append(holds, h)
		}
	}
	for _, m := range both {
		add(t, m, 1, slices.Clone(shown)...)
		for i, r := range shown {
			r.Account = account
			for _, s := range ways[i] {
				must(t, stepsOf(m, r)[s](t.Context()))
			}
		}
		var said []manifest.Spoken
		for _, row := range unindexed(t, m) {
			said = append(said, manifest.Spoken{Row: row, Text: texts[row.ID]})
		}
		must(t, m.Index(t.Context(), said...))
		for _, h := range holds {
			_, err := m.AddHold(t.Context(), h)
			must(t, err)
		}
	}
}

// sameAnswers asks both.
func sameAnswers(rt *rapid.T, a, b Manifest, q manifest.Query) {
	by := rapid.SampledFrom([]manifest.Grouping{"", manifest.ByMonth, manifest.ByExtension, manifest.ByDirection, manifest.ByState}).Draw(rt, "counted by")
	zone := time.FixedZone("", 60*60*rapid.IntRange(-12, 12).Draw(rt, "zone"))
	limit := rapid.Int64Range(0, 9).Draw(rt, "counted up to")
	type answer struct {
		Found   []manifest.Place
		Groups  []manifest.Count
		Total   manifest.Count
		Some    int64
		More    bool
		Refused [3]bool
	}
	ask := func(m Manifest) (is answer) {
		for r, err := range m.Search(rt.Context(), q) {
			if is.Refused[0] = err != nil; err == nil {
				is.Found = append(is.Found, manifest.PlaceOf(r))
			}
		}
		var err error
		is.Groups, is.Total, err = m.Count(rt.Context(), q, by, zone)
		is.Refused[1] = err != nil
		is.Some, is.More, err = m.CountUpTo(rt.Context(), q, limit)
		is.Refused[2] = err != nil
		return is
	}
	if diff := gocmp.Diff(ask(a), ask(b)); diff != "" {
		rt.Errorf("%+v: %s", q, diff)
	}
}
