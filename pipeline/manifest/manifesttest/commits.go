package manifesttest

import (
	"errors"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/vbc"
)

// What a manifest is bound to it stays bound to.
func bindingHolds(t *testing.T, places Places) {
	m, p := bound(t, places)
	for _, b := range []manifest.Binding{{Account: "1"}, {Account: "self"}} {
		if err := m.Bind(t.Context(), b); err == nil {
			t.Errorf("bound to %+v as well", b)
		}
	}
	must(t, m.Bind(t.Context(), manifest.Binding{Account: account, Destination: "d"}))
	_, other := errors.AsType[*manifest.BoundError](m.Bind(t.Context(), manifest.Binding{Destination: "e"}))
	if !other {
		t.Error("bound to another destination as well")
	}
	must(t, m.Bind(t.Context(), manifest.Binding{Identity: "i"}))
	must(t, m.Moved(t.Context(), "j"))
	must(t, m.Close())
	m = open(t, p, nil)
	if b, err := m.Binding(t.Context()); err != nil || b != (manifest.Binding{Account: account, Destination: "d", Identity: "j"}) {
		t.Errorf("%+v, %v", b, err)
	}
}

// What was reported as done is there after reopening, in full.
func rowsSurviveReopening(t *testing.T, places Places) {
	m, p := bound(t, places)
	r := recording(1, day)
	add(t, m, 7, r)
	take(t, m, r, manifest.StepStored, manifest.StepPurging)
	before := state(t, m, 1)
	if !before.Copy.ArchivedAt.Equal(day) || before.SeenRun != 7 || before.Account != account {
		t.Errorf("%+v", before)
	}
	must(t, m.Close())
	m = open(t, p, nil)
	if diff := cmp.Diff(before, state(t, m, 1)); diff != "" {
		t.Error(diff)
	}
	n := 0
	for line, err := range m.Receipts(t.Context(), 0) {
		must(t, err)
		if e := entry(t, line); e.Type != receipt.Intent || e.ID != 1 || !e.Verified.Equal(day) {
			t.Errorf("%+v", e)
		}
		n++
	}
	if n != 1 {
		t.Errorf("%d receipts", n)
	}
}

// Many write at once; one that is refused takes back its own change only.
func oneOfManyFailsAlone(t *testing.T, places Places) {
	m := fresh(t, places)
	var wg sync.WaitGroup
	for i := range int64(200) {
		wg.Go(func() {
			r := recording(1+i, day)
			if _, err := m.Add(t.Context(), 1, []vbc.Recording{r}); err != nil {
				t.Error(err)
			}
			err := m.Purged(t.Context(), r, outcomeOf(r, receipt.Deleted)) // not from listed
			if _, ok := errors.AsType[*manifest.StateError](err); !ok {
				t.Errorf("%v; want a StateError", err)
			}
			if err := m.Stored(t.Context(), r, copyOf(r)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	tallies, err := m.Tallies(t.Context())
	if err != nil || len(tallies) != 1 || tallies[0].State != manifest.Stored || tallies[0].Recordings != 200 || tallies[0].Bytes != 200*1000 {
		t.Errorf("%+v, %v", tallies, err)
	}
	if c, err := m.Chain(t.Context()); err != nil || c.Last != 0 {
		t.Errorf("refused steps have left %d receipts, %v", c.Last, err)
	}
}
