package pipeline

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/vbcvault/vbcvault/vbc"
)

// purged remembers, for each collection, the span of what a run has purged.
type purged struct {
	mu    sync.Mutex
	spans map[collection]span
}

type span struct{ first, last time.Time }

func (p *purged) add(r vbc.Recording) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.spans == nil {
		p.spans = map[collection]span{}
	}
	s, known := p.spans[collectionOf(r)]
	if !known || r.Start.Before(s.first) {
		s.first = r.Start
	}
	if r.Start.After(s.last) {
		s.last = r.Start
	}
	p.spans[collectionOf(r)] = s
}

// lookAgain lists once more the span of what this run has purged: a DELETE
// that VBC has confirmed and not carried out shows there, at the price of one
// request per page and not per recording. Where all went well that is one
// empty page.
func (r *run) lookAgain(ctx context.Context) error {
	for c, s := range r.purged.spans {
		l := r.vbc.List(vbc.Query{
			Kind: c.kind, Account: r.account, User: c.user, PageSize: r.pageSize(), Filter: r.policy.Filter,
			Since: s.first, Before: s.last.Add(time.Second), // the API knows whole seconds
		})
		for page, err := range l.Pages(ctx, r.attempt) {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err != nil {
				r.problem(fmt.Sprintf("whether VBC has really deleted the %s could not be checked: %v", c, err))
				break
			}
			if err := r.stillListed(page); err != nil {
				return err
			}
		}
		if why := l.Contradiction(); why != "" {
			r.problem(fmt.Sprintf("whether VBC has really deleted the %s could not be checked: %s", c, why))
		}
	}
	return nil
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
		row, err := r.manifest.Row(r.work, rec.Kind, rec.Owner, rec.ID, rec.Nth)
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
