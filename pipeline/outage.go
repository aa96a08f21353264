package pipeline

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/progress"
	"github.com/vbcvault/vbcvault/pipeline/refusal"
	"github.com/vbcvault/vbcvault/pipeline/retry"
	"github.com/vbcvault/vbcvault/vbc"
)

// gate is what all requests to VBC pass, so that what hits everything pauses
// the whole run, once, and not each recording for its few tries.
//
// Requests are told apart by their rank: audio may be out of order while
// listings work. Of each rank it is closed (all pass), or open (all wait until a
// moment, then one goes ahead, and if that is answered the rest may go). It opens
// when different recordings or requests fail one after the other, and nothing is
// answered in between: what is broken by itself fails alone.
//
// It also ends the run: after so long without an answer, or with nothing but
// refusals for the quota, or for a block.
type gate struct {
	log   *slog.Logger
	stats *progress.Stats

	first, longest time.Duration // pauses: the first one, and the most
	limit          time.Duration // so long may VBC be out of order
	maxWait        time.Duration // so long may it refuse everything for the quota; 0 = for ever
	need           int           // so many must fail one after the other

	alive func(context.Context) bool // asks VBC for something small, and whether it answers

	mu      sync.Mutex
	ranks   [vbc.RankList + 1]outage
	refused time.Time // the first refusal for the quota since the last request that wasn't refused; zero = none
	warned  bool      // of those
	over    error     // why the run must end
}

// outage is what a gate knows of the requests of one rank.
type outage struct {
	answered int                // requests so far
	failing  map[*patience]bool // what has failed since the last one
	opened   time.Time          // when the gate opened; zero = it is closed
	until    time.Time          // nobody goes ahead before
	pauses   int
	probing  bool // somebody has gone ahead
	spent    bool // nobody waits any more until something is answered: the rest of VBC works
	alone    int  // what has lately been broken by itself, up to mostAlone; it says little when such things follow each other
	well     int  // answers since that was reckoned
	waiting  []*patience
	changed  chan struct{} // closed when something of this changes
}

func newGate(log *slog.Logger, stats *progress.Stats, pauses []time.Duration, maxWait time.Duration, workers int) *gate {
	last := pauses[len(pauses)-1] // 6 s
	g := &gate{log: log, stats: stats, first: last / 3, longest: 15 * last, limit: 80 * last, maxWait: maxWait, need: min(3, max(2, workers))}
	if maxWait > 0 {
		g.limit = min(g.limit, maxWait)
	}
	for i := range g.ranks {
		g.ranks[i].changed = make(chan struct{})
	}
	return g
}

// fewestProbes must fail before a run ends, however short its limit is.
const fewestProbes = 3

// enough is how many must fail before everything waits. Whoever gets a token, or
// lists, has nothing else to compare with.
func (g *gate) enough(rank vbc.Rank) int {
	switch rank {
	case vbc.RankToken:
		return 1
	case vbc.RankList:
		return 2
	}
	return g.need * (1 + g.ranks[rank].alone)
}

// Where much is broken by itself, as the audio of old recordings may be, so many
// more must fail in a row; and it is forgotten by and by, with each so many answers.
const (
	mostAlone = 10
	wellAgain = 20
)

