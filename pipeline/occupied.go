package pipeline

import (
	"errors"
	"strings"

	"github.com/vbcvault/vbcvault/pipeline/evidence"
	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/storage"
)

// A name that is taken stops nothing. What is there is adopted if it is whole,
// replaced if it is ours and damaged, and stays in every other case: it may be
// somebody's only copy. Then ours goes beside it.

// resolve decides about an object that has our key, and isn't what was to be put
// there.
func (r *run) resolve(row *item, occupant storage.Object) storage.Resolution {
	why := r.mayReplace(row, occupant)
	if why == "" {
		return storage.Refuse
	}
	r.log.Warn("replacing a damaged object", "key", occupant.Key, "bytes", occupant.Size, "known_by", why)
	return storage.Replace
}

// mayReplace says what an occupant is known by to be ours and damaged; "" if it
// isn't, or can't be told, so that it stays.
func (r *run) mayReplace(row *item, occupant storage.Object) (why string) {
	why, err := r.ours(occupant)
	if err == nil && why != "" && occupant.Proven() {
		var whole bool
		if whole, err = r.manifest.IsCopy(r.work, row.Recording, occupant.Content); whole {
			return "" // of another recording, or of this one as it was
		}
	}
	if err != nil {
		r.log.Warn("can't check whether an object is ours, so it stays", "key", occupant.Key, "reason", err)
		return ""
	}
	return why
}

// stays returns the object that has a key, after an error that says so, and will
// have it. What is ours and can't be replaced now, as it was damaged anew, another
// try replaces: going beside it would leave it there.
func (r *run) stays(row *item, err error) (occupant storage.Object, stays bool) {
	taken, ok := errors.AsType[*storage.OccupiedError](err)
	if !ok || taken.Occupant.Proven() && r.mayReplace(row, taken.Occupant) != "" {
		return storage.Object{}, false
	}
	return taken.Occupant, true
}

// ours says what an occupant is known by to be of this program's making, and
// damaged since; "" if it isn't. Whoever kills this program between any two of its
// steps leaves one of these:
//
//   - the mark that a Put gives its object. What it was to be is written down before
//     anything is visible, mark included, and remembered when it is found wrong;
//   - the ETag or version that a Put was answered with;
//   - an earlier proof that what is under the key was whole;
//   - a digest in the name. So much of it is there by chance once in four thousand
//     million times, and only for who knows how these names are made.
func (r *run) ours(occupant storage.Object) (why string, err error) {
	if occupant.Own {
		return "its mark", nil
	}
	if digits := layout.DigitsIn(occupant.Key); digits != "" && occupant.Proven() && !strings.HasPrefix(occupant.SHA256.String(), digits) {
		return "the digest in its name", nil
	}
	all, err := r.manifest.RefusedAt(r.work, occupant.Key)
	if err != nil {
		return "", err
	}
	for _, known := range all {
		if occupant.Content == known.Put.Content {
			return "", nil // as it was put
		}
	}
	for _, known := range all {
		if why := recognise(occupant, known); why != "" {
			return why, nil
		}
	}
	return "", nil
}

// earlierProof is the weakest of these: what was whole under the key may be damaged,
// or be gone and have left its place to another manifest's.
const earlierProof = "an earlier proof"

// recognise says what an occupant is known by to be an object that was put, and
// found wrong; "" if it is another.
func recognise(occupant storage.Object, known manifest.Refused) string {
	is := func(a, b string) bool { return a != "" && a == b }
	switch put := known.Put; {
	case is(occupant.VersionID, put.VersionID) || is(occupant.ETag, put.ETag):
		return "its version"
	case occupant.Bears(put):
		return "its mark"
	case !occupant.Proven():
	case occupant.Whole: // somebody else's, in the place of ours
	case known.Proven:
		return earlierProof
	case known.Stored && occupant.ETag == "" && occupant.Mark == "" && known.Has.Proven() && occupant.Content == known.Has.Content:
		return "what was found right after it was stored" // in a store that has no other way to tell
	}
	return ""
}

// refused is what is to be remembered of a copy that isn't what it should be. Of
// what is missing, nothing: whatever has the name next is somebody else's. stored
// says that this run was told that the objects are there; else they may have been an
// intention, and what has their names was there before.
func refused(c manifest.Copy, err error, stored bool, objects ...storage.Object) (all []manifest.Refused) {
	wrong, _ := errors.AsType[*evidence.Mismatch](err)
	for _, o := range objects {
		f := manifest.Refused{Put: o, Proven: !c.ArchivedAt.IsZero() || o.Proof != ""}
		if wrong != nil && wrong.Want.Key == o.Key {
			if wrong.Missing {
				continue
			}
			f.Has, f.Stored = wrong.Has, stored
		}
		if o.Key != "" {
			all = append(all, f)
		}
	}
	return all
}

// staying is stays for the objects of one recording.
func (r *run) staying(row *item) func(error) bool {
	return func(err error) bool {
		_, stays := r.stays(row, err)
		return stays
	}
}
