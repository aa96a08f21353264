package pipeline

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/vbcvault/vbcvault/vbc"
)

// purged remembers, for each collection, the span of what a run has purged, or
// of which that isn't clear.
type purged struct {
	mu    sync.Mutex
	spans map[collection]span
}

type span struct{ first, last time.Time }

// include widens a span. The zero span has nothing in it.
func (s *span) include(at time.Time) {
	if s.first.IsZero() || at.Before(s.first) {
		s.first = at
	}
	if at.After(s.last) {
		s.last = at
	}
}

func (p *purged) add(r vbc.Recording) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.spans == nil {
		p.spans = map[collection]span{}
	}
	s := p.spans[collectionOf(r)]
	s.include(r.Start)
	p.spans[collectionOf(r)] = s
}

// aDay is more than any two zones of time are apart: a server that reads a time
// in another one than it is written in shows what is in question all the same.
const aDay = 26 * time.Hour

// lookAgain lists once more the span of what this run has purged: a DELETE
// that VBC has confirmed and not carried out shows there, at the price of one
// request per page and not per recording, and so does one that was answered 404
// and is there still. Where all went well that is one empty page.
func (r *run) lookAgain(ctx context.Context) error {
	for c, s := range r.unfinished.purged.spans {
		q := vbc.Query{
			Kind: c.kind, Account: r.account, User: c.user, PageSize: r.pageSize(), Filter: r.policy.Filter,
			Since: s.first, Before: s.last.Add(time.Second), // the API knows whole seconds
		}
		doubts := r.unfinished.doubts.take(c)
		if len(doubts) > 0 { // what isn't shown counts, so nothing may be missing at the borders
			q.Since, q.Before = q.Since.Add(-aDay), q.Before.Add(aDay)
		}
		shown, err := r.lookAgainAt(ctx, c, r.vbc.List(q))
		if err != nil {
			return err
		}
		if shown == nil {
			r.undecided(c, doubts)
		} else if err := r.decide(doubts, shown); err != nil {
			return err
		}
	}
	return nil
}

// lookAgainAt returns the ids that a listing shows, nil if it can't be relied on.
func (r *run) lookAgainAt(ctx context.Context, c collection, l *vbc.Listing) (shown map[int64]bool, err error) {
	shown = map[int64]bool{}
	for page, err := range l.Pages(ctx, r.attempt) {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err != nil {
			r.problem(fmt.Sprintf("could not check whether VBC has deleted the %s: %v", c, err))
			return nil, nil
		}
		for _, rec := range page {
			shown[rec.ID] = true
		}
		if err := r.stillListed(page); err != nil {
			return nil, err
		}
	}
	if why := l.Contradiction(); why != "" {
		r.problem(fmt.Sprintf("could not check whether VBC has deleted the %s: %s", c, why))
		return nil, nil
	}
	if l.Missing() > 0 || shown[0] { // something that nobody can name
		return nil, nil
	}
	return shown, nil
}

// stillListed takes back what is on a page although it was purged.
func (r *run) stillListed(page []vbc.Recording) error {
	var readable []vbc.Recording
	for _, rec := range page {
		if rec.Unreadable == "" {
			rec.Account = r.account
			readable = append(readable, rec)
		}
	}
	still, err := r.manifest.StillListed(r.work, r.id, readable)
	if err != nil {
		return err
	}
	for _, rec := range still {
		row, err := r.manifest.Row(r.work, rec.Key(), rec.Nth)
		if err != nil {
			return err
		}
		r.stats.Deleted.Add(-1)
		if err := r.fail(row, errReappeared); err != nil {
			return err
		}
	}
	return nil
}
