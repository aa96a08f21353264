package storagetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/storage"
)

// part is the largest object that is sent in one piece.
const part = 5 << 20

// Run is the suite that every Store passes. open returns a new, empty
// destination; damage changes a stored object's bytes behind its back.
func Run(t *testing.T, open func(t *testing.T) (d storage.Destination, damage func(t *testing.T, key string))) {
	s := &suite{open: open}
	for _, c := range []struct {
		name string
		test func(*testing.T, storage.Destination)
	}{
		{"round trip at every size", roundTrip},
		{"a wrong hint of the size changes nothing", wrongHint},
		{"a missing object is not found", missing},
		{"what is wanted is never echoed", noEcho},
		{"nothing is overwritten", noOverwrite},
		{"the same content again is adopted", sameAgain},
		{"an occupant can be adopted", adopt},
		{"an error of the reader publishes nothing", readerError},
		{"an error of Seal publishes nothing", sealError},
		{"Seal comes once, before anything is visible", sealOrder},
		{"cancellation publishes nothing", cancellation},
		{"many writers of one key agree on one content", manyWriters},
		{"List is in order and keeps to its prefix", list},
		{"Names go up to the next slash", names},
		{"looking changes nothing", exploring},
		{"hostile keys stay inside", hostileKeys},
		{"a second Probe knows the destination", probe},
		{"a Put from within another's Seal waits for nothing", putWithinSeal},
		{"what Seal was told knows the object again", marks},
		{"a range is what was asked for", openRanges},
		{"what has no such range says so", noRanges},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, _ := s.open(t)
			if _, err := d.Probe(t.Context(), ""); err != nil {
				t.Fatalf("probe: %v", err)
			}
			c.test(t, d)
		})
	}
	t.Run("a damaged occupant can be replaced", s.replace)
	t.Run("what is derived can be replaced, and no other", s.replaceDerived)
	t.Run("damage shows", s.damageShows)
	t.Run("a range is never of another object", s.changedRange)
	t.Run("what was read is proven while it is the very same", s.reread)
	t.Run("an occupant is read if nothing is remembered of it for sure", s.rereadOccupant)
}

type suite struct {
	open func(t *testing.T) (storage.Destination, func(t *testing.T, key string))
}

// bytesOf makes n reproducible bytes.
func bytesOf(n int, seed uint64) []byte {
	b := make([]byte, n)
	src := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	_, _ = src.Read(b)
	return b
}

func contentOf(b []byte) storage.Content {
	return storage.Content{Size: int64(len(b)), SHA256: storage.SumOf(b)}
}

func put(t *testing.T, d storage.Store, key string, b []byte) storage.Object {
	t.Helper()
	o, err := d.Put(t.Context(), key, storage.Body{Reader: bytes.NewReader(b)}, storage.Attrs{ContentType: "audio/mpeg"})
	if err != nil {
		t.Fatalf("put %s: %v", key, err)
	}
	return o
}

// mustHold fails unless the store proves that it holds b.
func mustHold(t *testing.T, d storage.Store, o storage.Object, b []byte) {
	t.Helper()
	has, err := d.Stat(t.Context(), o)
	if err != nil {
		t.Fatalf("stat %s: %v", o.Key, err)
	}
	if has.Content != contentOf(b) {
		t.Fatalf("stat %s: has %d bytes, %s; want %d bytes, %s", o.Key, has.Size, has.SHA256, len(b), storage.SumOf(b))
	}
	r, err := d.Open(t.Context(), o)
	if err != nil {
		t.Fatalf("open %s: %v", o.Key, err)
	}
	defer r.Close()
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, b) {
		t.Fatalf("read %s: %d bytes, %v; want the %d that were put", o.Key, len(got), err, len(b))
	}
}

// mustBeEmpty fails if anything is under the key.
func mustBeEmpty(t *testing.T, d storage.Store, key string) {
	t.Helper()
	if _, err := d.Stat(context.WithoutCancel(t.Context()), storage.Object{Key: key}); !errors.Is(err, storage.ErrNotFound) {
		t.Fatalf("stat %s: %v; want that it isn't there", key, err)
	}
}

