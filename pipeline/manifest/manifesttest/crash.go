package manifesttest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// deed is one change.
type deed struct {
	name string
	do   func(ctx context.Context, m Manifest) error
}

// deeds are a life of four recordings, and whatever else is written down meanwhile.
func deeds() []deed {
	a, b, c, d := recording(1, day), recording(2, day.Add(time.Hour)), recording(3, day.AddDate(0, 1, 0)), recording(4, day.AddDate(0, 2, 0))
	step := func(r vbc.Recording, s manifest.Step) deed {
		return deed{fmt.Sprint(s, " ", r.ID), func(ctx context.Context, m Manifest) error { return stepsOf(m, r)[s](ctx) }}
	}
	month := func(ctx context.Context, m Manifest) error {
		at, err := m.MonthOf(ctx, c.Start)
		return errors.Join(err, m.Catalogued(ctx, at))
	}
	return []deed{
		{"BeginRun", func(ctx context.Context, m Manifest) error {
			_, err := m.BeginRun(ctx, manifest.RunOptions{Account: account})
			return err
		}},
		{"Add", func(ctx context.Context, m Manifest) error {
			_, err := m.Add(ctx, 1, []vbc.Recording{a, b, c, d})
			return err
		}},
		{"SetMark", func(ctx context.Context, m Manifest) error {
			return m.SetMark(ctx, vbc.Company, "", "", manifest.Mark{Until: day})
		}},
		{"SetTroubles", func(ctx context.Context, m Manifest) error {
			return m.SetTroubles(ctx, 1, manifest.Trouble{Kind: vbc.Company, Code: manifest.NotShown}, manifest.Trouble{Code: manifest.NoUsers})
		}},
		step(a, manifest.StepStored),
		{"UploadBegun", func(ctx context.Context, m Manifest) error { return m.UploadBegun(ctx, "k", "1") }},
		step(a, manifest.StepTranscribed), step(a, manifest.StepVerified), step(b, manifest.StepStored), step(c, manifest.StepFailed), step(a, manifest.StepPurging),
		{"Refuse", func(ctx context.Context, m Manifest) error { return m.Refuse(ctx, manifest.Refused{Put: object("x")}) }},
		{"AddHold", func(ctx context.Context, m Manifest) error {
			_, err := m.AddHold(ctx, manifest.Hold{IDs: []int64{4}, Reason: "why", By: "who"})
			return err
		}},
		step(a, manifest.StepPurged),
		{"Catalogued", month},
		{"NoteHolds", func(ctx context.Context, m Manifest) error { return m.NoteHolds(ctx, 1) }},
		{"Relist", func(ctx context.Context, m Manifest) error {
			return m.Relist(ctx, b, manifest.Refused{Put: copyOf(b).Audio, Proven: true})
		}},
		step(b, manifest.StepFound), step(d, manifest.StepGone),
		{"StillListed", func(ctx context.Context, m Manifest) error {
			_, err := m.StillListed(ctx, 1, []vbc.Recording{a, b})
			return err
		}},
		step(a, manifest.StepPurging), step(a, manifest.StepPurged), step(a, manifest.StepErasing), step(a, manifest.StepErased),
		{"ErasingFound", func(ctx context.Context, m Manifest) error {
			return m.ErasingFound(ctx, &manifest.Row{Recording: a, Copy: copyOf(a)}, erasureOf(a, receipt.Erasing))
		}},
		{"Comparing", func(ctx context.Context, m Manifest) error { return m.Comparing(ctx, c) }},
		{"VouchForAll", func(ctx context.Context, m Manifest) error {
			_, err := m.VouchForAll(ctx)
			return err
		}},
		{"SetReceiptsStored", func(ctx context.Context, m Manifest) error {
			return m.SetReceiptsStored(ctx, treeOf(3), []byte("signed"))
		}},
		{"RemoveHold", func(ctx context.Context, m Manifest) error {
			_, err := m.RemoveHold(ctx, 1, "over", "who")
			return err
		}},
		{"AddListening", func(ctx context.Context, m Manifest) error {
			l := listening(b, "eve")
			l.Session = "s" // whoever doesn't know whether it was committed says it again
			_, err := m.AddListening(ctx, l)
			return err
		}},
		{"NoteListenings", func(ctx context.Context, m Manifest) error { return m.NoteListenings(ctx, 1) }},
		{"ListeningsStored", func(ctx context.Context, m Manifest) error {
			return m.ListeningsStored(ctx, manifest.ListeningBundle{First: 1, Last: 99})
		}},
		{"ShareHold", func(ctx context.Context, m Manifest) error {
			text := []byte(`{"nonce":"n","ids":[4],"reason":"why","by":"who","at":"2026-05-12T10:15:00Z"}`)
			return m.ShareHold(ctx, manifest.HoldText{Hold: storage.SumOf(text), Text: text})
		}},
		{"SetExport", func(ctx context.Context, m Manifest) error {
			return m.SetExport(ctx, vbc.Company, "", manifest.Export{Job: "j"})
		}},
		{"Listed", func(ctx context.Context, m Manifest) error {
			return m.Listed(ctx, 2, manifest.Trouble{Kind: vbc.Company, Ends: day})
		}},
		{"EndRun", func(ctx context.Context, m Manifest) error {
			m.UploadEnded("k", "1")
			return m.EndRun(ctx, 1, struct{}{})
		}},
	}
}

