package flow

import (
	"context"
	"errors"
	"iter"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func numbers(n int, end error) iter.Seq2[int, error] {
	return func(yield func(int, error) bool) {
		for i := range n {
			if !yield(i, nil) {
				return
			}
		}
		if end != nil {
			yield(0, end)
		}
	}
}

var errStopped = errors.New("stopped")

func TestEachDoesAllOnSoManyWorkers(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent()) // other tests' servers
	synctest.Test(t, func(t *testing.T) {
		var at, most, sum atomic.Int64
		err := Each(t.Context(), 4, numbers(100, nil), func(_ context.Context, i int) error {
			if n := at.Add(1); n > most.Load() {
				most.Store(n)
			}
			time.Sleep(time.Second) // of synctest's clock
			sum.Add(int64(i))
			at.Add(-1)
			return nil
		})
		if err != nil || sum.Load() != 4950 || most.Load() != 4 {
			t.Errorf("%v, sum %d, %d at once", err, sum.Load(), most.Load())
		}
	})
}

// Cancelled never looks like finished, and an error of one ends all.
func TestEachEndsWithTheCause(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent()) // other tests' servers
	broken := errors.New("broken")
	if err := Each(t.Context(), 3, numbers(10, broken), func(context.Context, int) error { return nil }); !errors.Is(err, broken) {
		t.Errorf("items break: %v", err)
	}
	var done atomic.Int64
	err := Each(t.Context(), 3, numbers(1_000_000, nil), func(_ context.Context, i int) error {
		done.Add(1)
		if i == 5 {
			return broken
		}
		return nil
	})
	if !errors.Is(err, broken) || done.Load() == 1_000_000 {
		t.Errorf("work breaks: %v after %d", err, done.Load())
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	err = Each(ctx, 3, numbers(1_000_000, nil), func(_ context.Context, i int) error {
		if i == 5 {
			cancel(errStopped)
		}
		return nil
	})
	if !errors.Is(err, errStopped) {
		t.Errorf("cancelled: %v", err)
	}
	cancelled, cancel := context.WithCancelCause(t.Context())
	cancel(errStopped)
	if err := Each(cancelled, 3, numbers(3, nil), func(context.Context, int) error { t.Error("begun"); return nil }); !errors.Is(err, errStopped) {
		t.Errorf("cancelled before: %v", err)
	}
}