// pass sends a request when the gate lets it through, and learns from its end.
// p tells what it is about from all else. The error is send's, or what ends the run.
func (g *gate) pass(ctx context.Context, rank vbc.Rank, p *patience, send func() error) error {
	probe, err := g.enter(ctx, rank, p)
	if err != nil {
		return err
	}
	sent := send()
	err = g.leave(rank, p, probe, sent)
	if !errors.Is(err, errTooLong) {
		return err
	}
	if g.alive(ctx) {
		g.spend(rank)
		return sent // and each fails by itself
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.over == nil && g.ranks[rank].opened.IsZero() {
		return sent // somebody else was answered in the meantime
	}
	return g.end(outOfOrder(rank, sent, g.ranks[rank].opened))
}

// errTooLong says that requests of a rank have been out of order for too long.
var errTooLong = errors.New("unavailable for too long")

// spend has requests of a rank fail by themselves from now on.
func (g *gate) spend(rank vbc.Rank) {
	g.mu.Lock()
	defer g.mu.Unlock()
	c := &g.ranks[rank]
	c.close()
	c.spent, c.alone = true, mostAlone
	g.stats.Waiting.Store(nil)
	g.log.Warn("VBC has not answered requests of this kind for too long, but answers others; continuing without waiting")
}

// close lets all requests pass.
func (c *outage) close() {
	c.opened, c.until, c.pauses = time.Time{}, time.Time{}, 0
	clear(c.failing)
	c.tell()
}

// enter waits until a request may be sent. probe says that it goes ahead of others.
func (g *gate) enter(ctx context.Context, rank vbc.Rank, p *patience) (probe bool, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	c := &g.ranks[rank]
	c.waiting = append(c.waiting, p)
	defer func() {
		c.waiting = slices.Delete(c.waiting, slices.Index(c.waiting, p), slices.Index(c.waiting, p)+1)
	}()
	for {
		wait := time.Until(c.until)
		switch {
		case g.over != nil:
			return false, g.over
		case ctx.Err() != nil:
			return false, context.Cause(ctx)
		case c.opened.IsZero():
			return false, nil
		case wait <= 0 && !c.probing && c.freshest() == p:
			c.probing = true
			return true, nil
		}
		changed := c.changed
		g.mu.Unlock()
		timer := time.NewTimer(max(wait, 0))
		if wait <= 0 {
			timer.Stop() // for a change
		}
		select {
		case <-timer.C:
		case <-changed:
		case <-ctx.Done():
		}
		timer.Stop()
		g.mu.Lock()
		if wait > 0 && time.Until(c.until) <= 0 {
			c.tell() // the one that goes ahead may be another
		}
	}
}

// freshest is the one that has failed least: what is broken by itself doesn't
// keep the gate open.
func (c *outage) freshest() *patience {
	return slices.MinFunc(c.waiting, func(a, b *patience) int { return a.Passed - b.Passed })
}

func (c *outage) tell() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// leave learns from how a request has ended.
func (g *gate) leave(rank vbc.Rank, p *patience, probe bool, err error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	c := &g.ranks[rank]
	if probe {
		c.probing = false
		defer c.tell()
	}
	e := vbc.AsError(err)
	switch {
	case e != nil && e.Blocked():
		return g.end(&refusal.Refusal{Code: code.Blocked, Reason: "VBC has blocked these requests: " + err.Error(),
			Hint: "this is not a quota and doesn't end by itself: ask the owner of the application in the developer portal, or Vonage. No more requests were sent to VBC"})
	case e != nil && e.Throttled():
		return g.throttled(err, e)
	case isOutage(err):
		g.refusedNoMore()
		return g.failed(rank, c, p, probe, err)
	case err == nil, e != nil, judge(err) == retry.Doubtful:
		g.refusedNoMore()
		g.answer(c)
	}
	return err
}

// answer notes that VBC has answered: if it was out of order, that is over.
func (g *gate) answer(c *outage) {
	c.answered++
	c.spent = false
	if c.well++; c.well >= wellAgain {
		c.well, c.alone = 0, max(0, c.alone-1)
	}
	clear(c.failing)
	if c.opened.IsZero() {
		return
	}
	lasted := time.Since(c.opened)
	c.close()
	if !g.anyOpen() {
		g.stats.Waiting.Store(nil)
		g.log.Info("VBC answers again; continuing", "after", lasted.Round(time.Second))
	}
}

func (g *gate) anyOpen() bool {
	return slices.ContainsFunc(g.ranks[:], func(c outage) bool { return !c.opened.IsZero() })
}

// failed notes a failure that may hit everything.
func (g *gate) failed(rank vbc.Rank, c *outage, p *patience, probe bool, err error) error {
	now := time.Now()
	if c.failing == nil {
		c.failing = map[*patience]bool{}
	}
	if !p.marked || p.rank != rank {
		p.marked, p.rank, p.answered = true, rank, c.answered
	}
	switch {
	case p.answered == c.answered:
		c.failing[p.self()] = true
	case !p.alone: // others were answered while this one failed: it is its own fault
		p.alone = true
		c.well, c.alone = 0, min(c.alone+1, mostAlone)
	}
	switch {
	case c.spent:
		return err
	case c.opened.IsZero():
		if len(c.failing) < g.enough(rank) {
			return err
		}
		if !g.anyOpen() {
			g.log.Warn("VBC is unreachable or unavailable; all requests wait", "reason", err, "at_most", g.limit)
		}
		c.opened = now
	case !probe:
		return err // it was under way when the gate opened
	case now.Sub(c.opened) >= g.limit && c.pauses >= fewestProbes:
		if (rank == vbc.RankFetch || rank == vbc.RankPurge) && g.alive != nil {
			return errTooLong
		}
		return g.end(outOfOrder(rank, err, c.opened))
	}
	pause := min(g.first<<min(c.pauses, 10), g.longest)
	c.pauses++
	c.until = now.Add(pause)
	if e := vbc.AsError(err); e != nil && e.Opens.After(c.until) {
		c.until = e.Opens
	}
	if last := c.opened.Add(g.limit); c.until.After(last) {
		c.until = last
	}
	g.stats.Waiting.Store(&progress.Waiting{What: "VBC is unavailable", Until: c.until})
	g.log.Debug("VBC is still unavailable", "reason", err, "next_try", c.until)
	return err
}

// outOfOrder ends a run in which VBC has answered nothing for too long.
func outOfOrder(rank vbc.Rank, err error, since time.Time) *refusal.Refusal {
	hint := "VBC, or a proxy in front of it, is unavailable: run the same command again later; it resumes, and nothing is lost"
	if vbc.AsError(err) == nil {
		hint = "check the network, DNS and HTTPS_PROXY, then run the same command again: it resumes, and nothing is lost"
	}
	if rank == vbc.RankList {
		hint += "; if only listings fail, --page-size 10 asks for less at once"
	}
	return &refusal.Refusal{Code: code.Outage, Reason: fmt.Sprintf("every request to VBC has failed since %s; the last error: %v", since.UTC().Format(time.RFC3339), err), Hint: hint}
}

// throttled notes a refusal for the quota, and ends the run where there has been
// nothing else for too long, or where waiting would take that long.
func (g *gate) throttled(err error, e *vbc.Error) error {
	now := time.Now()
	if g.refused.IsZero() {
		g.refused = now
	}
	const hint = "check whether another program uses this application's quota. Run the same command again later: it resumes, and nothing is lost; --max-wait sets how long a run waits"
	since := g.refused.UTC().Format(time.RFC3339)
	switch opens := e.Opens; {
	case g.maxWait > 0 && opens.Sub(g.refused) > g.maxWait && opens.Sub(now) > g.maxWait/2:
		return g.end(&refusal.Refusal{Code: code.QuotaClosed, Reason: fmt.Sprintf("VBC accepts no requests before %s, which is longer than this run may wait: %v", opens.UTC().Format(time.RFC3339), err),
			Hint: "run the same command again after that: it resumes, and nothing is lost; --max-wait sets how long a run waits, and a higher quota tier in the developer portal avoids the wait"})
	case g.maxWait > 0 && (now.Sub(g.refused) >= g.maxWait || opens.Sub(g.refused) > g.maxWait):
		return g.end(&refusal.Refusal{Code: code.QuotaRefusals, Reason: fmt.Sprintf("VBC has refused every request since %s because the request quota is used up; the last error: %v", since, err), Hint: hint})
	}
	if !g.warned && now.Sub(g.refused) >= 10*g.first { // 20 s, which more than one window takes
		g.warned = true
		g.log.Warn("VBC refuses every request because the request quota is used up; all requests wait", "since", since, "at_most", g.maxWait, "reason", err)
		g.stats.Waiting.Store(&progress.Waiting{What: "VBC's request quota is used up"})
	}
	return err
}

// refusedNoMore notes a request that wasn't refused for the quota.
func (g *gate) refusedNoMore() {
	if g.warned {
		g.stats.Waiting.Store(nil)
		g.log.Info("VBC's request quota allows requests again; continuing", "after", time.Since(g.refused).Round(time.Second))
	}
	g.refused, g.warned = time.Time{}, false
}

// end has all that wait, and all that come, return why.
func (g *gate) end(why error) error {
	if g.over == nil {
		g.over = why
		g.stats.Waiting.Store(nil)
		for i := range g.ranks {
			g.ranks[i].tell()
		}
	}
	return g.over
}

// unproven reports whether nothing has been answered since something began to
// fail: it may not be its own fault.
func (g *gate) unproven(p *patience) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	c := &g.ranks[p.rank]
	return p.marked && c.answered == p.answered && !c.spent
}

// isOutage reports whether an error says that VBC can't be reached, or is out of
// order, whatever was asked.
func isOutage(err error) bool {
	if err == nil || judge(err) != retry.Passing {
		return false
	}
	if e := vbc.AsError(err); e != nil {
		return e.Outage()
	}
	return !isRefusedOnTheWay(err)
}

// isRefusedOnTheWay reports whether somebody between here and VBC doesn't let us
// through: that doesn't pass by itself.
func isRefusedOnTheWay(err error) bool {
	if isA[*tls.CertificateVerificationError](err) || isA[tls.RecordHeaderError](err) {
		return true
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return !dns.IsNotFound && !dns.IsTimeout && !dns.IsTemporary
	}
	for e := err; e != nil; e = errors.Unwrap(e) { // net/http says of a proxy's refusal no more than the text of its status
		for status := http.StatusBadRequest; status < http.StatusInternalServerError; status++ {
			if text := http.StatusText(status); text != "" && e.Error() == text {
				return true
			}
		}
	}
	return false
}
