package s3store_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/vbcvault/vbcvault/storage/s3store"
)

// takeAll takes buffers for a store until it would have to wait.
func takeAll(t *testing.T, s *s3store.Share) (all [][]byte) {
	t.Helper()
	for {
		b := tryTake(t, s)
		if b == nil {
			return all
		}
		all = append(all, b)
	}
}

// tryTake takes a buffer unless that would have to wait. It is called in a bubble.
func tryTake(t *testing.T, s *s3store.Share) (buffer []byte) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		var err error
		buffer, err = s.Take(ctx)
		done <- err
	}()
	synctest.Wait()
	cancel()
	if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	return buffer
}

// A store whose uploads stand still doesn't keep others from theirs, and one that is
// alone may use everything.
func TestStoresShareBuffers(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ stores, first, second int }{{1, 8, 0}, {2, 7, 1}, {4, 5, 1}, {50, 4, 1}} {
		synctest.Test(t, func(t *testing.T) {
			pool := s3store.NewPool(8)
			shares := make([]*s3store.Share, test.stores)
			for i := range shares {
				shares[i] = pool.Join()
			}
			slow := takeAll(t, shares[0])
			if len(slow) != test.first || len(slow[0]) != s3store.PartSize {
				t.Errorf("of %d stores, the first one gets %d buffers, want %d", test.stores, len(slow), test.first)
			}
			if test.stores == 1 {
				return
			}
			if n := len(takeAll(t, shares[1])); n < test.second {
				t.Errorf("of %d stores, the second one gets %d buffers, want %d or more", test.stores, n, test.second)
			}
		})
	}
}

// However many stores there are, there are no more buffers than the pool has; whoever
// waits for one gets what is given back, or what a store that leaves has kept free.
func TestSharedBuffersAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		pool := s3store.NewPool(3)
		a, b, c := pool.Join(), pool.Join(), pool.Join()
		first := tryTake(t, a)
		if first == nil || tryTake(t, b) == nil || tryTake(t, c) == nil || tryTake(t, a) != nil {
			t.Fatal("three stores don't have one of three buffers each")
		}
		got := make(chan []byte)
		go func() {
			buffer, _ := b.Take(t.Context())
			got <- buffer
		}()
		synctest.Wait()
		a.Give(first) // b has one, and a has none: it is kept for a
		synctest.Wait()
		select {
		case <-got:
			t.Fatal("the last buffer went to a store that has one")
		default:
		}
		a.Leave()
		if buffer := <-got; &buffer[0] != &first[0] {
			t.Error("a buffer was made although one was free")
		}
	})
}

// What is smaller than a part is bounded too, by its bytes.
func TestSmallBodiesAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		pool := s3store.NewPool(8) // and 20 MiB
		a, b := pool.Join(), pool.Join()
		held := 0
		for a.TrySmall(t.Context(), 1<<20) {
			held++
		}
		if held != 18 { // one is left for b, which may need a byte more
			t.Errorf("one of two stores has %d MiB, want 18", held)
		}
		if !b.TrySmall(t.Context(), 1<<20) {
			t.Error("the other one has to wait")
		}
		if !a.TrySmall(t.Context(), 1<<20) || b.TrySmall(t.Context(), 1) {
			t.Error("what is free isn't used, or more than that")
		}
	})
}

// Buffers are used again, also those of smaller bodies, and what lies idle makes room for
// what is needed: a pool holds no more than its parts, as long as no more is in use.
func TestIdleBuffersMakeRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		pool := s3store.NewPool(4)
		s := pool.Join()
		small := func(n int) []byte {
			b, err := s.TakeSmall(t.Context(), n)
			if err != nil || len(b) != n {
				t.Fatalf("%d bytes of %d, %v", len(b), n, err)
			}
			return b
		}
		most := 0
		watch := func() { most = max(most, pool.Bytes()) }
		parts := takeAll(t, s)
		for _, b := range parts {
			s.Give(b)
		}
		for range 3 {
			var all [][]byte
			for range 9 {
				all = append(all, small(1<<20))
				watch()
			}
			for _, b := range all {
				s.GiveSmall(b)
				watch()
			}
		}
		first := small(1 << 20)
		s.GiveSmall(first)
		again, other := small(1<<20-1000), small(300_000)
		if &again[0] != &first[0] {
			t.Error("a buffer was made although one was idle")
		}
		if &other[0] == &first[0] || cap(other) > 400_000 {
			t.Errorf("a body of 300 kB has %d", cap(other))
		}
		s.GiveSmall(again)
		s.GiveSmall(other)
		takeAll(t, s)
		watch()
		if len(parts) != 4 || most > 4*s3store.PartSize || most < 3*s3store.PartSize {
			t.Errorf("%d parts, at most %d bytes", len(parts), most)
		}
	})
}
