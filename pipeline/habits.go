package pipeline

import (
	"cmp"
	"context"
	"sync/atomic"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/spool"
)

// habits are VBC's, as far as they are learned: what spares a run to find out anew
// which pages and which pace are allowed.
type habits struct {
	recalled manifest.Learned // by earlier runs; set before anything is listed
	granted  atomic.Int64     // the largest page that VBC hasn't refused; 0 = not known
}

// recall makes use of what earlier runs have found out about VBC, and gets rid
// of what an interrupted one has left on disk.
func (r *run) recall(ctx context.Context) error {
	known, err := r.manifest.Learned(ctx)
	if err != nil {
		return err
	}
	r.habits.recalled = known
	r.expectPages(known.PageSize)
	r.vbc.Expect(known.Pace)
	if known.Limited {
		r.vbc.ExpectQuota()
	}
	r.exporter.spool, err = spool.Open(r.policy.SpoolDir, r.manifest.Path())
	return err
}

// remember writes down what this run has found out about VBC. A pace that it
// was only told isn't news: one day it is to be forgotten.
func (r *run) remember(ctx context.Context) error {
	found := manifest.Learned{PageSize: r.learnedPages(), PagesRefused: r.vbc.PagesRefused(), Pace: r.vbc.Quota().Learned.Truncate(time.Millisecond), ClientAuth: r.vbc.ClientAuth()}
	if found.Pace == r.habits.recalled.Pace {
		found.Pace = 0
	}
	found.Limited = r.vbc.Quota().Limited && !r.habits.recalled.Limited
	return r.manifest.SetLearned(ctx, found)
}

// expectPages begins with a size of listing pages that an earlier run has
// learned. A smaller one than usual was learned in trouble, so the client is to
// find its way back; --page-size is a size to begin with, whatever was learned.
func (r *run) expectPages(learned int) {
	switch {
	case r.policy.PageSize > 0 || learned == 0:
	case learned < sliceSize:
		r.vbc.ExpectPages(learned)
	default:
		r.habits.granted.Store(int64(learned))
	}
}

// learnedPages is the size of listing pages that later runs are to begin with, 0
// if nothing was learned: that VBC gave what --page-size asked for is no news.
func (r *run) learnedPages() int {
	size := int(r.habits.granted.Load())
	if size == r.policy.PageSize && !r.vbc.PagesRefused() {
		return 0
	}
	return size
}

// pageSize is how many recordings to ask for at once.
func (r *run) pageSize() int {
	return cmp.Or(r.policy.PageSize, int(r.habits.granted.Load()), sliceSize)
}
