package s3store

import (
	"context"
	"sync"
)

// Pool is so many buffers of a part's size, shared by the uploads of all stores that
// have joined: they bound the memory, however many uploads and stores there are. Each
// buffer is made when it is first needed. An upload holds one while it fills and sends
// a part.
//
// A store on whose side everything is slow, the source or the bucket, holds its buffers
// for long. So one that has a buffer takes another only while enough are left for the
// stores that have none, or half of all are: it never has them all to itself while
// others are there. All methods may be called concurrently.
type Pool struct {
	size int // bytes of each

	mu      sync.Mutex
	ready   [][]byte
	unmade  int // how many more may be made
	total   int
	joined  int           // stores
	holding int           // of them: with a buffer
	changed chan struct{} // closed when anything of this has changed for the better
}

// NewPool makes a pool of n buffers of PartSize.
func NewPool(n int) *Pool { return newPool(n, PartSize) }

func newPool(n, size int) *Pool {
	return &Pool{size: size, unmade: n, total: n, changed: make(chan struct{})}
}

// Share is one store's part in a Pool.
type Share struct {
	pool *Pool
	held int // guarded by pool.mu
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
	p.better()
}

// take waits for a buffer.
func (s *Share) take(ctx context.Context) ([]byte, error) {
	for {
		buffer, changed := s.tryTake()
		if buffer != nil {
			return buffer, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// tryTake takes a buffer if there is one for this store, else it says what to wait for.
func (s *Share) tryTake() (buffer []byte, changed <-chan struct{}) {
	p := s.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	free := p.unmade + len(p.ready)
	spare := 0
	if s.held > 0 {
		spare = min(p.joined-p.holding, p.total/2)
	}
	if free <= spare {
		return nil, p.changed
	}
	if last := len(p.ready) - 1; last >= 0 {
		buffer, p.ready = p.ready[last], p.ready[:last]
	} else {
		buffer = make([]byte, p.size)
		p.unmade--
	}
	if s.held++; s.held == 1 {
		p.holding++
	}
	return buffer, nil
}

func (s *Share) give(buffer []byte) {
	p := s.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ready = append(p.ready, buffer)
	if s.held--; s.held == 0 {
		p.holding--
	}
	p.better()
}

// better wakes whoever waits. The caller holds mu.
func (p *Pool) better() {
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
