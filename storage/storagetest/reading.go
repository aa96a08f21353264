package storagetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/vbcvault/vbcvault/storage"
)

func missing(t *testing.T, d storage.Destination) {
	mustBeEmpty(t, d, "none")
	if _, err := d.Open(t.Context(), storage.Object{Key: "none"}); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("open: %v; want ErrNotFound", err)
	}
}

func noEcho(t *testing.T, d storage.Destination) {
	for i, n := range []int{100, part + 100} {
		b := bytesOf(n, 1)
		o := put(t, d, fmt.Sprint("k", i), b)
		lie := o
		lie.SHA256, lie.Size = storage.SumOf([]byte("other")), o.Size+1
		has, err := d.Stat(t.Context(), lie)
		if err != nil || has.Content != contentOf(b) {
			t.Errorf("%d bytes: stat with wrong wants: %+v, %v; want the truth", n, has.Content, err)
		}
	}
}

func list(t *testing.T, d storage.Destination) {
	for _, k := range []string{"b/2", "a/1", "b/10", "bb/1", "b-1"} {
		put(t, d, k, []byte(k))
	}
	for prefix, want := range map[string]string{"": "a/1 b-1 b/10 b/2 bb/1", "b/": "b/10 b/2", "b/1": "b/10", "c": ""} {
		var got []string
		for o, err := range d.List(t.Context(), prefix) {
			if err != nil {
				t.Fatalf("list %q: %v", prefix, err)
			}
			if o.Size != int64(len(o.Key)) {
				t.Errorf("list %q: %s has size %d", prefix, o.Key, o.Size)
			}
			got = append(got, o.Key)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("list %q: %q, want %q", prefix, got, want)
		}
	}
}

func names(t *testing.T, d storage.Destination) {
	for _, k := range []string{"b/2", "a/1", "b/10/x", "bb/1", "b-1", "b/2-", "b/10/y"} {
		put(t, d, k, []byte(k))
	}
	for prefix, want := range map[string]string{"": "a/ b-1 b/ bb/", "b/": "b/10/ b/2 b/2-", "b": "b-1 b/ bb/", "b/1": "b/10/", "c": "", "c/": "", "b/2": "b/2 b/2-"} {
		if got, err := d.Names(t.Context(), prefix); err != nil || strings.Join(got, " ") != want {
			t.Errorf("names %q: %q, %v; want %q", prefix, got, err, want)
		}
	}
}

// An object is never among what is unfinished, and the identity is that of Probe.
func exploring(t *testing.T, d storage.Destination) {
	put(t, d, "a/1", []byte("small"))
	put(t, d, "a/2", bytesOf(part+100, 1))
	for name, err := range d.Unfinished(t.Context(), "") {
		t.Errorf("unfinished: %s, %v", name, err)
	}
	known, err := d.Probe(t.Context(), "")
	if id, e := d.Identity(t.Context()); err != nil || e != nil || id != known {
		t.Errorf("identity %q, %v; Probe says %q, %v", id, e, known, err)
	}
}

func hostileKeys(t *testing.T, d storage.Destination) {
	for _, key := range []string{"", "/etc/x", "../x", "a/../../x", "a/../b", ".", "..", "a//b", "a\x00b", `a\b`, strings.Repeat("x/", 1000) + "y"} {
		if o, err := d.Put(t.Context(), key, storage.Body{Reader: strings.NewReader("x")}, storage.Attrs{}); err == nil {
			t.Errorf("put %.40q: stored as %.40q; want it refused", key, o.Key)
		}
		if _, err := d.Open(t.Context(), storage.Object{Key: key}); err == nil {
			t.Errorf("open %.40q: want it refused", key)
		}
	}
}

func probe(t *testing.T, d storage.Destination) {
	id, err := d.Probe(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if again, err := d.Probe(t.Context(), id); err != nil || again != id {
		t.Errorf("probe again: %q, %v; want %q", again, err, id)
	}
	for o, err := range d.List(t.Context(), "") {
		t.Errorf("probing left %q, %v", o.Key, err)
	}
}

// Keys lists a destination, for tests.
func Keys(t testing.TB, d storage.Store) []string {
	t.Helper()
	var keys []string
	for o, err := range d.List(context.Background(), "") {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, o.Key)
	}
	slices.Sort(keys)
	return keys
}
