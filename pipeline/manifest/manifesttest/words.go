package manifesttest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	said "github.com/vbcvault/vbcvault/pipeline/words"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// transcript is the object of a text.
func transcript(text string) storage.Object {
	return storage.Object{Key: "t", Content: storage.Content{Size: int64(len(text)), SHA256: storage.SumOf([]byte(text))}}
}

// transcribed archives a recording with a transcript.
func transcribed(t testing.TB, m Manifest, r vbc.Recording, text string) {
	t.Helper()
	take(t, m, r, manifest.StepStored)
	must(t, m.Transcribed(t.Context(), r, transcript(text)))
}

// unindexed are the rows that are to be indexed.
func unindexed(t testing.TB, m Manifest) (rows []manifest.Row) {
	t.Helper()
	for r, err := range m.Unindexed(t.Context(), day) {
		must(t, err)
		rows = append(rows, r)
	}
	return rows
}

// sought are the ids of what a query finds.
func sought(t testing.TB, m Manifest, q manifest.Query) (ids []int64) {
	t.Helper()
	for r, err := range m.Search(t.Context(), q) {
		must(t, err)
		ids = append(ids, r.ID)
	}
	return ids
}

// spokenWords are few, so that calls have them in common, and written in many ways.
var spokenWords = rapid.SampledFrom([]string{"refund", "Refund,", "refunds", "the", "THE", "contract", "Crème", "creme", "my", "a", "電話", "x'); DROP--", "AND", "NOT", "4711", "\u202e", "O'Neill", "\x00"})

// A model of the index: what each recording says, as far as it was told.
type indexModel struct {
	texts   map[int64]string // of the transcripts that recordings have
	indexed map[int64]string
	erased  map[int64]bool
}

// Whatever is said, indexed, transcribed anew and erased, the manifest finds just what a
// look at all texts would, in order.
func wordsFindWhatWasSaid(t *testing.T, places Places) {
	rapid.Check(t, func(rt *rapid.T) {
		m, err := places(t).Open(t.Context(), nil)
		if err != nil {
			rt.Fatal(err)
		}
		defer m.Close()
		var all []vbc.Recording
		for id := range int64(rapid.IntRange(1, 12).Draw(rt, "recordings")) {
			r := recording(id+1, day.Add(time.Duration(rapid.IntRange(-3, 3).Draw(rt, "half seconds"))*500*time.Millisecond))
			all = append(all, r)
		}
		add(t, m, 1, all...)
		model := indexModel{map[int64]string{}, map[int64]string{}, map[int64]bool{}}
		for range rapid.IntRange(1, 25).Draw(rt, "steps") {
			model.step(rt, t, m, rapid.SampledFrom(all).Draw(rt, "recording"))
		}
		model.compare(rt, t, m, all)
		if findings, err := m.Check(t.Context()); err != nil || len(findings) > 0 {
			rt.Errorf("%q, %v", findings, err)
		}
	})
}

func anySpeech(t *rapid.T) string {
	return strings.Join(rapid.SliceOfN(spokenWords, 0, 6).Draw(t, "said"), " ")
}

func (w *indexModel) step(rt *rapid.T, t *testing.T, m Manifest, r vbc.Recording) {
	if w.erased[r.ID] {
		return
	}
	switch rapid.IntRange(0, 5).Draw(rt, "step") {
	case 0, 1:
		text := anySpeech(rt)
		if has, ok := w.texts[r.ID]; !ok || has != text {
			transcribed(t, m, r, text)
			delete(w.indexed, r.ID)
			w.texts[r.ID] = text
		}
	case 2, 3, 4:
		var batch []manifest.Spoken
		for _, row := range unindexed(t, m) {
			text, ok := w.texts[row.ID]
			if _, done := w.indexed[row.ID]; !ok || done || w.erased[row.ID] {
				rt.Errorf("%s is to be indexed", row.Recording)
			}
			batch = append(batch, manifest.Spoken{Row: row, Text: text})
		}
		for i, s := range batch[:rapid.IntRange(0, len(batch)).Draw(rt, "of them")] {
			if i > 0 && rapid.Bool().Draw(rt, "by itself") {
				must(t, m.Index(t.Context(), s))
			} else {
				must(t, m.Index(t.Context(), batch[:i+1]...)) // some of them once more
			}
			w.indexed[s.Row.ID] = s.Text
		}
	case 5:
		if _, ok := w.texts[r.ID]; !ok {
			return
		}
		c := copyOf(r)
		c.Transcript = transcript(w.texts[r.ID])
		must(t, m.Purging(t.Context(), r, c, intentOf(r), false))
		take(t, m, r, manifest.StepPurged, manifest.StepErasing)
		if rapid.Bool().Draw(rt, "erased") {
			take(t, m, r, manifest.StepErased)
		}
		w.erased[r.ID] = true
		delete(w.indexed, r.ID)
	}
}