func roundTrip(t *testing.T, d storage.Destination) {
	for i, n := range []int{0, 1, 1000, part - 1, part, part + 1, 2 * part, 2*part + 12345} {
		b := bytesOf(n, uint64(i))
		key := fmt.Sprintf("a/b=%d/c.mp3", i)
		o := put(t, d, key, b)
		if o.Key != key || o.Content != contentOf(b) {
			t.Errorf("%d bytes: put returned %+v", n, o)
		}
		mustHold(t, d, o, b)
	}
}

func wrongHint(t *testing.T, d storage.Destination) {
	for i, c := range []struct{ n, hint int }{{100, 100}, {100, 10}, {100, 1000}, {part + 100, 100}, {100, part + 100}, {0, 5}, {part, part - 1}, {part, part}} {
		b := bytesOf(c.n, 1)
		o, err := d.Put(t.Context(), fmt.Sprint("k", i), storage.Body{Reader: bytes.NewReader(b), Size: int64(c.hint)}, storage.Attrs{})
		if err != nil {
			t.Fatalf("%d bytes, %d expected: %v", c.n, c.hint, err)
		}
		mustHold(t, d, o, b)
	}
}

func noOverwrite(t *testing.T, d storage.Destination) {
	for i, n := range []int{100, part + 100} {
		key, first := fmt.Sprint("k", i), bytesOf(n, 1)
		o := put(t, d, key, first)
		for j, m := range []int{50, part + 50} {
			_, err := d.Put(t.Context(), key, storage.Body{Reader: bytes.NewReader(bytesOf(m, 2+uint64(j)))}, storage.Attrs{})
			taken, ok := errors.AsType[*storage.OccupiedError](err)
			if !ok || taken.Occupant.Content != contentOf(first) {
				t.Errorf("put %d over %d bytes: %v; want an OccupiedError that proves the occupant", m, n, err)
			}
			mustHold(t, d, o, first)
		}
	}
}

func sameAgain(t *testing.T, d storage.Destination) {
	for i, n := range []int{100, part + 100} {
		b := bytesOf(n, 1)
		key := fmt.Sprint("k", i)
		put(t, d, key, b)
		o, err := d.Put(t.Context(), key, storage.Body{
			Reader: bytes.NewReader(b),
			Occupied: func(storage.Object) storage.Resolution {
				t.Error("asked about the same content")
				return storage.Refuse
			},
		}, storage.Attrs{})
		if err != nil || o.Content != contentOf(b) {
			t.Errorf("%d bytes again: %+v, %v", n, o, err)
		}
	}
}

func adopt(t *testing.T, d storage.Destination) {
	first, second := []byte("first"), []byte("second")
	put(t, d, "k", first)
	o, err := d.Put(t.Context(), "k", storage.Body{
		Reader:   bytes.NewReader(second),
		Occupied: func(o storage.Object) storage.Resolution { return storage.Adopt },
	}, storage.Attrs{})
	if err != nil || o.Content != contentOf(first) {
		t.Fatalf("adopt: %+v, %v; want the occupant", o, err)
	}
	mustHold(t, d, o, first)
}

var errBroken = errors.New("broken on purpose")

func readerError(t *testing.T, d storage.Destination) {
	for i, n := range []int{0, 100, part, part + 100} {
		key := fmt.Sprint("k", i)
		r := io.MultiReader(bytes.NewReader(bytesOf(n, 1)), &brokenReader{})
		_, err := d.Put(t.Context(), key, storage.Body{
			Reader: r, Seal: func(storage.Object) error { t.Error("sealed what was never whole"); return nil },
		}, storage.Attrs{})
		if !errors.Is(err, errBroken) {
			t.Errorf("reader breaks after %d bytes: %v; want its error", n, err)
		}
		mustBeEmpty(t, d, key)
	}
}

type brokenReader struct{}

func (*brokenReader) Read([]byte) (int, error) { return 0, errBroken }

