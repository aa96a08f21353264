package manifesttest

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// stepsOf are all steps that a recording can take.
func stepsOf(m Manifest, r vbc.Recording) map[manifest.Step]func(context.Context) error {
	c, found := copyOf(r), outcomeOf(r, receipt.NotThere)
	found.Verified = day
	return map[manifest.Step]func(context.Context) error{
		manifest.StepStored:      func(ctx context.Context) error { return m.Stored(ctx, r, c) },
		manifest.StepStoredAlike: func(ctx context.Context) error { return m.StoredAlike(ctx, r, c) },
		manifest.StepTranscribed: func(ctx context.Context) error { return m.Transcribed(ctx, r, object("t")) },
		manifest.StepVerified:    func(ctx context.Context) error { return m.Verified(ctx, r, c, day, true) },
		manifest.StepRelist:      func(ctx context.Context) error { return m.Relist(ctx, r) },
		manifest.StepPurging:     func(ctx context.Context) error { return m.Purging(ctx, r, c, intentOf(r), false) },
		manifest.StepPurged:      func(ctx context.Context) error { return m.Purged(ctx, r, outcomeOf(r, receipt.Deleted)) },
		manifest.StepWithdrawn:   func(ctx context.Context) error { return m.Withdrawn(ctx, r, outcomeOf(r, receipt.NotSent)) },
		manifest.StepNotPurged:   func(ctx context.Context) error { return m.NotPurged(ctx, r, outcomeOf(r, receipt.StillThere)) },
		manifest.StepFound:       func(ctx context.Context) error { return m.Found(ctx, r, c, found) },
		manifest.StepFailed: func(ctx context.Context) error {
			return m.Failed(ctx, r, 1, manifest.Failure{Code: "size", Reason: "why", Permanent: true})
		},
		manifest.StepGone:    func(ctx context.Context) error { return m.Gone(ctx, r) },
		manifest.StepErasing: func(ctx context.Context) error { return m.Erasing(ctx, r, erasureOf(r, receipt.Erasing)) },
		manifest.StepErased:  func(ctx context.Context) error { return m.Erased(ctx, r, erasureOf(r, receipt.Erased)) },
	}
}

// receipts are the entries that steps add to the chain.
var receipts = map[manifest.Step]receipt.Type{
	manifest.StepPurging: receipt.Intent, manifest.StepPurged: receipt.Result, manifest.StepWithdrawn: receipt.Result, manifest.StepNotPurged: receipt.Result,
	manifest.StepFound: receipt.Result, manifest.StepErasing: receipt.Erasing, manifest.StepErased: receipt.Erased,
}

