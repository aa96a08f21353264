package pipeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// storeError says that the store failed. Downloading again wouldn't help, and
// the store has tried again what it can.
type storeError struct{ err error }

func (e *storeError) Error() string { return e.err.Error() }
func (e *storeError) Unwrap() error { return e.err }

// transfer is one recording on its way from VBC into the store.
type transfer struct {
	*run
	row      *item
	previous *storage.Content // what an earlier download of this run brought
	others   *storage.Content // what an earlier fetch of this run brought, and is another recording's
	natural  string           // where the audio goes, without the ending
	ending   string           // that its format gives it
	key      string           // where it goes instead, if that is taken; else ""
	beside   string           // such a key that the manifest has of an earlier copy, tried first; else ""
	storedAt time.Time
	sidecar  storage.Object
	intended storage.Object

	previousSum storage.Digest // of what didn't fit its name

	bad bool  // what came is not the recording, or not all of it
	odd error // nil, or why it isn't known as audio, although it may be some
}

// transfer streams the recording's audio and its sidecar into the store. Of the
// copy nothing is proven then. Every try that needs VBC is a download; the
// store's own retries are not.
func (r *run) transfer(ctx context.Context, row *item) error { return r.transferTo(ctx, row, "") }

// transferTo is transfer for a recording that may lie under a key beside its own.
func (r *run) transferTo(ctx context.Context, row *item, beside string) error {
	t := &transfer{run: r, row: row, key: beside, beside: beside, storedAt: time.Now().UTC().Truncate(time.Millisecond)}
	audio, err := t.fetch(ctx)
	for try := 0; try < maxBeside && t.makesWay(err); try++ {
		audio, err = t.fetch(ctx)
	}
	if saysGone(err) {
		return &noAudioError{err}
	}
	if err != nil {
		return err
	}
	row.wrote = !audio.Adopted && !t.sidecar.Adopted
	for _, o := range []storage.Object{audio, t.sidecar} {
		if !o.Adopted {
			row.written = append(row.written, o.Key)
		}
	}
	row.Copy = t.copied(audio)
	row.fresh, row.renewed, row.compared = true, true, true
	row.Unvouched = false // VBC has just sent it
	return nil
}

const maxBeside = 3 // names beside, each the price of a download

// otherBytesError says that the name was chosen for what VBC had sent before, and
// that it sends something else each time.
type otherBytesError struct{ Key string }

func (e *otherBytesError) Error() string {
	return fmt.Sprintf("VBC sends different bytes each time, so they can't be stored as %s", e.Key)
}

// Unwrap says that a name was taken, which is why another one was chosen.
func (e *otherBytesError) Unwrap() error {
	return &storage.OccupiedError{Occupant: storage.Object{Key: e.Key}}
}

// makesWay chooses another key after an error that says that something holds this
// one, and stays. Only a download tells its name.
func (t *transfer) makesWay(err error) bool {
	occupant, stays := t.stays(t.row, err)
	natural := t.natural + t.ending
	switch {
	case isA[*otherBytesError](err) && t.key == t.beside: // what lies there is something else
		t.key = ""
		return true
	case isA[*otherBytesError](err):
		t.key = layout.BesideBy(natural, t.previousSum, layout.FreeDigits)
	case !stays || !t.intended.Proven() || occupant.Key != t.intended.Key:
		return false
	case t.key == "":
		t.key = layout.Beside(natural, t.intended.SHA256)
	default:
		t.key = layout.BesideBy(natural, t.intended.SHA256, layout.AllDigits)
	}
	t.log.Warn("another object has this name, and stays; storing beside it", "recording", t.row.Recording.String(), "beside", natural)
	return true
}

