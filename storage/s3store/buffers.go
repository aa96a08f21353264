package s3store

import (
	"context"
	"math"
	"sync"
)

// Pool is so many buffers of a part's size, shared by the uploads of all stores that
// have joined, and so many bytes for what is smaller: they bound the memory, however
// many uploads and stores there are. Each buffer is made when it is first needed. An
// upload holds one while it fills and sends a part.
//
// A store on whose side everything is slow, the source or the bucket, holds its buffers
// for long. So one that has a buffer takes another only while enough are left for the
// stores that have none, or half of all are: it never has them all to itself while
// others are there. All methods may be called concurrently.
type Pool struct {
	size int // bytes of each buffer

	mu      sync.Mutex
	ready   [][]byte
	unmade  int           // how many more may be made
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
		p.ready = nil
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
		}
	})
	return buffer, err
}

func (s *Share) give(buffer []byte) {
	s.giveBack(&s.pool.parts, &s.parts, 1, func() { s.pool.ready = append(s.pool.ready, buffer) })
}

// takeSmall waits for a buffer of just n bytes, at most one more than smallBody.
func (s *Share) takeSmall(ctx context.Context, n int) (buffer []byte, err error) {
	err = s.wait(ctx, &s.pool.small, &s.small, n, smallBody+1, func() { buffer = make([]byte, n) })
	return buffer, err
}

func (s *Share) giveSmall(n int) { s.giveBack(&s.pool.small, &s.small, n, func() {}) }

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
	const fewest = 8
	return max(fewest, connections/2)
}

// PartSize is how many bytes each of them holds.
const PartSize = defaultPart

// unbounded is for a store that is alone: its connections bound what is small.
const unbounded = math.MaxInt / 2