// compare asks for something, in all ways.
func (w *indexModel) compare(rt *rapid.T, t *testing.T, m Manifest, all []vbc.Recording) {
	lacks := 0
	for id := range w.texts {
		if _, ok := w.indexed[id]; !ok && !w.erased[id] {
			lacks++
		}
	}
	if has, left, err := m.Indexed(t.Context()); err != nil || has != int64(len(w.indexed)) || left != int64(lacks) {
		rt.Errorf("%d indexed, %d not, %v; want %d and %d", has, left, err, len(w.indexed), lacks)
	}
	for range 4 {
		q := manifest.Query{Words: anySpeech(rt), OldestFirst: rapid.Bool().Draw(rt, "oldest first"), Limit: rapid.SampledFrom([]int{0, 0, 1, 3}).Draw(rt, "limit")}
		if rapid.Bool().Draw(rt, "phrase") {
			q.Words = `"` + q.Words + `"`
		} else if rapid.Bool().Draw(rt, "prefix") {
			q.Words += " refun*"
		}
		if rapid.Bool().Draw(rt, "since") {
			q.Since = day.Add(time.Duration(rapid.IntRange(-1500, 1500).Draw(rt, "ms")) * time.Millisecond)
		}
		if rapid.Bool().Draw(rt, "until") {
			q.Until = day.Add(time.Duration(rapid.IntRange(-1500, 1500).Draw(rt, "ms")) * time.Millisecond)
		}
		if rapid.IntRange(0, 3).Draw(rt, "ids?") == 0 {
			q.IDs = rapid.SliceOfN(rapid.Int64Range(1, 12), 1, 5).Draw(rt, "ids")
		}
		asked, err := said.Parse(q.Words)
		if refused, isRefused := errors.AsType[*said.Error](err); isRefused {
			for _, err = range m.Search(t.Context(), q) {
				if !errors.Is(err, refused) && err.Error() != refused.Error() {
					rt.Errorf("%q: %v, want %v", q.Words, err, refused)
				}
			}
			continue
		}
		if len(asked.Terms) == 0 {
			continue
		}
		var want []int64
		for _, row := range allOf(rt, m) {
			if text, ok := w.indexed[row.ID]; ok && asked.Matches(text) && q.Matches(row) {
				want = append(want, row.ID)
			}
		}
		if _, total, err := m.Count(t.Context(), q, manifest.ByState, time.UTC); err != nil || total.Recordings != int64(len(want)) {
			rt.Errorf("%+v: counted %d, %v, want %d", q, total.Recordings, err, len(want))
		}
		if !q.OldestFirst {
			slices.Reverse(want)
		}
		if q.Limit > 0 {
			want = want[:min(len(want), q.Limit)]
		}
		if got := sought(t, m, q); !slices.Equal(got, want) {
			rt.Errorf("%+v finds %v, want %v", q, got, want)
		}
	}
}

