package manifest

import (
	"slices"
	"time"

	"github.com/vbcvault/vbcvault/vbc"
)

// OneCall reports whether two rows of one id are of one call, so that whoever asks
// for one of them to be erased means both: all that tells calls apart agrees, or
// they start in the same second and have as many bytes, which is all that an archive
// tells them apart by, or VBC has said of one call that it starts when the other does,
// and nothing speaks against it. A row may be one that was made of what lies in the
// archive.
func OneCall(a, b Row) bool {
	switch {
	case a.Key() != b.Key():
		return false
	case a.Same(b.Recording), alias(a.Recording, b.Recording), a.startsAt(b.Start) && a.heldBytes() == b.heldBytes():
		return true
	case a.Size >= 0 && b.Size >= 0 && a.Size != b.Size, a.CallID != "" && b.CallID != "" && a.CallID != b.CallID:
		return false
	}
	return a.saidAt(b.Start) || b.saidAt(a.Start)
}

// OneRecording reports whether two that have the same audio are one recording, or forms
// of one call that VBC has shown under one id: neither has another one's audio.
func OneRecording(a, b vbc.Recording) bool {
	return a.Key() == b.Key() && (a.Nth == b.Nth || a.Start.Equal(b.Start) || a.CallID != "" && a.CallID == b.CallID)
}

// Starts are all starts that a recording is known to have had, its own first.
func (r Row) Starts() []time.Time {
	starts := []time.Time{r.Start}
	for _, s := range r.Said {
		if !slices.ContainsFunc(starts, s.Start.Equal) {
			starts = append(starts, s.Start)
		}
	}
	return starts
}

// startsAt reports whether it starts in the second of a moment.
func (r Row) startsAt(at time.Time) bool { return r.Start.Unix() == at.Unix() }

// saidAt reports whether VBC has said of it before that it starts in that second.
func (r Row) saidAt(at time.Time) bool {
	return slices.ContainsFunc(r.Said, func(s Said) bool { return s.Start.Unix() == at.Unix() })
}

// heldBytes is how much audio the archive has of it, or VBC declares.
func (r Row) heldBytes() int64 {
	if r.Copy.Known() {
		return r.Copy.Audio.Size
	}
	return r.Size
}
