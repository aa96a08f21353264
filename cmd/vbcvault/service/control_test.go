package service

import (
	"context"
	"errors"
	"testing"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/outcome"
)

// Cancel takes away what waits, ends what is under way, whichever of its jobs is named,
// and refuses what is over.
func TestCancel(t *testing.T) { t.Parallel(); onBoth(t, testCancel) }

func testCancel(t *testing.T, newHouse builder) {
	h := newHouse(t, "a", "b")
	h.options.Config.AccountsAtOnce = 1
	h.hands.do = func(ctx context.Context, _ Kind, _ string) outcome.Outcome { return until(ctx, nil) }
	h.start()
	c := h.control()
	first, run := h.ask(c, "a", Archive)
	eventually(t, "it begins", func() bool { return h.hands.times("a", Archive) == 1 })
	waiting, never := h.ask(c, "b", Archive)
	if waited, err := c.Cancel(t.Context(), waiting); err != nil || !waited {
		t.Fatalf("it waited: %v, %v", waited, err)
	}
	if is, err := c.Waits(t.Context(), never); is || err != nil {
		t.Errorf("what was cancelled waits: %v", err)
	}
	h.slices(2) // so that its first job is over
	if waited, err := c.Cancel(t.Context(), first); err != nil || waited {
		t.Fatalf("it waited: %v, %v", waited, err)
	}
	if o := h.ended(c, run); o.ExitCode != outcome.Interrupted {
		t.Errorf("%+v", o)
	}
	for _, id := range []int64{first, waiting, 4711} {
		if _, err := c.Cancel(t.Context(), id); !errors.Is(err, ErrNoJob) {
			t.Errorf("cancel of %d, which is over: %v", id, err)
		}
	}
	if h.hands.times("b", Archive) != 0 {
		t.Error("what was cancelled has begun")
	}
	h.hands.do = nil
	again, err := c.Retry(t.Context(), waiting)
	if err != nil || again == waiting {
		t.Fatalf("retry: job %d, %v", again, err)
	}
	eventually(t, "it begins anew", func() bool { return h.hands.times("b", Archive) == 1 })
}