// More than a page of one second is found in order, too, and once each.
func crowdedSecond(t *testing.T, places Places) {
	p := places(t)
	var want []int64
	err := p.Create(t.Context(), func(m Fillable) error {
		err := m.Bind(t.Context(), manifest.Binding{Account: account})
		for id := range int64(700) {
			at := day
			switch id {
			case 0:
				at = day.Add(-time.Second)
			case 699:
				at = day.Add(time.Second)
			}
			r := recording(id+1, at)
			c := copyOf(r)
			c.Transcript = transcript("hello")
			err = errors.Join(err, m.Put(t.Context(), manifest.Row{Recording: r, State: manifest.Purged, Copy: c}))
			want = append(want, id+1)
		}
		return err
	})
	must(t, err)
	m := open(t, p, nil)
	var batch []manifest.Spoken
	for _, row := range unindexed(t, m) {
		batch = append(batch, manifest.Spoken{Row: row, Text: "hello"})
	}
	must(t, m.Index(t.Context(), batch...))
	if got := sought(t, m, manifest.Query{Words: "hello", OldestFirst: true}); !slices.Equal(got, want) {
		t.Errorf("found %d: %v", len(got), got)
	}
	slices.Reverse(want)
	if got := sought(t, m, manifest.Query{Words: "hello"}); !slices.Equal(got, want) {
		t.Errorf("found %d: %v", len(got), got)
	}
}

// What is indexed beside a run is that of the transcript that was read. One that can't be
// read waits, until there is another.
func indexedBeside(t *testing.T, places Places) {
	m, p := bound(t, places)
	r, other := recording(1, day), recording(2, day)
	add(t, m, 1, r, other)
	transcribed(t, m, r, "old")
	transcribed(t, m, other, "other")
	beside, err := p.Beside(t.Context())
	must(t, err)
	defer beside.Close()
	rows := unindexed(t, beside)
	if len(rows) != 2 || rows[0].ID != 2 {
		t.Fatalf("%d are to be indexed", len(rows))
	}
	must(t, m.Transcribed(t.Context(), r, transcript("new")))
	must(t, beside.Index(t.Context(), manifest.Spoken{Row: rows[1], Text: "old"}))
	if got := sought(t, m, manifest.Query{Words: "old"}); len(got) > 0 {
		t.Error("a text is found that the recording has no more")
	}
	must(t, beside.PutOff(t.Context(), rows[0], day.Add(time.Hour)))
	must(t, beside.PutOff(t.Context(), rows[1], day.Add(time.Hour))) // it was about the old text
	if rows = unindexed(t, beside); len(rows) != 1 || rows[0].ID != 1 || rows[0].Copy.Transcript.SHA256 != transcript("new").SHA256 {
		t.Errorf("%+v are to be indexed", rows)
	}
	for r, err := range beside.Unindexed(t.Context(), day.Add(time.Hour)) {
		if must(t, err); r.ID == 2 {
			rows = append(rows, r)
		}
	}
	if len(rows) != 2 {
		t.Error("what was put off isn't to be indexed when it is time")
	}
	must(t, m.Transcribed(t.Context(), other, transcript("another")))
	if rows = unindexed(t, beside); len(rows) != 2 {
		t.Errorf("%d are to be indexed, want both", len(rows))
	}
	// Proving it once more changes nothing of what it says.
	must(t, beside.Index(t.Context(), manifest.Spoken{Row: rows[1], Text: "new"}))
	c := copyOf(r)
	c.Transcript = transcript("new")
	c.Transcript.Proof = storage.ProofRead
	must(t, m.Verified(t.Context(), r, c, day, true))
	if rows = unindexed(t, beside); len(rows) != 1 || fmt.Sprint(sought(t, m, manifest.Query{Words: "NEW"})) != "[1]" {
		t.Errorf("%d are to be indexed after a proof", len(rows))
	}
	// And neither do steps that say nothing of the transcript.
	must(t, m.Purging(t.Context(), r, c, intentOf(r), false))
	must(t, m.Purged(t.Context(), r, outcomeOf(r, receipt.Deleted)))
	if got := sought(t, m, manifest.Query{Words: "new", States: []manifest.State{manifest.Purged}}); len(got) != 1 {
		t.Errorf("found %v", got)
	}
}
