package archive

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/refusal"
)

// pick chooses which of the recordings that have had an id is meant. What was begun
// was chosen before. Whose objects nobody knows, and what the manifest doesn't know at
// all, has to be named by its start.
func (f *finder) pick(e Erasure) (recordingOf, error) {
	var left, erased []recordingOf // to choose from, and what else may be meant
	for _, one := range f.all {
		if one.fits(e) && !one.over() {
			left = append(left, one)
		} else if one.fits(e) {
			erased = append(erased, one)
		}
	}
	named := !e.Start.IsZero() || e.Bytes > 0
	begun := !named && len(left) > 0 && !slices.ContainsFunc(left, func(one recordingOf) bool { return !one.begun() })
	switch {
	case len(f.all) == 0:
		return recordingOf{}, fmt.Errorf("%s is %w", f.key, manifest.ErrUnknown)
	case begun:
		return merged(left), nil
	case len(left) == 1 && (named || len(f.all) == 1 && len(left[0].rows) > 0):
		return left[0], nil
	case len(left) == 0 && len(erased) > 0:
		return recordingOf{rows: merged(erased).rows, told: true}, nil // the others are not meant
	}
	return recordingOf{}, f.whichOne(e)
}

// fits reports whether a recording is one that an erasure may mean.
func (r recordingOf) fits(e Erasure) bool {
	return (e.Start.IsZero() || r.startsAt(e.Start)) && (e.Bytes <= 0 || slices.Contains(r.bytes(), e.Bytes))
}

// merged is all of them as one.
func merged(all []recordingOf) (one recordingOf) {
	one.told = true
	for _, r := range all {
		one.rows, one.said, one.keys = append(one.rows, r.rows...), append(one.said, r.said...), append(one.keys, r.keys...)
	}
	slices.Sort(one.keys)
	one.keys = slices.Compact(one.keys)
	return one
}

// whichOne asks which recording is meant, and describes each without saying who
// called.
func (f *finder) whichOne(e Erasure) error {
	var text strings.Builder
	starts := func(one recordingOf) bool { return one.startsAt(e.Start) }
	switch {
	case !e.Start.IsZero() && !slices.ContainsFunc(f.all, starts):
		fmt.Fprintf(&text, "no recording with the id %d is known to start at %s", f.key.ID, e.Start.UTC().Format(time.RFC3339))
	case len(f.all) == 1:
		fmt.Fprintf(&text, "the manifest does not know this recording with the id %d", f.key.ID)
	default:
		fmt.Fprintf(&text, "several recordings have the id %d, and this command doesn't say which one", f.key.ID)
	}
	for _, one := range f.all {
		fmt.Fprintf(&text, "\n  %s", one.describe())
		for _, key := range one.keys {
			fmt.Fprintf(&text, "\n    %s", key)
		}
	}
	return &refusal.Refusal{
		Code: code.WhichOne, Reason: text.String(),
		Hint: "nothing was changed; choose one with --start, or with --bytes if both have had that start",
	}
}

// describe says for people which recording it is.
func (r recordingOf) describe() string {
	var starts, bytes []string
	for _, at := range r.starts() {
		starts = append(starts, at.UTC().Format(time.RFC3339))
	}
	for _, n := range r.bytes() {
		bytes = append(bytes, fmt.Sprint(n))
	}
	text := "start " + strings.Join(starts, " and ")
	if len(bytes) > 0 {
		text += ", bytes " + strings.Join(bytes, " and ")
	}
	return text + ", " + r.standing()
}

// standing says what is known of it.
func (r recordingOf) standing() string {
	is := func(state manifest.State) bool {
		return slices.ContainsFunc(r.rows, func(row manifest.Row) bool { return row.State == state })
	}
	switch {
	case !r.told:
		return "no metadata that can be read says which recording these are of"
	case len(r.rows) == 0:
		return "not in the manifest"
	case r.begun():
		return "its erasure is unfinished"
	case r.over():
		return "erased"
	case is(manifest.Purged), is(manifest.Gone):
		return "no longer at VBC"
	case is(manifest.Erased):
		return "erased, but objects are here again"
	}
	return "perhaps still at VBC"
}

// apart are the objects that another recording needs, also where one is part of both,
// as a transcript may be: these stay.
func (f *finder) apart(one recordingOf) (keys []string) {
	mine := func(row manifest.Row) bool {
		return slices.ContainsFunc(one.rows, func(r manifest.Row) bool { return r.Nth == row.Nth })
	}
	for _, other := range f.all {
		if !slices.ContainsFunc(other.rows, mine) && other.stands(manifest.Erasing, manifest.Erased) {
			keys = append(keys, other.keys...)
		}
	}
	return keys
}

// unclear are the objects with this id of which nobody knows whether they are of the
// recording, save those that were named.
func (f *finder) unclear(one recordingOf) (keys []string) {
	for _, other := range f.all {
		if !other.told {
			keys = append(keys, other.keys...)
		}
	}
	keys = slices.DeleteFunc(keys, func(key string) bool { return slices.Contains(one.keys, key) })
	return append(keys, f.strange...)
}
