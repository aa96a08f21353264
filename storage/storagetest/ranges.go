package storagetest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"testing"

	"github.com/vbcvault/vbcvault/storage"
)

// readRange reads a range to its end.
func readRange(t *testing.T, d storage.Store, o storage.Object, off, n int64) ([]byte, error) {
	t.Helper()
	r, err := d.OpenRange(t.Context(), o, off, n)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(r)
	return b, errors.Join(err, r.Close())
}

// Ranges are what was asked for, to the byte, in objects of one part and of several.
func openRanges(t *testing.T, d storage.Destination) {
	for i, size := range []int64{1, 1000, part + 100} {
		b := bytesOf(int(size), uint64(i))
		o := put(t, d, fmt.Sprint("k", i), b)
		has, err := d.Stat(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		for _, about := range []storage.Object{o, has, {Key: o.Key}} {
			for _, c := range []struct{ off, n int64 }{
				{0, 1}, {0, size}, {0, size + 1}, {0, math.MaxInt64}, {size - 1, 1}, {size - 1, 100}, {size / 2, 7}, {size / 2, math.MaxInt64},
			} {
				want := b[c.off:min(size, c.off+min(c.n, size))]
				if got, err := readRange(t, d, about, c.off, c.n); err != nil || !bytes.Equal(got, want) {
					t.Errorf("%d bytes, %d from %d on: %d bytes, %v; want %d", size, c.n, c.off, len(got), err, len(want))
				}
			}
			for _, off := range []int64{size, size + 1, math.MaxInt64} {
				if got, err := readRange(t, d, about, off, 1); !errors.Is(err, storage.ErrRange) {
					t.Errorf("%d bytes, from %d on: %d bytes, %v; want ErrRange", size, off, len(got), err)
				}
			}
		}
		for _, c := range []struct{ off, n int64 }{{-1, 1}, {0, 0}, {0, -1}, {math.MinInt64, math.MaxInt64}} {
			if got, err := readRange(t, d, o, c.off, c.n); err == nil {
				t.Errorf("%d from %d on: %d bytes; want it refused", c.n, c.off, len(got))
			}
		}
	}
}

// An object that is empty has no ranges, one that isn't there has none, and a wrong key
// isn't tried.
func noRanges(t *testing.T, d storage.Destination) {
	empty := put(t, d, "empty", nil)
	if got, err := readRange(t, d, empty, 0, 1); !errors.Is(err, storage.ErrRange) {
		t.Errorf("empty: %d bytes, %v; want ErrRange", len(got), err)
	}
	if _, err := readRange(t, d, storage.Object{Key: "none"}, 0, 1); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("none: %v; want ErrNotFound", err)
	}
	for _, key := range []string{"", "../x", "a//b"} {
		if _, err := readRange(t, d, storage.Object{Key: key}, 0, 1); err == nil {
			t.Errorf("%q: want it refused", key)
		}
	}
}

// changedRange: of another object that lies in the place of one that is known, no byte
// is answered.
func (s *suite) changedRange(t *testing.T) {
	d, damage := s.open(t)
	if _, err := d.Probe(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	o := put(t, d, "k", bytesOf(1000, 1))
	has, err := d.Stat(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := readRange(t, d, has, 10, 10); err != nil {
		t.Fatal(err)
	}
	damage(t, "k")
	now, err := d.Stat(t.Context(), storage.Object{Key: "k"})
	if err != nil || now.Seen == has.Seen && now.ETag == has.ETag {
		t.Skipf("the store can't tell: %v", err)
	}
	got, err := readRange(t, d, has, 10, 10)
	if earlier := has.VersionID != "" && err == nil && bytes.Equal(got, bytesOf(1000, 1)[10:20]); !earlier && !errors.Is(err, storage.ErrChanged) {
		t.Errorf("%d bytes of another object, %v; want ErrChanged", len(got), err)
	}
	if _, err := readRange(t, d, now, 10, 5); err != nil {
		t.Errorf("as it is now: %v", err)
	}
}