func sealError(t *testing.T, d storage.Destination) {
	for i, n := range []int{100, part, part + 100} {
		key := fmt.Sprint("k", i)
		_, err := d.Put(t.Context(), key, storage.Body{
			Reader: bytes.NewReader(bytesOf(n, 1)), Seal: func(storage.Object) error { return errBroken },
		}, storage.Attrs{})
		if !errors.Is(err, errBroken) {
			t.Errorf("seal of %d bytes: %v; want its error", n, err)
		}
		mustBeEmpty(t, d, key)
	}
}

func sealOrder(t *testing.T, d storage.Destination) {
	for i, n := range []int{100, part + 100} {
		key, b, calls := fmt.Sprint("k", i), bytesOf(n, 1), 0
		var sealed storage.Object
		o, err := d.Put(t.Context(), key, storage.Body{Reader: bytes.NewReader(b), Seal: func(o storage.Object) error {
			calls, sealed = calls+1, o
			mustBeEmpty(t, d, key)
			return nil
		}}, storage.Attrs{})
		if err != nil || calls != 1 || sealed.Content != contentOf(b) || sealed.Key != key {
			t.Errorf("%d bytes: sealed %d times with %+v, %v", n, calls, sealed, err)
		}
		// What Seal was told is enough to prove the object later: it is what
		// is written down before a crash.
		mustHold(t, d, sealed, b)
		mustHold(t, d, o, b)
	}
}

func cancellation(t *testing.T, d storage.Destination) {
	for i, n := range []int{100, part + 100} {
		ctx, cancel := context.WithCancel(t.Context())
		key := fmt.Sprint("k", i)
		_, err := d.Put(ctx, key, storage.Body{
			Reader: bytes.NewReader(bytesOf(n, 1)), Seal: func(storage.Object) error { cancel(); return nil },
		}, storage.Attrs{})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%d bytes, cancelled: %v", n, err)
		}
		mustBeEmpty(t, d, key)
	}
	if _, err := d.Tidy(t.Context(), ""); err != nil {
		t.Errorf("tidy: %v", err)
	}
	if n, err := d.Tidy(t.Context(), ""); n != 0 || err != nil {
		t.Errorf("tidy again: %d, %v; want nothing left", n, err)
	}
}

func manyWriters(t *testing.T, d storage.Destination) {
	const writers = 8
	var wg sync.WaitGroup
	errs := make([]error, writers)
	for i := range writers {
		wg.Go(func() {
			_, errs[i] = d.Put(t.Context(), "k", storage.Body{Reader: bytes.NewReader(bytesOf(1000, uint64(i)))}, storage.Attrs{})
		})
	}
	wg.Wait()
	has, err := d.Stat(t.Context(), storage.Object{Key: "k"})
	if err != nil {
		t.Fatal(err)
	}
	for i, err := range errs {
		won := has.Content == contentOf(bytesOf(1000, uint64(i)))
		if won != (err == nil) {
			t.Errorf("writer %d: won %v, was told %v", i, won, err)
		}
	}
}

// putWithinSeal has so many bodies at once that whatever they share is used up, and
// stores from within each Seal another that is as large.
func putWithinSeal(t *testing.T, d storage.Destination) {
	// More than any store takes for small, and less than a part.
	const bodies, together, size = 12, 4, 1<<20 + 1000 // as many at once as any store has buffers for
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var sealing atomic.Int64
	all := make(chan struct{})
	var wg sync.WaitGroup
	for i := range bodies {
		wg.Go(func() {
			content := bytesOf(size, uint64(i))
			inner := func(name string, hint int64, within bool) error {
				_, err := d.Put(ctx, fmt.Sprint("inner/", i, name), storage.Body{
					Reader: bytes.NewReader(content[:size-10]), Size: hint, Within: within,
				}, storage.Attrs{})
				return err
			}
			_, err := d.Put(ctx, fmt.Sprint("outer/", i), storage.Body{Reader: bytes.NewReader(content), Seal: func(storage.Object) error {
				if sealing.Add(1) == together {
					close(all)
				}
				select {
				case <-all:
				case <-ctx.Done():
					return context.Cause(ctx)
				}
				return errors.Join(inner("a", 0, false), inner("b", size-10, true), inner("c", 2*part, true))
			}}, storage.Attrs{})
			if err != nil {
				t.Errorf("body %d: %v", i, err)
			}
		})
	}
	wg.Wait()
}
