package s3store

import (
	"context"
	"math"
	"slices"
	"sync"
)

// Pool is so many buffers of a part's size, shared by the uploads of all stores that
// have joined, and so many bytes for what is smaller: they bound the memory, however
// many uploads and stores there are. Each buffer is made when it is first needed, and
// used again. An upload holds one while it fills and sends a part. What lies idle makes
// room for what is needed, so that all together keep to what the parts alone would need,
// unless more than that is in use.
//
// A store on whose side everything is slow, the source or the bucket, holds its buffers
// for long. So one that has a buffer takes another only while enough are left for the
// stores that have none, or half of all are: it never has them all to itself while
// others are there. All methods may be called concurrently.
type Pool struct {
	size int // bytes of each buffer

	mu      sync.Mutex
	ready   [][]byte
	idle    [][]byte      // of smaller bodies, the one given back last at the end
	unmade  int           // how many more may be made, of a part's size
	joined  int           // stores
	parts   budget        // of buffers; what is ready is free
	small   budget        // of bytes
	changed chan struct{} // closed when there is more to take than before
}

// budget is something that stores share. The pool's mu guards it.
type budget struct {
	total, free int
	holding     int // stores that have some
}

// NewPool makes a pool of n buffers of PartSize, and of half as many bytes again for
// smaller bodies.
func NewPool(n int) *Pool { return newPool(n, PartSize, n*PartSize/2) }

func newPool(n, size, small int) *Pool {
	return &Pool{size: size, unmade: n, parts: budget{total: n, free: n}, small: budget{total: small, free: small}, changed: make(chan struct{})}
}

// Share is one store's part in a Pool.
type Share struct {
	pool *Pool

	// The pool's mu guards them.
	parts int // buffers that it holds
	small int // bytes
}

// Join lets a store take buffers, until Leave.
func (p *Pool) Join() *Share {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.joined++
	return &Share{pool: p}
}

// Leave says that the store takes no more buffers; it has given all back. When the
// last one leaves, the memory is free.
func (s *Share) Leave() {
	p := s.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.joined--; p.joined == 0 {
		p.unmade += len(p.ready)
		p.ready, p.idle = nil, nil
	}
	p.more()
}

// take waits for a buffer.
func (s *Share) take(ctx context.Context) (buffer []byte, err error) {
	p := s.pool
	err = s.wait(ctx, &p.parts, &s.parts, 1, 1, func() {
		if last := len(p.ready) - 1; last >= 0 {
			buffer, p.ready = p.ready[last], p.ready[:last]
		} else {
			buffer = make([]byte, p.size)
			p.unmade--
			p.trim()
		}
	})
	return buffer, err
}

func (s *Share) give(buffer []byte) {
	s.giveBack(&s.pool.parts, &s.parts, 1, func() { s.pool.ready = append(s.pool.ready, buffer) })
}

// takeSmall waits for a buffer of just n bytes, at most one more than smallBody.
func (s *Share) takeSmall(ctx context.Context, n int) (buffer []byte, err error) {
	err = s.wait(ctx, &s.pool.small, &s.small, n, smallBody+1, func() { buffer = s.pool.smallOf(n) })
	return buffer, err
}

func (s *Share) giveSmall(buffer []byte) {
	s.giveBack(&s.pool.small, &s.small, len(buffer), func() {
		s.pool.idle = append(s.pool.idle, buffer)
		s.pool.trim()
	})
}

// smallOf is an idle buffer if there is one of n bytes, or of a few more. The caller
// holds mu.
func (p *Pool) smallOf(n int) []byte {
	const step = 64 << 10
	size := (n + step - 1) / step * step
	for i, b := range slices.Backward(p.idle) {
		if cap(b) == size {
			p.idle = slices.Delete(p.idle, i, i+1)
			return b[:n]
		}
	}
	p.trim()
	return make([]byte, n, size)
}

// trim lets go of what lies idle and is too much: smaller ones first, and of them the
// oldest. The caller holds mu.
func (p *Pool) trim() {
	tooMuch := p.small.total - p.small.free - p.unmade*p.size
	for _, b := range p.idle {
		tooMuch += cap(b)
	}
	for tooMuch > 0 && len(p.idle) > 0 {
		tooMuch -= cap(p.idle[0])
		p.idle = slices.Delete(p.idle, 0, 1)
	}
	for last := len(p.ready) - 1; tooMuch > 0 && last >= 0; last-- {
		p.ready = slices.Delete(p.ready, last, last+1)
		p.unmade++
		tooMuch -= p.size
	}
}

// wait waits until the store may take n of a budget, of which it holds so much, and has
// got do it. each is the most that others take at first.
func (s *Share) wait(ctx context.Context, of *budget, held *int, n, each int, got func()) error {
	for {
		changed := s.try(of, held, n, each, got)
		if changed == nil {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// try is wait without waiting; it returns what to wait for, nil if it has taken.
func (s *Share) try(of *budget, held *int, n, each int, got func()) <-chan struct{} {
	p := s.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	spare := 0
	if *held > 0 {
		spare = min((p.joined-of.holding)*each, of.total/2)
	}
	if of.free-n < spare {
		return p.changed
	}
	if *held == 0 {
		of.holding++
	}
	of.free, *held = of.free-n, *held+n
	got()
	return nil
}

func (s *Share) giveBack(to *budget, held *int, n int, given func()) {
	p := s.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	if to.free, *held = to.free+n, *held-n; *held == 0 {
		to.holding--
	}
	given()
	p.more()
}

// more wakes whoever waits. The caller holds mu.
func (p *Pool) more() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// Buffers is how many uploads may hold a part in memory at once, for so many
// connections: an upload waits for a part of another's, not for all of it.
func Buffers(connections int) int {
	const fewest = 4
	return max(fewest, connections/4)
}

// PartSize is how many bytes each of them holds.
const PartSize = defaultPart

// unbounded is for a store that is alone: its connections bound what is small.
const unbounded = math.MaxInt / 2