// told is all that a manifest says, save the times of its own clock.
func told(t testing.TB, m Manifest) []string {
	t.Helper()
	var all []string
	say := func(what string, v any, err error) {
		t.Helper()
		must(t, err)
		text, err := json.Marshal(v)
		must(t, err)
		all = append(all, what+" "+string(text))
	}
	for row, err := range m.InOrder(t.Context()) {
		row.Failure.At = time.Time{}
		say("row", row, err)
	}
	for line, err := range m.Receipts(t.Context(), 0) {
		must(t, err)
		e := entry(t, line)
		say("receipt", []any{e.Seq, e.Type, e.ID, e.Outcome, e.Hold}, nil)
	}
	holds, err := m.Holds(t.Context())
	for _, h := range holds {
		say("hold", []any{h.Number, h.IDs, h.Removed != nil}, err)
	}
	texts, err := m.UnstoredHolds(t.Context())
	say("unstored holds", len(texts), err)
	settled, err := m.HoldsSettled(t.Context())
	say("settled", settled, err)
	for r, err := range m.ListeningTexts(t.Context()) {
		say("listening", []any{r.Number, r.Seq, r.Run, r.Stored, r.Intact, r.Signed != ""}, err)
	}
	troubles, err := m.Troubles(t.Context())
	for _, tr := range troubles {
		say("trouble", tr.Name(), err)
	}
	uploads, err := m.Uploads(t.Context())
	for _, u := range uploads {
		say("upload", u.Key+u.ID, err)
	}
	for _, k := range []string{"x", copyOf(recording(2, day)).Audio.Key} {
		refused, err := m.RefusedAt(t.Context(), k)
		say("refused", refused, err)
	}
	mark, err := m.Mark(t.Context(), vbc.Company, "", "")
	say("mark", mark, err)
	exports, err := m.Exports(t.Context(), vbc.Company, "", "")
	say("exports", exports, err)
	runs, err := m.Runs(t.Context(), 9)
	for _, r := range runs {
		say("run", []any{r.ID, r.Finished.IsZero()}, err)
	}
	stored, err := m.ReceiptsStored(t.Context())
	say("stored", stored, err)
	stale, err := m.StaleMonths(t.Context())
	for _, s := range stale {
		say("stale", s.String(), err)
	}
	tallies, err := m.Tallies(t.Context())
	say("tallies", tallies, err)
	findings, err := m.Check(t.Context())
	say("findings", findings, err)
	return all
}

func entry(t testing.TB, line []byte) (e receipt.Entry) {
	t.Helper()
	must(t, json.Unmarshal(line, &e))
	return e
}

// errCrash is the end of the machine, as far as a manifest can tell.
var errCrash = errors.New("the machine has stopped")

