package dirstore

import (
	"fmt"
	"sync"
)

// identity is what tells a file from every other, and from itself before and after
// a change: see identityOf. The zero one is of no file.
type identity struct {
	volume, number   uint64
	size             int64
	written, changed int64 // mtime and ctime, in nanoseconds
}

// String is the identity as an Object.Seen; "" for the zero one.
func (i identity) String() string {
	if i == (identity{}) {
		return ""
	}
	return fmt.Sprint(i.volume, " ", i.number, " ", i.size, " ", i.written, " ", i.changed)
}

// sameBytes reports whether a file has not been written to between the two: only
// its names, owner or permissions may be others.
func (i identity) sameBytes(before identity) bool {
	i.changed, before.changed = 0, 0
	return i == before && i != identity{}
}

// mostSynced is how many files are remembered: many more than are at work at once.
const mostSynced = 1024

// synced remembers the files that this Store has made durable itself, with their
// names, and what each was then. A file that is the same still needs no sync before
// one relies on it: to write to it, rename it, link it or put another in its place
// is to change its identity. Nothing of it outlives the process, so that whatever a
// crash may have undone is synced again; so is what it has forgotten.
type synced struct {
	mu    sync.Mutex
	files map[string]identity // by key
	keys  [mostSynced]string  // of files, as a ring
	next  int                 // of keys: the oldest, once the ring is full
}

// add remembers a file that is durable, with its name.
func (s *synced) add(key string, as identity) {
	if as == (identity{}) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.files == nil {
		s.files = make(map[string]identity)
	}
	if _, ok := s.files[key]; !ok {
		delete(s.files, s.keys[s.next])
		s.keys[s.next] = key
		s.next = (s.next + 1) % mostSynced
	}
	s.files[key] = as
}

// has reports whether a file is durable as it is now.
func (s *synced) has(key string, now identity) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	as, ok := s.files[key]
	return ok && as == now && now != identity{}
}
