package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/vbcvault/vbcvault/pipeline/progress"
	"github.com/vbcvault/vbcvault/vbc"
)

// interleaver lets log lines pass above progress bars.
type interleaver struct {
	mu sync.Mutex
	w  io.Writer
}

func (i *interleaver) Write(p []byte) (int, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.w.Write(p)
}

func (i *interleaver) redirect(w io.Writer) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.w = w
}

const (
	plainEvery = 30 * time.Second // between two lines of plain progress
	barEvery   = 200 * time.Millisecond
)

// progress shows how a run is getting on until the returned function is called.
func (o *output) progress(stats *progress.Stats, client *vbc.Client) (stop func()) {
	if o.progressStyle == "none" {
		return func() {}
	}
	if o.crowd != nil && o.crowd.bars != nil {
		return o.crowd.add(o, stats, client)
	}
	show, end, every := o.plainProgress(stats, client), func() {}, plainEvery
	if o.bars {
		show, end, every = o.barProgress(stats, client)
	}
	still := ticking(every, show)
	return func() {
		still()
		end()
	}
}

// ticking calls show now and then until the returned function has returned.
func ticking(every time.Duration, show func()) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				show()
			case <-done:
				return
			}
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}

// plainProgress prints one line at a time, fit for a log file.
func (o *output) plainProgress(stats *progress.Stats, client *vbc.Client) func() {
	begin := time.Now()
	return func() {
		if stats.Listing.Load() {
			fmt.Fprintf(o.printer, "listing: %s recordings so far%s\n", humanize.Comma(stats.Listed.Load()), waitNote(stats, client))
			return
		}
		todo := total(stats)
		fmt.Fprintf(o.printer, "%s of %s recordings, %s received, %d failed, %s left%s\n",
			humanize.Comma(stats.Ended.Load()), humanize.Comma(todo), humanize.IBytes(uint64(stats.Downloaded.Load())),
			stats.Failed.Load(), eta(begin, stats.Ended.Load(), todo, quotaOf(client)), waitNote(stats, client))
	}
}

// total is how many recordings the run will have worked on at its end, as far
// as is known.
func total(s *progress.Stats) int64 { return max(s.Todo.Load(), s.Begun.Load()) }

// eta says how long what is left will take: by the quota, where one is known,
// else by how long the rest has taken.
func eta(begin time.Time, done, todo int64, q vbc.Quota) string {
	if done == 0 || todo <= done {
		return "a moment"
	}
	each := float64(time.Since(begin)) / float64(done)
	if q.Interval > 0 {
		each = float64(q.Interval) * float64(q.Sent) / float64(done)
	}
	return about(time.Duration(each * float64(todo-done)))
}

// quotaOf is the client's quota; a command that asks VBC nothing has no client.
func quotaOf(client *vbc.Client) vbc.Quota {
	if client == nil {
		return vbc.Quota{}
	}
	return client.Quota()
}

// waitNote says what the run waits for, else what is known of the quota.
func waitNote(stats *progress.Stats, client *vbc.Client) string {
	w := stats.Waiting.Load()
	if w == nil {
		return quotaNote(client)
	}
	text := "; waiting: " + w.What
	if left := time.Until(w.Until); left > 0 {
		text += fmt.Sprintf(", next try in %s", left.Round(time.Second))
	}
	return text
}

// quotaNote says what is known of the request quota, "" if nothing is.
func quotaNote(client *vbc.Client) string {
	q := quotaOf(client)
	switch wait := time.Until(q.ClosedUntil); {
	case wait > 0:
		return fmt.Sprintf("; VBC's quota is used up, the next request is in %s", wait.Round(time.Second))
	case q.Interval > 0:
		return fmt.Sprintf("; one request every %s", q.Interval.Round(10*time.Millisecond))
	}
	return ""
}

// barProgress draws on a terminal.
func (o *output) barProgress(stats *progress.Stats, client *vbc.Client) (show, end func(), every time.Duration) {
	begin := time.Now()
	p := mpb.New(mpb.WithOutput(o.err), mpb.WithWidth(40), mpb.WithRefreshRate(barEvery))
	o.printer.redirect(p)
	bar := p.AddBar(0,
		mpb.PrependDecorators(decor.Any(func(decor.Statistics) string {
			if stats.Listing.Load() {
				return fmt.Sprintf("listing %s ", humanize.Comma(stats.Listed.Load()))
			}
			return fmt.Sprintf("%s of %s ", humanize.Comma(stats.Ended.Load()), humanize.Comma(total(stats)))
		})),
		mpb.AppendDecorators(
			decor.Any(func(decor.Statistics) string { return " " + humanize.IBytes(uint64(stats.Downloaded.Load())) }),
			decor.Any(func(decor.Statistics) string { return rate(stats) }),
			decor.Any(func(decor.Statistics) string {
				return " " + eta(begin, stats.Ended.Load(), total(stats), quotaOf(client)) + " left"
			}),
			decor.Any(func(decor.Statistics) string { return waitNote(stats, client) }),
		))
	show = func() {
		bar.SetTotal(max(total(stats), 1), false)
		bar.SetCurrent(stats.Ended.Load())
	}
	end = func() {
		show()
		bar.Abort(false)
		p.Wait()
		o.printer.redirect(o.err)
	}
	return show, end, barEvery
}

// rate is the average of bytes received per second since the first.
func rate(stats *progress.Stats) string {
	since := stats.WorkBegan.Load()
	if since == 0 {
		return ""
	}
	seconds := time.Since(time.UnixMilli(since)).Seconds()
	return fmt.Sprintf(" %s/s", humanize.IBytes(uint64(float64(stats.Downloaded.Load())/max(seconds, 0.001))))
}
