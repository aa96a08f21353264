package manifest

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/vbcvault/vbcvault/vbc"
)

// Sighting is what the manifest knew of a recording when a listing showed it.
type Sighting int

const (
	New         Sighting = iota // never seen, or changed at VBC since: all work lies ahead
	Corrected                   // the same, and a recording is known that differs in nothing but its start
	Pending                     // seen before, work is left
	Archived                    // a verified copy is known
	Doubted                     // a copy was verified once, and is to be looked at again
	Reappeared                  // VBC had confirmed its deletion
	ErasedAgain                 // the same, and it was erased from the archive on request: not to be archived
	Repeated                    // shown before in this very run
)

// Unknown reports whether there is no row of just this recording.
func (s Sighting) Unknown() bool { return s == New || s == Corrected }

// Known is what a manifest knows of one recording that has had an id, as far as
// it tells which recording a listing shows under that id now.
type Known struct {
	Nth       int64
	Raw       string // VBC's JSON
	State     State
	Archived  bool // its copy has been verified once
	Copied    bool // a copy is at least intended
	Displaced bool
	SeenRun   int64
	Said      []Said // see Row.Said
}

// Sighted is what is known of a recording that a listing shows.
type Sighted struct {
	Is     Sighting
	Nth    int64  // of its row; of the one that it gets if it has none
	Raw    string // what its row has of VBC's JSON
	Others bool   // another row seems to have the id

	// Said is what its row is to have of what VBC has said of the call before, in
	// whatever row that is, and Recalls whether that is more than it has.
	Said    []Said
	Recalls bool

	found bool
}

// Recognize says what is known of a recording that a listing of run shows; known
// are all rows that its id has had, by their Nth. A run of 0 has shown nothing yet.
func Recognize(run int64, r vbc.Recording, known []Known) (s Sighted) {
	had := 0
	for _, k := range known {
		if run != 0 && k.SeenRun == run {
			s.Is, s.Nth = Repeated, k.Nth
		}
		if s.Is == Repeated {
			s.Others = s.Others || !k.Displaced
			continue
		}
		was, is := k.parsed(r.Key()), New
		if !s.found {
			is = k.sight(was, r)
		}
		if is != New || sameCall(was, r) {
			s.Said = remember(s.Said, k.past(was, r)...)
		}
		if is != New {
			s.Is, s.Nth, s.Raw, s.found, had = is, k.Nth, k.Raw, true, len(k.Said)
			continue
		}
		s.Others = s.Others || !k.Displaced
		switch {
		case s.found:
		case !k.stays(): // its place is free
		case corrected(was, r):
			s.Is, s.Nth = Corrected, k.Nth+1
		default:
			s.Nth = k.Nth + 1
		}
	}
	s.Recalls = len(s.Said) > had
	return s
}

// sight compares what a listing shows with one row under its id: New if that is
// another recording, or one of which nothing but its end is known.
func (k Known) sight(was, r vbc.Recording) Sighting {
	switch {
	case (k.State == Erasing || k.State == Erased) && sameBare(was, r):
		return ErasedAgain
	case !was.Same(r) && (!isBare(k.Raw) || !sameBare(was, r)):
		return New // the copy that we know is not a copy of it
	case k.State == Gone, k.State == Erasing, k.State == Erased:
		return New
	case k.State == Purged:
		return Reappeared
	case k.Archived && k.State == Stored:
		return Doubted
	case k.Archived:
		return Archived
	}
	return Pending
}

// stays reports whether a row stays when VBC shows another recording under its
// id: there is a copy, or has been one.
func (k Known) stays() bool { return k.Copied || k.State == Erasing || k.State == Erased }

// corrected reports whether a listing shows a known recording with another
// start: VBC has corrected it.
func corrected(was, r vbc.Recording) bool {
	return was.Unreadable == "" && !was.Start.Equal(r.Start) && alias(was, r)
}

// alias reports whether two answers of VBC with the same id are of one call:
// all that tells calls apart agrees, whatever their start.
func alias(a, b vbc.Recording) bool {
	return a.ID == b.ID && a.Kind == b.Kind && a.Owner == b.Owner && a.Size == b.Size &&
		a.CallID != "" && a.CallID == b.CallID && a.FileName != "" && a.FileName == b.FileName
}

// sameBare reports whether a listing shows a recording of which only id, start
// and size are known.
func sameBare(was, r vbc.Recording) bool {
	return was.ID == r.ID && was.Start.Truncate(time.Second).Equal(r.Start.Truncate(time.Second)) && was.Size == r.Size
}

// Bare is the JSON of a recording of which no more is known than an erased row
// keeps.
func Bare(id int64, start time.Time, size int64) json.RawMessage {
	return fmt.Appendf(nil, `{"id":%d,"start":"%s","file_size_in_bytes":%d}`, id, vbc.FormatTime(start), size)
}

// Erasure is Bare for a row that begins at a millisecond of Unix time.
func Erasure(id, ms, size int64) json.RawMessage {
	start := time.UnixMilli(ms).UTC()
	text := vbc.FormatTime(start)
	if part := start.Format(".000"); part != ".000" {
		text = text[:len("2006-01-02T15:04:05")] + part + text[len("2006-01-02T15:04:05"):]
	}
	return fmt.Appendf(nil, `{"id":%d,"start":"%s","file_size_in_bytes":%d}`, id, text, size)
}

// isBare reports whether JSON says no more than that.
func isBare(raw string) bool {
	var fields map[string]json.RawMessage
	if json.Unmarshal([]byte(raw), &fields) != nil || len(fields) != 3 {
		return false
	}
	return fields["id"] != nil && fields["start"] != nil && fields["file_size_in_bytes"] != nil
}
