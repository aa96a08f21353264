package pipeline

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/dustin/go-humanize/english"

	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/vbc"
)

// doubt is a DELETE that was answered 404, of a recording that this run's listing
// had shown. Another listing at the end of the run decides.
type doubt struct {
	row    *item
	cause  error
	status int
}

// doubts are a run's, by collection.
type doubts struct {
	mu   sync.Mutex
	of   map[collection][]doubt
	next int // so many of a collection are looked at before the end
}

func (d *doubts) add(c collection, one doubt) (all int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.of == nil {
		d.of = map[collection][]doubt{}
	}
	d.of[c] = append(d.of[c], one)
	return len(d.of[c])
}

func (d *doubts) take(c collection) []doubt {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := d.of[c]
	delete(d.of, c)
	return all
}

// unclear finds out what a DELETE's 404 was about. What the listing has shown is
// left to the listing at the end, which is one request for many. What it hasn't
// shown was asked for before the DELETE, and is asked for again: the same request
// that brought it says whether it is there.
func (r *run) unclear(ctx context.Context, row *item, cause error) error {
	status := vbc.AsError(cause).Status
	if row.SeenRun == r.id {
		c := collectionOf(row.Recording)
		r.unfinished.purged.add(row.Recording)
		r.log.Debug("VBC answered a DELETE with 404; the listing at the end of the run shows whether the recording is deleted", "recording", row.Recording.String(), "answer", cause)
		return r.maybeAllInVain(ctx, c, r.unfinished.doubts.add(c, doubt{row, cause, status}))
	}
	there, err := r.askVBC(ctx, row)
	switch {
	case err != nil:
		return errors.Join(cause, err)
	case there:
		return errors.Join(cause, r.conclude(row, receipt.StillThere, status))
	}
	return r.conclude(row, receipt.NotThere, status)
}

// maybeAllInVain looks, when as many DELETEs of a collection were answered 404
// as are too many failures, whether any had an effect. If not, their address is
// wrong, and further ones are requests wasted.
func (r *run) maybeAllInVain(ctx context.Context, c collection, n int) error {
	r.unfinished.doubts.mu.Lock()
	most := max(r.breaker.limit, r.unfinished.doubts.next)
	look := r.breaker.limit > 0 && n >= most
	if look {
		r.unfinished.doubts.next = 2 * n // if this look doesn't tell
	}
	all := r.unfinished.doubts.of[c]
	r.unfinished.doubts.mu.Unlock()
	if !look || len(all) == 0 {
		return nil
	}
	var s span
	for _, d := range all {
		s.include(d.row.Start)
	}
	l := r.vbc.List(vbc.Query{Kind: c.kind, Account: r.account, User: c.user, PageSize: r.pageSize(), Filter: r.policy.Filter, Since: s.first, Before: s.last.Add(time.Second)})
	shown := map[int64]bool{}
	for page, err := range l.Pages(ctx, r.attempt) {
		if err != nil {
			return nil // the end of the run tells
		}
		for _, rec := range page {
			shown[rec.ID] = true
		}
		break // one request
	}
	for _, d := range all {
		if !shown[d.row.ID] {
			return nil
		}
	}
	return tooMany(len(all), all[len(all)-1].cause)
}

// decide writes down what became of DELETEs that were answered 404, when the
// collection has been listed again.
func (r *run) decide(all []doubt, shown map[int64]bool) error {
	for _, d := range all {
		if !shown[d.row.ID] {
			if err := r.conclude(d.row, receipt.NotThere, d.status); err != nil {
				return err
			}
			continue
		}
		if err := r.conclude(d.row, receipt.StillThere, d.status); err != nil {
			return err
		}
		if err := r.fail(d.row.Row, d.cause); err != nil {
			return err
		}
	}
	return nil
}

// undecided says that a second listing didn't tell what a 404 was about.
func (r *run) undecided(c collection, all []doubt) {
	if len(all) > 0 {
		r.problem(fmt.Sprintf("VBC answered %s of %s with 404, and it is unknown whether these are deleted; the next run checks again", english.Plural(len(all), "deletion", ""), c))
	}
}
