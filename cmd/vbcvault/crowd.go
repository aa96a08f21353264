package main

import (
	"fmt"
	"math"
	"sync/atomic"

	"github.com/dustin/go-humanize"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/cwriter"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/vbcvault/vbcvault/pipeline/progress"
	"github.com/vbcvault/vbcvault/vbc"
)

// crowd shows how the runs over several accounts get on: on a terminal a line for each
// account that is running, as many as there is room for, and below them one for all.
type crowd struct {
	o     *output
	total int
	done  atomic.Int64 // accounts
	now   atomic.Int64 // accounts that are running
	room  chan bool    // holds one for each line that an account may still have
	bars  *mpb.Progress
	all   *mpb.Bar
}

// newCrowd begins to show. Without bars, each account has lines of its own.
func newCrowd(o *output, total int) *crowd {
	c := &crowd{o: o, total: total}
	if !o.bars || total < 2 {
		return c
	}
	_, lines, err := cwriter.New(o.err).GetTermSize()
	if err != nil {
		lines = 24
	}
	c.room = make(chan bool, max(1, lines-2)) // the last lines are that of all, and the cursor's
	for range cap(c.room) {
		c.room <- true
	}
	c.bars = mpb.New(mpb.WithOutput(o.err), mpb.WithWidth(30), mpb.WithRefreshRate(barEvery))
	o.printer.redirect(c.bars)
	c.all = c.bars.AddBar(int64(total), mpb.BarPriority(math.MaxInt), mpb.PrependDecorators(decor.Any(func(decor.Statistics) string {
		return fmt.Sprintf("%d of %d accounts, %d running ", c.done.Load(), c.total, c.now.Load())
	})))
	return c
}

// add shows one account, as soon as there is room, until the returned function is called.
func (c *crowd) add(o *output, stats *progress.Stats, client *vbc.Client) (stop func()) {
	c.now.Add(1)
	var bar *mpb.Bar // only the ticking goroutine uses it, and after that whoever stops it
	show := func() {
		if bar == nil {
			select {
			case <-c.room:
				bar = c.bar(o, stats, client)
			default:
				return
			}
		}
		bar.SetTotal(max(total(stats), 1), false)
		bar.SetCurrent(stats.Ended.Load())
	}
	show()
	still := ticking(barEvery, show)
	return func() {
		still()
		if bar != nil {
			bar.Abort(true)
			c.room <- true
		}
		c.now.Add(-1)
	}
}

// bar is the line of one account.
func (c *crowd) bar(o *output, stats *progress.Stats, client *vbc.Client) *mpb.Bar {
	return c.bars.AddBar(0, mpb.BarRemoveOnComplete(), mpb.PrependDecorators(
		decor.Name(o.account+" ", decor.WCSyncWidthR),
		decor.Any(func(decor.Statistics) string {
			if stats.Listing.Load() {
				return fmt.Sprintf("listing %s ", humanize.Comma(stats.Listed.Load()))
			}
			return fmt.Sprintf("%s of %s ", humanize.Comma(stats.Ended.Load()), humanize.Comma(total(stats)))
		}, decor.WCSyncWidthR),
	), mpb.AppendDecorators(decor.Any(func(decor.Statistics) string {
		return " " + humanize.IBytes(uint64(stats.Downloaded.Load())) + waitNote(stats, client)
	})))
}

// ended says that an account has ended, also one that was never shown.
func (c *crowd) ended() {
	c.done.Add(1)
	if c.all != nil {
		c.all.SetCurrent(c.done.Load())
	}
}

// end shows nothing any more.
func (c *crowd) end() {
	if c.bars != nil {
		c.all.Abort(false)
		c.bars.Wait()
		c.o.printer.redirect(c.o.err)
	}
}