// fetch stores the audio out of an export, if there is one that has it whole,
// else it downloads it. What is in flight goes on for a while after the run
// was told to stop, hence r.work: a download thrown away is a request wasted.
func (t *transfer) fetch(ctx context.Context) (o storage.Object, err error) {
	packed := t.row.entry
	if packed != nil && packed.in.Take(t.row.Row) {
		o, err = t.unpack()
		if err == nil || !t.bad {
			return o, err // the store's fault: another download wouldn't help
		}
		t.log.Warn("the export doesn't have the complete recording; downloading it alone", "recording", t.row.Recording.String(), "reason", err)
	}
	t.row.entry, t.previous = nil, nil
	err = t.attemptFor(ctx, &t.row.patience, vbc.RankFetch, func(_ context.Context, slot *vbc.Slot) error {
		audio, err := slot.Audio(t.work, t.row.Recording)
		if err != nil {
			return err
		}
		t.stats.Downloads.Add(1)
		o, err = t.put(audio, func(n int) { t.stats.Downloaded.Add(int64(n)) })
		return err
	})
	if err == nil && packed != nil && t.others != nil && *t.others != o.Content {
		err = t.distrust(packed.in)
	}
	return o, err
}

// unpack stores the audio out of an export.
func (t *transfer) unpack() (storage.Object, error) {
	audio, err := openEntry(t.row.entry)
	if t.bad = err != nil; t.bad {
		return storage.Object{}, err
	}
	o, err := t.put(audio, func(int) {}) // its bytes were counted when they arrived
	if err == nil {
		t.stats.Exported.Add(1)
		if t.row.entry.in.Distrusted() { // meanwhile, and perhaps before this copy was written down
			t.row.Alike = manifest.Suspect
			err = t.manifest.Suspected(t.work, t.row.Recording)
		}
	}
	return o, err
}

// put streams audio, and its sidecar, into the store. It closes the audio.
func (t *transfer) put(audio *vbc.Audio, count func(int)) (storage.Object, error) {
	defer audio.Close()
	rec := t.row.Recording
	src := newSource(audio, count)
	defer src.done()
	kind, err := src.format()
	if t.odd = nil; t.mayBeOdd(err) {
		kind, t.odd, err = unknownFormat, err, nil
	}
	t.bad = err != nil
	if err != nil {
		return storage.Object{}, fmt.Errorf("download %s: %w", rec, err)
	}
	base, err := layout.Stem(rec)
	if err != nil {
		return storage.Object{}, err
	}
	t.natural, t.ending = base, kind.ending
	key := t.key
	if key == "" {
		key = base + kind.ending
	}
	o, err := t.store.Put(t.work, key, storage.Body{
		Reader: src, Size: max(audio.Length, 0),
		Seal:     func(o storage.Object) error { return t.seal(o, base+".json", kind.media) },
		Occupied: func(o storage.Object) storage.Resolution { return t.resolve(t.row, o) },
		Reread:   t.row.Refuted,
	}, storage.Attrs{ContentType: kind.media, Bulk: true})
	t.bad = src.err != nil || isA[*sizeError](err) || isA[*notAudioError](err) || isA[*manifest.AlikeError](err)
	return o, t.blame(src, err)
}

// seal is called when all bytes have arrived and none is visible yet. It
// checks them against the listing, writes down the intended copy, and stores the
// sidecar. A crash before that is written down leaves nothing; one after it leaves
// an intention, by which the next run knows whatever is there.
func (t *transfer) seal(o storage.Object, sidecarKey, contentType string) error {
	rec := t.row.Recording
	if err := t.checkSize(o.Content); err != nil {
		return fmt.Errorf("download %s: %w", rec, err)
	}
	if digits := layout.DigitsIn(o.Key); t.key != "" && !strings.HasPrefix(o.SHA256.String(), digits) {
		t.previousSum = o.SHA256
		return fmt.Errorf("download %s: %w", rec, &otherBytesError{o.Key})
	}
	side := layout.Sidecar{
		Format: layout.SidecarFormat, Program: t.policy.Version, Account: rec.Account, Kind: rec.Kind, Owner: rec.Owner, ContentType: contentType,
		Size: o.Size, SHA256: o.SHA256, ArchivedAt: t.storedAt, Recording: withoutSignatures(rec.Raw),
	}
	body, err := side.Encode()
	if err != nil {
		return err
	}
	twice := t.others != nil && *t.others == o.Content || t.previous != nil && *t.previous == o.Content
	intend := func(side storage.Object) error {
		t.sidecar = side
		if twice && t.row.entry == nil {
			return t.storedTwice(o)
		}
		err := t.manifest.Stored(t.work, rec, t.copied(o))
		if isA[*manifest.AlikeError](err) {
			t.others = &o.Content
		}
		return err
	}
	var intended storage.Content // of the sidecar, as it is written down
	stored, err := t.putSidecar(sidecarKey, side, body, func(o storage.Object) error {
		intended = o.Content
		return intend(o)
	})
	if err == nil && stored.Content != intended {
		err = intend(stored) // an earlier one, which says the same
	}
	if err != nil {
		if t.sidecar = (storage.Object{}); !isA[*storage.OccupiedError](err) {
			return storeFault(err)
		}
		return &storeError{err}
	}
	t.sidecar, t.intended = stored, o
	return nil
}

