package pipeline

import (
	"fmt"
	"testing"

	"github.com/vbcvault/vbcvault/pipeline/check"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

// The process ends at each durable step of the first run that knows a hold:
// what is held stays, the rest gets done, and the chain and the archive have
// the hold once.
func TestCrashWithAHold(t *testing.T) {
	t.Parallel()
	prepare := func(t *testing.T) *lab {
		l := newLab(t, "directory")
		l.fill()
		if _, err := l.run(Options{Workers: 1}); err != nil {
			t.Fatal(err)
		}
		m, err := manifest.OpenBeside(t.Context(), l.path)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		if _, err := m.AddHold(t.Context(), manifest.Hold{IDs: []int64{1}, Reason: "r", By: "b"}); err != nil {
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
	for step, steps := 1, l.steps; step <= steps; step++ {
		for f := lost; f < afterAll; f++ {
			t.Run(fmt.Sprintf("step %d fate %d", step, f), func(t *testing.T) {
				l := prepare(t)
				l.reset(func(s int) (fate, bool) { return map[bool]fate{true: f}[s == step], s == step })
				_, _ = l.run(o) // it dies
				l.reset(nil)
				if sum, err := l.run(o); err != nil || !sum.Complete() {
					t.Errorf("the next run: %+v, %v", sum, err)
				}
				if !l.account.Has("company", 0, 1) || l.account.Has("company", 0, 2) {
					t.Error("what is held is gone, or the rest isn't")
				}
				m, err := manifest.OpenReadOnly(t.Context(), l.path)
				if err != nil {
					t.Fatal(err)
				}
				defer m.Close()
				a, err := check.Audit(t.Context(), m, l.clean)
				if err != nil || !a.Intact() || a.Held != 1 || a.Stored != a.Entries {
					t.Errorf("%+v, %v", a, err)
				}
				if settled, err := m.HoldsSettled(t.Context()); err != nil || !settled {
					t.Errorf("settled: %v, %v", settled, err)
				}
			})
		}
	}
}
