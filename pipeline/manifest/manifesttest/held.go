package manifesttest

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
)

// What is put under a hold gets no intent.
func nothingHeldIsBegun(t *testing.T, places Places) {
	m := fresh(t, places)
	r := recording(1, day)
	add(t, m, 1, r)
	take(t, m, r, manifest.StepStored)
	h := hold(t, m, 1)
	err := stepsOf(m, r)[manifest.StepPurging](t.Context())
	if held, ok := errors.AsType[*manifest.HeldError](err); !ok || held.Number != h.Number || state(t, m, 1).State != manifest.Stored {
		t.Errorf("begun: %v", err)
	}
	if c, err := m.Chain(t.Context()); err != nil || c.Last != 0 {
		t.Errorf("the chain has %d entries, %v", c.Last, err)
	}
	if _, ok := errors.AsType[*manifest.HeldError](m.Deletable(t.Context(), r)); !ok {
		t.Error("it is not held afterwards")
	}
	_, err = m.RemoveHold(t.Context(), h.Number, "over", "who")
	must(t, err)
	if _, err := m.RemoveHold(t.Context(), h.Number, "over", "who"); !errors.Is(err, manifest.ErrNoHold) {
		t.Errorf("removed twice: %v", err)
	}
	must(t, m.Deletable(t.Context(), r))
	take(t, m, r, manifest.StepPurging)
	if n, err := m.UnderWay(t.Context(), h); err != nil || n != 1 {
		t.Errorf("%d deletions are under way, %v", n, err)
	}
}

// What is under a hold at the very moment isn't begun to be erased.
func nothingHeldIsErased(t *testing.T, places Places) {
	m := fresh(t, places)
	r := recording(1, day)
	add(t, m, 1, r)
	take(t, m, r, manifest.StepStored, manifest.StepPurging, manifest.StepPurged)
	hold(t, m, 1)
	err := stepsOf(m, r)[manifest.StepErasing](t.Context())
	if _, held := errors.AsType[*manifest.HeldError](err); !held {
		t.Errorf("begun: %v", err)
	}
	if c, err := m.Chain(t.Context()); err != nil || c.Last != 2 {
		t.Errorf("the chain has %d entries, %v", c.Last, err)
	}
}

func hold(t testing.TB, m Manifest, ids ...int64) manifest.Hold {
	t.Helper()
	h, err := m.AddHold(t.Context(), manifest.Hold{IDs: ids, Reason: "why", By: "who"})
	must(t, err)
	return h
}

// Once AddHold has returned, no intent of what it covers is committed any more,
// whoever has made the hold, and however long the purge has been on its way.
func noIntentAfterAHold(t *testing.T, places Places) {
	const rounds = 40
	p := places(t)
	var holds atomic.Bool // AddHold has returned
	var late atomic.Bool  // a commit was begun after that
	m := open(t, p, func(commit func() error) error {
		if holds.Load() {
			late.Store(true)
		}
		return commit()
	})
	must(t, m.Bind(t.Context(), manifest.Binding{Account: account}))
	beside, err := p.Beside(t.Context())
	must(t, err)
	defer beside.Close()
	before, after := 0, 0
	for id := int64(1); id <= rounds; id++ {
		r := recording(id, day)
		add(t, m, 1, r)
		take(t, m, r, manifest.StepStored)
		holds.Store(false)
		late.Store(false)
		var wg sync.WaitGroup
		start := make(chan struct{})
		var purging error
		wg.Go(func() {
			<-start
			purging = stepsOf(m, r)[manifest.StepPurging](t.Context())
		})
		wg.Go(func() {
			<-start
			if _, err := beside.AddHold(t.Context(), manifest.Hold{IDs: []int64{id}, Reason: "why", By: "who"}); err != nil {
				t.Error(err)
			}
			holds.Store(true)
		})
		close(start)
		wg.Wait()
		_, held := errors.AsType[*manifest.HeldError](purging)
		switch {
		case purging == nil && late.Load():
			t.Fatalf("an intent was committed after a hold had been made")
		case purging == nil:
			before++
		case held:
			after++
		default:
			t.Fatal(purging)
		}
		if is := state(t, m, id).State; is == manifest.Purging != (purging == nil) {
			t.Fatalf("it is %s: %v", is, purging)
		}
	}
	t.Logf("%d purges came before the hold, %d after it", before, after)
}

// What is done about a hold gets one entry in the chain, and lies beside the
// archive, once each.
func holdsAreNotedAndStoredOnce(t *testing.T, places Places) {
	m := fresh(t, places)
	h := hold(t, m, 7)
	for range 2 {
		must(t, m.NoteHolds(t.Context(), 1))
	}
	unstored := func(want ...bool) []manifest.HoldText {
		t.Helper()
		texts, err := m.UnstoredHolds(t.Context())
		must(t, err)
		settled, err := m.HoldsSettled(t.Context())
		if err != nil || len(texts) != len(want) || settled != (len(want) == 0) {
			t.Fatalf("%+v are to be stored, settled: %v, %v", texts, settled, err)
		}
		for i, text := range texts {
			if text.Ended != want[i] || text.Hold != h.Digest || !text.Check() {
				t.Errorf("%+v", text)
			}
		}
		return texts
	}
	must(t, m.HoldStored(t.Context(), unstored(false)[0]))
	unstored()
	_, err := m.RemoveHold(t.Context(), h.Number, "over", "who")
	must(t, err)
	for range 2 {
		must(t, m.NoteHolds(t.Context(), 2))
	}
	must(t, m.HoldStored(t.Context(), unstored(true)[0]))
	unstored()
	var types []receipt.Type
	for line, err := range m.Receipts(t.Context(), 0) {
		must(t, err)
		types = append(types, entry(t, line).Type)
	}
	if len(types) != 2 || types[0] != receipt.Held || types[1] != receipt.Released {
		t.Errorf("%v", types)
	}
}

// What an archive says of holds is taken over; where it can't be read, all is held.
func holdOfTheArchive(t *testing.T, places Places) {
	from, m := fresh(t, places), fresh(t, places)
	h := hold(t, from, 7)
	made, err := from.UnstoredHolds(t.Context())
	must(t, err)
	_, err = from.RemoveHold(t.Context(), h.Number, "over", "who")
	must(t, err)
	both, err := from.UnstoredHolds(t.Context())
	must(t, err)
	r := recording(8, day)
	covers := func(want bool) {
		t.Helper()
		if _, held := errors.AsType[*manifest.HeldError](m.Deletable(t.Context(), r)); held != want {
			t.Errorf("held: %v, want %v", held, want)
		}
	}
	must(t, m.LearnHold(t.Context(), manifest.HoldText{Hold: storage.SumOf(made[0].Text), Text: []byte("torn")}))
	covers(true)
	must(t, m.LearnHold(t.Context(), made[0])) // and now it can be read
	covers(false)
	r.ID = 7
	covers(true)
	must(t, m.LearnHold(t.Context(), manifest.HoldText{Hold: h.Digest, Ended: true, Text: []byte("torn")}))
	covers(true)
	must(t, m.Release(t.Context(), h.Digest, storage.SumOf(both[1].Text)))
	must(t, m.LearnHold(t.Context(), both[1]))
	covers(false)
	if all, err := m.Holds(t.Context()); err != nil || len(all) != 1 || all[0].Removed == nil || all[0].Digest != h.Digest {
		t.Errorf("%+v, %v", all, err)
	}
}