// copied is the copy with this audio, and with the transcript that an earlier
// one had.
func (t *transfer) copied(audio storage.Object) manifest.Copy {
	return manifest.Copy{Audio: audio, Sidecar: t.sidecar, Transcript: t.row.Copy.Transcript, StoredAt: t.storedAt}
}

// checkSize compares with what the listing declares. Where that is missing, or
// too small, two downloads that agree are taken if the user has said so. Fewer
// bytes than declared are never taken: whatever cuts one download off may cut
// off the next at the same place. What isn't known as audio must have just the
// declared size, twice over.
func (t *transfer) checkSize(got storage.Content) error {
	agree := t.previous != nil && *t.previous == got
	if got.Size == t.row.Size && (t.odd == nil || agree) {
		return nil
	}
	t.previous = &got
	if got.Size == t.row.Size {
		return t.odd
	}
	if t.odd != nil {
		agree = false // neither size nor format is what it should be
	}
	if agree && t.policy.AcceptSizeMismatch && got.Size > t.row.Size {
		return nil
	}
	return &sizeError{Declared: t.row.Size, Got: got}
}

// mayBeOdd reports whether what isn't known as audio is taken all the same, if a
// second download agrees: because somebody has said so, and never a page or text.
func (t *transfer) mayBeOdd(err error) bool {
	none, ok := errors.AsType[*notAudioError](err)
	return ok && none.Odd && t.policy.AcceptFormat && t.row.entry == nil && t.row.Size > 0
}

// putSidecar stores the sidecar, or finds that an earlier attempt has stored
// one that says the same. intend is told what it will be, before it is there.
func (t *transfer) putSidecar(key string, side layout.Sidecar, body []byte, intend func(storage.Object) error) (storage.Object, error) {
	return layout.PutBeside(key, storage.SumOf(body), t.staying(t.row), func(key string) (storage.Object, error) {
		return t.store.Put(t.work, key, storage.Body{
			Reader: bytes.NewReader(body), Size: int64(len(body)), Seal: intend, Within: true,
			Occupied: func(occupant storage.Object) storage.Resolution {
				why := t.mayReplace(t.row, occupant)
				if (why == "" || why == earlierProof) && layout.SameSidecar(t.work, t.store, occupant, side) {
					return storage.Adopt
				}
				return t.resolve(t.row, occupant)
			},
			Reread: t.row.Refuted,
		}, storage.Attrs{ContentType: "application/json"})
	})
}

// blame tells a failed download from a failed store.
func (t *transfer) blame(src *source, err error) error {
	if err != nil && src.err != nil {
		return fmt.Errorf("download %s: %w", t.row.Recording, src.err)
	}
	return storeFault(err)
}

// storeFault is err of a Put, which is the store's unless it says otherwise.
func storeFault(err error) error {
	switch {
	case err == nil, isA[*sizeError](err), isA[*notAudioError](err), isA[*manifest.AlikeError](err), isA[*manifest.WriteError](err), isA[*manifest.LeaseError](err), isA[*manifest.StateError](err),
		isA[*storeError](err), isA[*storage.OccupiedError](err), errors.Is(err, storage.ErrRefused):
		return err
	}
	return &storeError{err}
}
