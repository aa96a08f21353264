package pipeline

import (
	"context"
	"time"
)

// lifetime is how long a run goes on. Its contexts don't change.
type lifetime struct {
	// ctx ends when the run is told to stop, or must, as when another machine may
	// have its manifest. work outlives it by
	// Options.Drain: what is in flight may come to its end, while nothing new
	// is begun.
	ctx, work context.Context
	stop      context.CancelCauseFunc
}

// endWithLease stops the run when its lease is over: nothing is asked of VBC any more,
// and what is in flight may come to its end. It is over when the returned function is.
func (r *run) endWithLease() (done func()) {
	lease := r.manifest.Lease()
	lost := lease.Lost()
	if lost == nil {
		return func() {}
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case <-lost:
			r.stop(lease.Held())
		case <-r.ctx.Done():
		}
	}()
	return func() {
		r.stop(nil)
		<-ended
	}
}

// drainAfter sets up the two contexts of a run. stop ends ctx, and with it
// everything that isn't begun yet; what is in flight ends Options.Drain later.
func (r *run) drainAfter(parent context.Context) (release func()) {
	var endWork context.CancelFunc
	r.ctx, r.stop = context.WithCancelCause(parent)
	r.work, endWork = context.WithCancel(context.WithoutCancel(parent))
	undrain := context.AfterFunc(r.ctx, func() {
		timer := time.NewTimer(r.policy.Drain)
		defer timer.Stop()
		select {
		case <-timer.C:
			endWork()
		case <-r.work.Done():
		}
	})
	return func() {
		undrain()
		endWork()
		r.stop(nil)
	}
}
