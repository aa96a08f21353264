package pipeline

import (
	"context"
	"sync"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/vbc"
)

// zoneSlack is how much more than what it is about a listing asks for: a server
// that reads a time in another zone than it is written in, or only its date,
// shows what is wanted all the same. Each recording's own start decides.
const zoneSlack = 24 * time.Hour

// begin says where to begin: where an earlier run's listing has ended, if this
// run is only about what is new, else at the beginning. What earlier runs had
// trouble with is looked at again.
func (l *lister) begin(ctx context.Context) (time.Time, error) {
	p := l.policy
	all := p.Since
	if !all.IsZero() {
		all = all.Add(-zoneSlack).Truncate(time.Second)
	}
	l.scan = l.scanOf(l.collection)
	if l.reads == nil {
		return all, nil
	}
	filter := p.Filter.String()
	var err error
	if l.scan.base, err = l.reads.Scan(ctx, l.kind, l.user, filter); err != nil || l.user == "self" {
		return all, err
	}
	mark, err := l.reads.Mark(ctx, l.kind, l.user, filter)
	if err != nil {
		return all, err
	}
	l.before = mark
	if p.Delete || p.FullScan { // what is to be deleted must be seen
		return all, nil
	}
	if mark.FullAt.IsZero() || p.started.Sub(mark.FullAt) >= p.FullScanEvery ||
		fromTheFuture(mark.FullAt) || fromTheFuture(mark.Until) || // else no full scan would come until then
		!mark.Since.IsZero() && (p.Since.IsZero() || p.Since.Before(mark.Since)) {
		return all, nil
	}
	from := mark.Until
	if p.Cutoff.Before(from) {
		from = p.Cutoff
	}
	if from = from.Add(-overlap).Truncate(time.Second); from.Before(all) {
		from = all
	}
	for _, t := range l.unsettled() {
		if t.Begins.IsZero() || !t.Begins.After(all) {
			l.log.Info("listing everything, because an earlier run had trouble", "collection", l.String(), "trouble", t.Name())
			return all, nil
		}
		if t.Begins.Before(from) {
			from = t.Begins
		}
	}
	l.mark, l.known = mark, true
	l.log.Info("listing only what is new since the last run", "collection", l.String(), "from", from.Format(time.RFC3339),
		"next_full_scan", mark.FullAt.Add(p.FullScanEvery).Format(time.RFC3339))
	return from, nil
}

// tell writes down how many recordings VBC counts behind what is listed, for
// whoever asks how long it will take.
func (l *listing) tell(ctx context.Context) {
	if l.manifest == nil {
		return
	}
	if err := l.manifest.SetAhead(ctx, l.remaining); err != nil {
		l.log.Debug("the number of recordings left could not be saved", "reason", err)
	}
}

// reach writes down how far a collection has been listed without gaps.
func (l *lister) reach(upTo time.Time) {
	if l.manifest == nil || l.ctx.Err() != nil {
		return // a dry run; or one that ends before its end, and hasn't done all
	}
	if l.report.counts(manifest.Trouble{Kind: l.kind, Code: manifest.Transcripts}) {
		return // what was listed may have transcripts that nobody has seen
	}
	mark := manifest.Mark{Since: l.policy.Since, Until: upTo, FullAt: l.started}
	if l.known {
		mark = l.mark
		if upTo.After(mark.Until) {
			mark.Until = upTo
		}
	}
	if err := l.manifest.SetMark(l.work, l.kind, l.user, l.policy.Filter.String(), mark); err != nil {
		l.log.Warn("the progress of the listing could not be saved; the next run lists more", "reason", err)
	}
}

// marks moves a collection's mark along behind what has been done. The order is
// strict: a stretch of the listing is written down, what comes behind it has
// shown that nothing lies between, all of it has been worked on, and so has
// everything before it; only then does the mark stand at its end. What an
// interruption leaves of it is listed again, and may be exported again.
type marks struct {
	mu     sync.Mutex
	open   []*stretch // the oldest first
	closed bool       // something is wrong with the listing: the mark stays where it is
	short  bool       // VBC counts more than it shows: so it does, unless somebody takes that for granted
	held   time.Time  // where it would stand else
	set    func(upTo time.Time)
}

// stretch is a piece of a listing whose recordings are written down.
type stretch struct {
	upTo time.Time // zero: it has no end of its own
	left int       // slices that are not worked through
	sure bool      // nothing is missing in it
}

func (m *marks) add(upTo time.Time, slices int) *stretch {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := &stretch{upTo: upTo, left: slices}
	m.open = append(m.open, s)
	return s
}

// done notes that one slice of a stretch has been worked through.
func (m *marks) done(s *stretch) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s.left--
	m.advance()
}

// confirm notes that nothing is missing in all that has been listed so far.
func (m *marks) confirm() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.open {
		s.sure = true
	}
	m.advance()
}

// doubt has the mark stay where it is until it is excused.
func (m *marks) doubt() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.short = true
}

// excuse has the mark move along as if there had been no doubt.
func (m *marks) excuse() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.short = false; !m.closed && !m.held.IsZero() {
		m.set(m.held)
	}
}

// close has the mark stay where it is, whatever comes.
func (m *marks) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
}

func (m *marks) advance() {
	var upTo time.Time
	for len(m.open) > 0 && m.open[0].left == 0 && m.open[0].sure {
		if at := m.open[0].upTo; !at.IsZero() {
			upTo = at
		}
		m.open = m.open[1:]
	}
	switch {
	case m.closed || upTo.IsZero():
	case m.short:
		m.held = upTo
	default:
		m.set(upTo)
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
