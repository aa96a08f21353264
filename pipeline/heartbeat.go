package pipeline

import (
	"context"
	"time"
)

// heartbeat is how often a run that gets on says so in the manifest, where others
// that must wait for it can see it.
const heartbeat = time.Minute

// beat says so until the returned function has returned. Waiting is no getting on.
func (r *run) beat(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(heartbeat)
		defer tick.Stop()
		for last := r.stats.Work(); ; {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			now := r.stats.Work()
			if now == last {
				continue
			}
			last = now
			if err := r.manifest.SetProgress(ctx); err != nil && ctx.Err() == nil {
				r.log.Warn("this run's progress could not be saved", "reason", err)
			}
		}
	}()
	return func() {
		cancel()
		<-ended
	}
}
