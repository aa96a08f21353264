package pipeline

import (
	"context"
	"testing"

	"github.com/vbcvault/vbcvault/pipeline/check"
	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
	"github.com/vbcvault/vbcvault/vbc"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// The process ends at each durable step of the first run that knows a hold, and that
// somebody has listened: what is held stays, the rest gets done, and the chain and the
// archive have both once.
func TestCrashWithAHold(t *testing.T) {
	t.Parallel()
	prepare := func(t *testing.T) *lab {
		l := newLab(t, "directory")
		l.fill()
		if _, err := l.run(Options{Workers: 1}); err != nil {
			t.Fatal(err)
		}
		m, err := sqlite.OpenBeside(t.Context(), l.path)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		if _, err := m.AddHold(t.Context(), manifest.Hold{IDs: []int64{1}, Reason: "r", By: "b"}); err != nil {
			t.Fatal(err)
		}
		if _, err := m.AddListening(t.Context(), manifest.Listening{Kind: vbc.Company, ID: 1, Who: "eve", How: manifest.Played}); err != nil {
			t.Fatal(err)
		}
		l.reset(nil)
		return l
	}
	o := Options{Delete: true, Workers: 1}
	l := prepare(t)
	if sum, err := l.run(o); err != nil || sum.Deleted != 1 || sum.Skipped != 1 {
		t.Fatalf("%+v, %v", sum, err)
	}
	for _, at := range l.moments() {
		t.Run(at.String(), func(t *testing.T) {
			t.Parallel()
			l := prepare(t)
			l.endAt(at, true)
			sum, err := l.run(o)
			l.mustHaveDied(at, sum, err)
			l.reset(nil)
			if sum, err := l.run(o); err != nil || !sum.Complete() {
				t.Errorf("the next run: %+v, %v", sum, err)
			}
			if !l.account.Has("company", 0, 1) || l.account.Has("company", 0, 2) {
				t.Error("what is held is gone, or the rest isn't")
			}
			m, err := sqlite.OpenReadOnly(t.Context(), l.path)
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			a, err := check.Audit(t.Context(), m, l.clean)
			if err != nil || !a.Intact() || a.Held != 1 || a.Listened != 1 || a.Pending != 0 || a.Stored != a.Entries {
				t.Errorf("%+v, %v", a, err)
			}
			if settled, err := m.HoldsSettled(t.Context()); err != nil || !settled {
				t.Errorf("settled: %v, %v", settled, err)
			}
			files := 0
			for _, err := range l.clean.List(t.Context(), layout.Listenings("549825")) {
				if err != nil {
					t.Fatal(err)
				}
				files++
			}
			if files != 1 {
				t.Errorf("who has listened lies beside the archive in %d files", files)
			}
		})
	}
}

// What is held back for a hold counts as that, and is nothing that the progress of a
// run waits for, whether VBC lists it or not.
func TestHeldIsNoProgress(t *testing.T) {
	t.Parallel()
	l := newLab(t, "directory")
	all := l.fill()
	if _, err := l.run(Options{}); err != nil {
		t.Fatal(err)
	}
	m, err := sqlite.OpenBeside(t.Context(), l.path)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if _, err := m.AddHold(t.Context(), manifest.Hold{IDs: []int64{1}, Reason: "r", By: "b"}); err != nil {
		t.Fatal(err)
	}
	progressed := func(begun, todo int64) {
		t.Helper()
		sum, err := l.run(Options{Delete: true, Workers: 1})
		if err != nil || sum.Skipped != 1 || sum.HeldBackBy["hold"] != 1 || sum.Failed != 0 {
			t.Errorf("%+v, %v", sum, err)
		}
		if b, n := l.stats.Begun.Load(), l.stats.Todo.Load(); b != begun || n != todo {
			t.Errorf("%d of %d are worked on, want %d of %d", b, n, begun, todo)
		}
	}
	progressed(1, 1)
	progressed(0, 0)
	l.replace(func(a *vbctest.Account) { a.Add(all[2]) }) // VBC lists neither
	progressed(0, 0)
	l.nothingLost(all[1:])
}

// The holds of other manifests are read once this one is bound to its account, and
// before anything is deleted: whoever adds a hold to all manifests of the account has
// found this one, or the run finds the hold.
func TestSiblingsAreReadOnceBound(t *testing.T) {
	t.Parallel()
	l := newLab(t, "directory")
	all := l.fill()
	h, text, err := manifest.NewHold(manifest.Hold{IDs: []int64{1}, Reason: "r", By: "b"})
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	l.siblings = func(ctx context.Context, account string) ([]manifest.HoldText, []error, error) {
		asked++
		m, err := sqlite.OpenReadOnly(ctx, l.path)
		if err != nil {
			return nil, nil, err
		}
		defer m.Close()
		if b, err := m.Binding(ctx); err != nil || b.Account != account || account != "549825" || b.Destination == "" || len(l.account.Deleted()) > 0 {
			t.Errorf("asked for %s, the manifest is bound to %+v, %v", account, b, err)
		}
		return []manifest.HoldText{text}, nil, nil
	}
	sum, err := l.run(Options{Delete: true})
	if err != nil || sum.Skipped != 1 || sum.Deleted != 1 || asked != 1 || !l.has(all[0]) {
		t.Errorf("asked %d times: %+v, %v", asked, sum, err)
	}
	m, err := sqlite.OpenReadOnly(t.Context(), l.path)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	a, err := check.Audit(t.Context(), m, l.clean)
	holds, e := m.Holds(t.Context())
	if err != nil || e != nil || !a.Intact() || a.Held != 1 || len(holds) != 1 || holds[0].Digest != h.Digest {
		t.Errorf("%+v, %v; %+v, %v", a, err, holds, e)
	}
}