// take takes steps one after the other.
func take(t testing.TB, m Manifest, r vbc.Recording, steps ...manifest.Step) {
	t.Helper()
	for _, s := range steps {
		if err := stepsOf(m, r)[s](t.Context()); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// paths are the shortest ways from listed to each state.
func paths() map[manifest.State][]manifest.Step {
	all := map[manifest.State][]manifest.Step{manifest.Listed: {}}
	for next := []manifest.State{manifest.Listed}; len(next) > 0; next = next[1:] {
		for _, s := range manifest.AllSteps() {
			to, ok := s.Leads(next[0])
			if _, known := all[to]; ok && !known {
				all[to] = append(slices.Clone(all[next[0]]), s)
				next = append(next, to)
			}
		}
	}
	return all
}

// Every step from every state leads where the contract says, and is refused, and
// changes nothing, where it says nothing.
func everyStepFromEveryState(t *testing.T, places Places) {
	m := fresh(t, places)
	if steps := slices.Sorted(maps.Keys(stepsOf(m, vbc.Recording{}))); !slices.Equal(steps, manifest.AllSteps()) {
		t.Fatalf("%v are tried, and there are %v", steps, manifest.AllSteps())
	}
	ways := paths()
	if states := slices.Collect(maps.Keys(ways)); len(states) != len(manifest.States()) {
		t.Fatalf("steps lead to %v only", states)
	}
	var all []vbc.Recording
	want := map[int64]string{} // receipts by recording
	var wg sync.WaitGroup
	for from, way := range ways {
		for _, s := range manifest.AllSteps() {
			r := recording(int64(len(all)+1), day)
			all = append(all, r)
			add(t, m, 1, r)
			steps := way
			if _, ok := s.Leads(from); ok {
				steps = append(slices.Clone(way), s)
			}
			for _, s := range steps {
				want[r.ID] += string(receipts[s]) + " "
			}
			wg.Go(func() { try(t, m, r, way, from, s) })
		}
	}
	wg.Wait()
	got, c := map[int64]string{}, receipt.Chain{}
	for line, err := range m.Receipts(t.Context(), 0) {
		must(t, err)
		e, err := c.Next(line)
		must(t, err)
		got[e.ID] += string(e.Type) + " "
	}
	for _, r := range all {
		if !slices.Equal(strings.Fields(got[r.ID]), strings.Fields(want[r.ID])) {
			t.Errorf("recording %d has the receipts %q, want %q", r.ID, got[r.ID], want[r.ID])
		}
	}
	// That a purge hasn't taken place says nothing of a copy that never was proven.
	unproven := func(finding string) bool { return strings.Contains(finding, "without a verified copy") }
	if findings, err := m.Check(t.Context()); err != nil || slices.ContainsFunc(findings, func(f string) bool { return !unproven(f) }) {
		t.Errorf("%q, %v", findings, err)
	}
}

// try takes one step from a state, to which a way leads.
func try(t *testing.T, m Manifest, r vbc.Recording, way []manifest.Step, from manifest.State, s manifest.Step) {
	for _, step := range way {
		if err := stepsOf(m, r)[step](t.Context()); err != nil {
			t.Errorf("on the way to %s, %s: %v", from, step, err)
			return
		}
	}
	before, err := m.Row(t.Context(), r.Key(), r.Nth)
	if err != nil || before.State != from {
		t.Errorf("%v lead to %s, %v; want %s", way, before.State, err, from)
	}
	err = stepsOf(m, r)[s](t.Context())
	after, e := m.Row(t.Context(), r.Key(), r.Nth)
	if e != nil {
		t.Error(e)
	}
	to, ok := s.Leads(from)
	if _, refused := errors.AsType[*manifest.StateError](err); ok && err != nil || !ok && !refused {
		t.Errorf("%s from %s: %v; allowed is %v", s, from, err, ok)
	}
	if ok && after.State != to {
		t.Errorf("%s leads from %s to %s, want %s", s, from, after.State, to)
	}
	if d := cmp.Diff(before, after); !ok && d != "" {
		t.Errorf("%s is refused from %s, and changes it: %s", s, from, d)
	}
}

// What isn't known, or is another one under the same id, takes no step.
func whatIsUnknownTakesNoStep(t *testing.T, places Places) {
	m := fresh(t, places)
	add(t, m, 1, recording(1, day))
	second := recording(1, day)
	second.Nth = 1
	ofUser := recording(1, day)
	ofUser.Kind, ofUser.Owner = vbc.OnDemand, "7"
	before := state(t, m, 1)
	for _, r := range []vbc.Recording{recording(2, day), second, ofUser} {
		for s, take := range stepsOf(m, r) {
			if _, refused := errors.AsType[*manifest.StateError](take(t.Context())); !refused {
				t.Errorf("%s of %s, Nth %d, isn't refused", s, r, r.Nth)
			}
		}
		if _, err := m.Row(t.Context(), r.Key(), r.Nth); !errors.Is(err, manifest.ErrUnknown) {
			t.Errorf("%s, Nth %d: %v", r, r.Nth, err)
		}
	}
	if d := cmp.Diff(before, state(t, m, 1)); d != "" {
		t.Error(d)
	}
	if c, err := m.Chain(t.Context()); err != nil || c.Last != 0 {
		t.Errorf("a refused step has left %d receipts, %v", c.Last, err)
	}
	if _, err := m.Get(t.Context(), key(9)); !errors.Is(err, manifest.ErrUnknown) {
		t.Errorf("%v", err)
	}
}

// Of an erased recording the manifest knows id, start, size and digests, and
// nothing about the call.
func erasedKeepsIDsAndDigests(t *testing.T, places Places) {
	m := fresh(t, places)
	r := call(1, day, 1000, "a-call", "17325550199.mp3")
	for _, filter := range []string{"", "caller_id=sha256%3A0011223344556677"} {
		_, err := m.BeginRun(t.Context(), manifest.RunOptions{Cutoff: day, Filter: filter})
		must(t, err)
	}
	add(t, m, 1, r)
	take(t, m, r, manifest.StepStored, manifest.StepPurging, manifest.StepPurged, manifest.StepErasing, manifest.StepErased)
	if runs, err := m.Runs(t.Context(), 2); err != nil || runs[0].Options.Filter != "erased" || runs[1].Options.Filter != "" {
		t.Errorf("runs have the filters %q and %q, %v", runs[0].Options.Filter, runs[1].Options.Filter, err)
	}
	row := state(t, m, 1)
	c := copyOf(r)
	if row.ID != r.ID || !row.Start.Equal(r.Start) || row.Size != r.Size || row.Copy.Audio.Content != c.Audio.Content || row.Copy.Sidecar.Content != c.Sidecar.Content {
		t.Errorf("%+v", row)
	}
	if want := string(manifest.Bare(1, r.Start, r.Size)); string(row.Raw) != want || !row.Copy.ArchivedAt.IsZero() {
		t.Errorf("%s, want %s", row.Raw, want)
	}
	must(t, m.Scrub(t.Context()))
	if d := cmp.Diff(row, state(t, m, 1)); d != "" {
		t.Errorf("scrubbing changes what is known: %s", d)
	}
}

// A DELETE that wasn't sent leaves the recording as it was before its intent.
func withdrawn(t *testing.T, places Places) {
	m := fresh(t, places)
	r := recording(1, day)
	add(t, m, 1, r)
	take(t, m, r, manifest.StepStored, manifest.StepVerified)
	before := state(t, m, 1)
	take(t, m, r, manifest.StepPurging, manifest.StepWithdrawn)
	if d := cmp.Diff(before, state(t, m, 1)); d != "" {
		t.Error(d)
	}
}

// What a reading has refuted stays so until a reading, and nothing else, proves it.
func refutedUntilRead(t *testing.T, places Places) {
	m := fresh(t, places)
	r := recording(1, day)
	add(t, m, 1, r)
	take(t, m, r, manifest.StepStored, manifest.StepVerified)
	must(t, m.Doubt(t.Context(), r))
	if row := state(t, m, 1); !row.Refuted || row.State != manifest.Stored || row.Copy.ArchivedAt.IsZero() {
		t.Fatalf("%+v", row)
	}
	c := copyOf(r)
	c.Audio.Proof, c.Sidecar.Proof = "checksum", storage.ProofRead
	if err := m.Verified(t.Context(), r, c, day, true); err != nil || !state(t, m, 1).Refuted {
		t.Errorf("a checksum that the store remembers has proven it, %v", err)
	}
	c.Audio.Proof = storage.ProofRead
	if err := m.Verified(t.Context(), r, c, day, true); err != nil || state(t, m, 1).Refuted {
		t.Errorf("reading it hasn't proven it, %v", err)
	}
	must(t, m.Doubt(t.Context(), r)) // by somebody else, after it was read
	_, isRefuted := errors.AsType[*manifest.RefutedError](m.Purging(t.Context(), r, c, intentOf(r), false))
	if row := state(t, m, 1); !isRefuted || !row.Refuted || row.State == manifest.Purging {
		t.Errorf("it is purged on what was read before, or the doubt is gone: %+v", row)
	}
	if err := m.Relist(t.Context(), r); err != nil || !state(t, m, 1).Refuted {
		t.Errorf("what lies under its key is trusted again, %v", err)
	}
	must(t, m.Damaged(t.Context(), r, "it is missing"))
	if all, err := m.DamagedCopies(t.Context(), 9); err != nil || len(all) != 1 || all[0].Damaged != "it is missing" {
		t.Errorf("%+v, %v", all, err)
	}
	must(t, m.Damaged(t.Context(), r, ""))
	if all, err := m.DamagedCopies(t.Context(), 9); err != nil || len(all) != 0 {
		t.Errorf("%+v, %v", all, err)
	}
}

// An acknowledged failure is known as long as it is the same, and is shown behind
// the news.
func acknowledged(t *testing.T, places Places) {
	m := fresh(t, places)
	a, b := recording(1, day), recording(2, day)
	add(t, m, 1, a, b)
	take(t, m, b, manifest.StepFailed)
	take(t, m, a, manifest.StepFailed)
	must(t, m.Acknowledge(t.Context(), a, "a ticket"))
	all, err := m.Failures(t.Context(), 9)
	if err != nil || len(all) != 2 || all[0].ID != 2 || !all[1].Failure.Known("size", "another text") || all[0].Failure.Known("size", "why") {
		t.Errorf("%+v, %v", all, err)
	}
	must(t, m.Failed(t.Context(), a, 2, manifest.Failure{Code: "other", Reason: "why"}))
	if f := state(t, m, 1).Failure; f.Known(f.Code, f.Reason) || f.Attempts != 2 || f.Permanent {
		t.Errorf("%+v: another code is news", f)
	}
	take(t, m, a, manifest.StepStored, manifest.StepVerified)
	if f := state(t, m, 1).Failure; f.Reason != "" || f.Attempts != 0 || f.Acknowledged != "" {
		t.Errorf("%+v: it has been done since", f)
	}
}
