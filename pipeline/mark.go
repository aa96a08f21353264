package pipeline

import (
	"context"
	"sync"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/vbc"
)

// begin says where to begin: where an earlier run's listing has ended, if this
// run is only about what is new, else at the beginning.
func (l *lister) begin(ctx context.Context) (time.Time, error) {
	p := l.policy
	if p.Delete || p.FullScan || l.user == "self" || l.reads == nil {
		return p.Since, nil // what is to be deleted must be seen
	}
	mark, err := l.reads.Mark(ctx, l.kind, l.user, p.Filter.String())
	if err != nil {
		return p.Since, err
	}
	if mark.FullAt.IsZero() || p.started.Sub(mark.FullAt) >= p.FullScanEvery ||
		fromTheFuture(mark.FullAt) || fromTheFuture(mark.Until) || // else no full scan would come until then
		!mark.Since.IsZero() && (p.Since.IsZero() || p.Since.Before(mark.Since)) {
		return p.Since, nil
	}
	from := mark.Until
	if p.Cutoff.Before(from) {
		from = p.Cutoff
	}
	if from = from.Add(-overlap).Truncate(time.Second); from.Before(p.Since) {
		from = p.Since
	}
	l.mark, l.known = mark, true
	l.log.Info("listing only what is new since the last run", "collection", l.String(), "from", from.Format(time.RFC3339),
		"next_full_scan", mark.FullAt.Add(p.FullScanEvery).Format(time.RFC3339))
	return from, nil
}

// tell writes down how many recordings VBC counts behind what is listed, for
// whoever asks how long it will take.
func (r *run) tell(ctx context.Context) {
	if r.manifest == nil {
		return
	}
	if err := r.manifest.SetAhead(ctx, r.remaining.Load()); err != nil {
		r.log.Debug("how many are ahead could not be written down", "reason", err)
	}
}

// reach writes down how far a collection has been listed without gaps, once
// the slice that reaches so far has been worked on: what an interruption
// leaves of it is listed again, and may be exported again.
func (l *lister) reach(upTo time.Time) {
	if l.manifest == nil {
		return // a dry run
	}
	mark := manifest.Mark{Since: l.policy.Since, Until: upTo, FullAt: l.policy.started}
	if l.known {
		mark = l.mark
		if upTo.After(mark.Until) {
			mark.Until = upTo
		}
	}
	if err := l.manifest.SetMark(l.work, l.kind, l.user, l.policy.Filter.String(), mark); err != nil {
		l.log.Warn("how far the listing has come could not be written down; the next run lists more", "reason", err)
	}
}

// coverage is what this run has listed of each collection without gaps.
type coverage struct {
	mu    sync.Mutex
	spans map[collection]span
}

func (c *coverage) set(of collection, from, to time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.spans == nil {
		c.spans = map[collection]span{}
	}
	c.spans[of] = span{from, to}
}

// span is from when to when a collection has been listed without gaps.
func (c *coverage) span(of collection) (first, last time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.spans[of]
	return s.first, s.last
}

// has reports whether a listing without gaps would have shown the recording.
func (c *coverage) has(r vbc.Recording) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, ok := c.spans[collectionOf(r)]
	return ok && !r.Start.Before(s.first) && r.Start.Before(s.last)
}