// Whatever commit is the last, all that was reported as done before it is there,
// and of what was to be committed with it all or nothing.
func crashBetweenCommits(t *testing.T, places Places) {
	m, _ := bound(t, places)
	want := [][]string{told(t, m)}
	for _, d := range deeds() {
		if err := d.do(t.Context(), m); err != nil {
			t.Fatalf("%s: %v", d.name, err)
		}
		want = append(want, told(t, m))
	}
	if last := want[len(want)-1]; !strings.Contains(strings.Join(last, "\n"), "findings null") {
		t.Errorf("%s", last)
	}
	for i := range deeds() {
		for _, lost := range []bool{true, false} {
			crashAt(t, places, i, lost, want)
		}
	}
}

// crashAt crashes at one commit, which is lost, or its answer is.
func crashAt(t *testing.T, places Places, at int, lost bool, want [][]string) {
	t.Helper()
	m, p := bound(t, places)
	must(t, m.Close())
	n := 0
	m = open(t, p, func(commit func() error) error {
		n++
		switch {
		case n <= at:
			return commit()
		case n == at+1 && !lost:
			return errors.Join(commit(), errCrash)
		}
		return errCrash
	})
	done := 0
	for _, d := range deeds() {
		err := d.do(t.Context(), m)
		if err == nil {
			done++
			continue
		}
		if _, ok := errors.AsType[*manifest.WriteError](err); !ok || !errors.Is(err, errCrash) {
			t.Errorf("%s at the end of the machine: %v", d.name, err)
		}
		break
	}
	if done != at {
		t.Fatalf("%d changes were done with %d commits", done, at)
	}
	must(t, m.Close())
	if !lost {
		done++
	}
	if d := cmp.Diff(want[done], told(t, open(t, p, nil))); d != "" {
		t.Errorf("after %s, lost: %v:\n%s", deeds()[at].name, lost, d)
	}
}

// Of many that write when the machine stops, nobody is told that something is
// done that isn't, and of nobody's change there is a part.
func crashOfManyAtOnce(t *testing.T, places Places) {
	for _, lost := range []bool{true, false} {
		m, p := bound(t, places)
		const many = 60
		var all []vbc.Recording
		for i := range int64(many) {
			all = append(all, recording(1+i, day))
		}
		add(t, m, 1, all...)
		must(t, m.Close())
		begun, stopped := make(chan struct{}), atomic.Bool{}
		m = open(t, p, func(commit func() error) error {
			<-begun // so that the others are waiting
			switch {
			case stopped.Load():
				return errCrash
			case !lost:
				return errors.Join(commit(), errCrash)
			}
			return commit()
		})
		errs := make([]error, many)
		var calls, wg sync.WaitGroup
		for i, r := range all {
			calls.Add(1)
			wg.Go(func() {
				calls.Done()
				for _, s := range []manifest.Step{manifest.StepStored, manifest.StepPurging} {
					if errs[i] = stepsOf(m, r)[s](t.Context()); errs[i] != nil {
						return
					}
					stopped.Store(lost) // the next commit is lost, or all answers are
				}
			})
		}
		calls.Wait()
		close(begun)
		wg.Wait()
		must(t, m.Close())
		m = open(t, p, nil)
		intents := map[int64]bool{}
		for line, err := range m.Receipts(t.Context(), 0) {
			must(t, err)
			intents[entry(t, line).ID] = true
		}
		failed := 0
		for i, r := range all {
			row := state(t, m, r.ID)
			if errs[i] == nil && row.State != manifest.Purging || intents[r.ID] != (row.State == manifest.Purging) {
				t.Errorf("%d is %s, with an intent: %v; its caller was told %v", r.ID, row.State, intents[r.ID], errs[i])
			}
			if errs[i] != nil {
				failed++
			}
		}
		if failed == 0 {
			t.Error("nobody has met the end")
		}
		if findings, err := m.Check(t.Context()); err != nil || len(findings) > 0 {
			t.Errorf("%q, %v", findings, err)
		}
	}
}
