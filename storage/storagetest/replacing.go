package storagetest

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/vbcvault/vbcvault/storage"
)

func (s *suite) replace(t *testing.T) {
	for _, n := range []int{100, part + 100} {
		d, damage := s.open(t)
		if _, err := d.Probe(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
		b := bytesOf(n, 1)
		put(t, d, "k", b)
		damage(t, "k")
		var asked []storage.Object
		o, err := d.Put(t.Context(), "k", storage.Body{Reader: bytes.NewReader(b), Occupied: func(o storage.Object) storage.Resolution {
			asked = append(asked, o)
			return storage.Replace
		}}, storage.Attrs{})
		if err != nil || len(asked) != 1 || asked[0].Content == contentOf(b) {
			t.Fatalf("%d bytes: %v, asked about %+v; want one question about the damaged one", n, err, asked)
		}
		mustHold(t, d, o, b)
	}
}

// replaceDerived replaces a whole occupant, unless it has become another one
// since it was looked at.
func (s *suite) replaceDerived(t *testing.T) {
	for _, n := range []int{100, part + 100} {
		d, _ := s.open(t)
		if _, err := d.Probe(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
		write := func(seed uint64, meanwhile func()) (storage.Object, error) {
			return d.Put(t.Context(), "k", storage.Body{Reader: bytes.NewReader(bytesOf(n, seed)), Occupied: func(storage.Object) storage.Resolution {
				meanwhile()
				return storage.Replace
			}}, storage.Attrs{Derived: true})
		}
		put(t, d, "k", bytesOf(n, 1))
		o, err := write(2, func() {})
		if err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
		mustHold(t, d, o, bytesOf(n, 2))
		var third storage.Object
		_, err = write(4, func() {
			if third, err = write(3, func() {}); err != nil {
				t.Fatalf("%d bytes: %v", n, err)
			}
		})
		var occupied *storage.OccupiedError
		if !errors.As(err, &occupied) {
			t.Errorf("%d bytes: %v; want that another one is there by now", n, err)
		}
		mustHold(t, d, third, bytesOf(n, 3))
	}
}

func (s *suite) damageShows(t *testing.T) {
	for _, n := range []int{100, part + 100} {
		d, damage := s.open(t)
		b := bytesOf(n, 1)
		o := put(t, d, "k", b)
		damage(t, "k")
		has, err := d.Stat(t.Context(), o)
		if err == nil && has.Content == contentOf(b) {
			t.Errorf("%d bytes: damage doesn't show", n)
		}
	}
}

// marks knows an object by what Seal was told of it, and takes another for another.
// That it does so too when the bytes are damaged, a store's own tests show.
func marks(t *testing.T, d storage.Destination) {
	for _, n := range []int{100, part + 100} {
		key := fmt.Sprint("k", n)
		write := func(seed uint64) (told storage.Object) {
			_, err := d.Put(t.Context(), key, storage.Body{
				Reader: bytes.NewReader(bytesOf(n, seed)), Seal: func(o storage.Object) error { told = o; return nil },
				Occupied: func(storage.Object) storage.Resolution { return storage.Replace },
			}, storage.Attrs{Derived: true})
			if err != nil {
				t.Fatalf("%d bytes: %v", n, err)
			}
			return told
		}
		knows := func(told storage.Object, want bool) {
			has, err := d.Reread(t.Context(), storage.Object{Key: key})
			if err != nil || has.Bears(told) != want {
				t.Errorf("%d bytes: %+v, %v; is it %+v? want %v", n, has, err, told, want)
			}
		}
		first := write(1)
		knows(first, true)
		second := write(2)
		knows(second, true)
		knows(first, false)
	}
}

// reread reads, and knows what it has read from what comes after it.
func (s *suite) reread(t *testing.T) {
	for _, n := range []int{100, part + 100} {
		d, damage := s.open(t)
		if _, err := d.Probe(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
		b := bytesOf(n, 1)
		o := put(t, d, "k", b)
		if o.Adopted {
			t.Errorf("%d bytes: what was written was there before", n)
		}
		read, err := d.Reread(t.Context(), o)
		if err != nil || read.Content != contentOf(b) || read.Proof != storage.ProofRead || read.Seen == "" {
			t.Fatalf("%d bytes: %+v, %v", n, read, err)
		}
		o.Content, o.Seen = read.Content, read.Seen
		has, err := d.Stat(t.Context(), o)
		if err != nil || has.Content != read.Content || has.Proof != storage.ProofRead || has.Seen != read.Seen {
			t.Errorf("%d bytes: %+v, %v; want it confirmed by what was read", n, has, err)
		}
		damage(t, "k")
		// A server may not notice what happens on its disk; reading does.
		if has, err = d.Stat(t.Context(), o); err == nil && has.Seen != read.Seen && has.Content == read.Content {
			t.Errorf("%d bytes: another object is taken for the one that was read: %+v", n, has)
		}
		if has, err = d.Reread(t.Context(), o); err == nil && has.Content == read.Content {
			t.Errorf("%d bytes: damage doesn't show", n)
		}
		if _, err := d.Reread(t.Context(), storage.Object{Key: "none"}); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("nothing there: %v", err)
		}
	}
}

// rereadOccupant adopts what is whole, and asks about what isn't.
func (s *suite) rereadOccupant(t *testing.T) {
	for _, n := range []int{100, part + 100} {
		d, damage := s.open(t)
		if _, err := d.Probe(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
		b, asked := bytesOf(n, 1), 0
		again := func() (storage.Object, error) {
			return d.Put(t.Context(), "k", storage.Body{Reader: bytes.NewReader(b), Reread: true, Occupied: func(o storage.Object) storage.Resolution {
				if asked++; o.Content == contentOf(b) {
					t.Error("asked about a whole one")
				}
				return storage.Replace
			}}, storage.Attrs{})
		}
		put(t, d, "k", b)
		if o, err := again(); err != nil || !o.Adopted || asked != 0 {
			t.Errorf("%d bytes: %+v, %v", n, o, err)
		}
		damage(t, "k")
		o, err := again()
		if err != nil || o.Adopted || asked != 1 {
			t.Fatalf("%d bytes: %+v, %v, asked %d times", n, o, err, asked)
		}
		mustHold(t, d, o, b)
	}
}
