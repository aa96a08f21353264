package rebuild

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/archive"
	"github.com/vbcvault/vbcvault/pipeline/check"
	"github.com/vbcvault/vbcvault/pipeline/evidence"
	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/storage"
)

// prove writes down what the store confirms of a group.
func (b *rebuild) prove(ctx context.Context, f form, told manifest.Row, isTold bool) error {
	g, all := f.Group, f.said
	gone := isTold && (told.State == manifest.Purged || told.State == manifest.Purging)
	row, why, err := b.whole(ctx, g, all, told, gone)
	if err != nil {
		return err
	}
	row.Said = saidBefore(row.Recording, f.history)
	if row.Copy.Known() && b.saidErased(row.Copy, row.Copy.StoredAt) {
		b.found.Add(check.Unsigned, row.Copy.Audio.Key, row.Recording,
			"receipts that no known key has signed say that it was erased, but it is here: it stays a recording")
	}
	if row.Copy.Known() && row.State == manifest.Verified {
		b.others(g, row.Copy)
		return b.keep(ctx, row, told)
	}
	for _, wrong := range why {
		row.Refuted = row.Refuted || evidence.Refutes(wrong)
	}
	if gone {
		told.SeenRun, told.Refuted = 0, row.Refuted
		if row.Raw != nil {
			told.Recording, told.Said = row.Recording, row.Said
		}
		return b.unproven(ctx, told)
	}
	b.explain(g, all, why)
	if row.Raw == nil { // nothing tells what the recording is
		if isTold {
			return b.manifest.Drop(ctx, told.Recording)
		}
		return nil
	}
	b.count(func(s *Result) { s.Listed++ })
	return b.manifest.Put(ctx, row)
}

// whole looks for the newest copy in a group that the store confirms, or for the
// one that a signed receipt vouches for; where VBC has the recording no more, its
// audio must be what justified that. The row is verified if there is one. Else it is
// listed, or stored if the copy couldn't be looked at, with the latest metadata that
// can be read; without Raw if none can. why says what is wrong with each audio that a
// sidecar speaks of.
func (b *rebuild) whole(
	ctx context.Context, g layout.Group, all []layout.Said, told manifest.Row, gone bool,
) (row manifest.Row, why map[string]error, err error) {
	why = map[string]error{}
	slices.SortStableFunc(all, func(x, y layout.Said) int { return y.Sidecar.ArchivedAt.Compare(x.Sidecar.ArchivedAt) })
	slices.SortStableFunc(all, func(x, y layout.Said) int { return cmp.Compare(vouchedLast(told, x), vouchedLast(told, y)) })
	var wanted manifest.Copy
	if gone {
		wanted = told.Copy
	}
	for _, s := range all {
		if s.Wrong != nil {
			continue
		}
		usable := row.Raw == nil // the latest that says what the recording is
		for _, c := range g.Pairs(s) {
			if wanted.Known() {
				if c.Audio.Key != wanted.Audio.Key || c.Audio.Content != wanted.Audio.Content {
					continue
				}
				if !told.Unvouched { // else it may be somebody's who would have it taken for another's
					c.Audio.Checksum = wanted.Audio.Checksum
				}
				c.Transcript = cmp.Or(wanted.Transcript, c.Transcript)
			}
			unvouched := !b.trust && (told.Unvouched || !sameCopy(told.Copy, c))
			ev, err := b.confirm(ctx, manifest.Row{Recording: s.Recording, Copy: c}, wanted.Transcript.Key == "")
			switch {
			case err == nil:
				c = archive.ProofOf(ev, c)
				if c.ArchivedAt = c.StoredAt; c.ArchivedAt.IsZero() {
					c.ArchivedAt = ev.At()
				}
				if wanted.Known() && !told.Unvouched && !sameCopy(told.Copy, c) {
					b.found.Add(check.Damaged, c.Sidecar.Key, s.Recording, "the metadata is not what the signed receipt of the deletion names; "+
						"get that from a version or a copy of the archive, and run vbcvault rebuild again")
				}
				return manifest.Row{Recording: s.Recording, State: manifest.Verified, Copy: c, Unvouched: unvouched}, why, nil
			case errors.Is(err, storage.ErrCold):
				row, usable = manifest.Row{Recording: s.Recording, State: manifest.Stored, Copy: c, Unvouched: unvouched}, false
			case !isMismatch(err):
				return row, why, err
			case isOfKey(err, s.Object.Key):
				usable = false // what has been read isn't what was stored
				b.found.Add(check.Damaged, s.Object.Key, s.Recording, err.Error())
				continue
			}
			why[c.Audio.Key] = err
		}
		if usable {
			row = manifest.Row{Recording: s.Recording, State: manifest.Listed}
		}
	}
	return row, why, nil
}

func isMismatch(err error) bool {
	_, wrong := errors.AsType[*evidence.Mismatch](err)
	return wrong
}

// isOfKey reports whether the store doesn't hold what it should under just this key.
func isOfKey(err error, key string) bool {
	wrong, ok := errors.AsType[*evidence.Mismatch](err)
	return ok && wrong.Want.Key == key
}

// confirm has the store confirm a copy; a transcript that isn't whole doesn't
// spoil the rest, unless it is part of what justified a deletion.
func (b *rebuild) confirm(ctx context.Context, row manifest.Row, spare bool) (evidence.Verified, error) {
	// Where metadata is all that says what it should be itself, the checksum that
	// the store keeps of it has a say too.
	ev, err := archive.Prove(ctx, b.store, row)
	if err == nil && b.deep {
		ev, err = archive.Prove(ctx, b.look, row)
	}
	if text := ev.Transcript(); err == nil && spare && text.Key != "" && isDigest(text.Mark) {
		// What it was sent as is noted beside it, and it isn't that any more.
		err = &evidence.Mismatch{Want: text, Has: text}
	}
	if m, ok := errors.AsType[*evidence.Mismatch](err); ok && spare && m.Want.Key == row.Copy.Transcript.Key {
		b.found.Add(check.Damaged, m.Want.Key, row.Recording, m.Error())
		row.Copy.Transcript = storage.Object{}
		return archive.Prove(ctx, b.look, row)
	}
	return ev, err
}

// isDigest reports whether an object's mark is the digest of what it was to be.
func isDigest(mark string) bool {
	_, err := storage.ParseDigest(mark)
	return err == nil
}

// keep writes down a recording whose copy is whole.
func (b *rebuild) keep(ctx context.Context, row, told manifest.Row) error {
	if told.State != "" {
		row.State = told.State
	}
	b.tally(row, 1)
	if told.State == manifest.Purging {
		return b.deletion(ctx, row, time.Now().UTC())
	}
	return b.manifest.Put(ctx, row)
}

// tally counts a recording with a proven copy n times.
func (b *rebuild) tally(row manifest.Row, n int64) {
	b.count(func(s *Result) {
		s.Recordings += n
		s.Bytes += n * row.Copy.Audio.Size
		if row.Copy.Transcript.Key != "" {
			s.Transcripts += n
		}
		if row.Unvouched && row.State != manifest.Purged {
			s.Unvouched += n
		}
		switch row.State {
		case manifest.Purged:
			s.Purged += n
		case manifest.Purging:
			s.Purging += n
		}
	})
}

// unproven writes down a recording that was deleted at VBC, or was about to be,
// and whose copy isn't what justified that: as verify would have left it.
func (b *rebuild) unproven(ctx context.Context, told manifest.Row) error {
	told.Copy.StoredAt = told.Copy.ArchivedAt
	_, err := archive.Prove(ctx, b.look, told)
	mismatch := isMismatch(err)
	told.Refuted = err != nil && (told.Refuted || evidence.Refutes(err))
	if err != nil && !mismatch && !layout.Unreadable(err) && !errors.Is(err, storage.ErrCold) {
		return err
	}
	switch {
	case err == nil:
		return b.keep(ctx, manifest.Row{Recording: told.Recording, Copy: told.Copy, State: manifest.Verified, Unvouched: told.Unvouched, Said: told.Said}, told)
	case told.State == manifest.Purging:
		b.count(func(s *Result) { s.Purging++ })
		b.found.Add(check.Missing, told.Copy.Audio.Key, told.Recording, err.Error()+"; its deletion at VBC was started: the next run checks, and archives it again if VBC still has it")
		return b.deletion(ctx, told, told.Copy.ArchivedAt)
	case mismatch:
		told.Damaged = err.Error()
		b.found.Add(check.Lost, told.Copy.Audio.Key, told.Recording, "receipts say that VBC no longer has it: "+err.Error())
	default:
		b.found.Add(check.Damaged, told.Copy.Audio.Key, told.Recording, "it can't be checked: "+err.Error())
	}
	b.count(func(s *Result) { s.Purged++ })
	return b.manifest.Put(ctx, told)
}

// erased writes down a recording that was erased, or began to be.
func (b *rebuild) erased(ctx context.Context, told manifest.Row) error {
	told.SeenRun, told.Copy.StoredAt, told.Copy.ArchivedAt = 0, time.Time{}, time.Time{}
	b.count(func(s *Result) { s.Erased++ })
	if told.State == manifest.Erasing {
		b.found.Add(check.Begun, told.Copy.Audio.Key, told.Recording, "its erasure is unfinished; run vbcvault erase again")
	}
	return b.manifest.Put(ctx, told)
}

// others notes what a group holds beside the copy that is in the manifest.
func (b *rebuild) others(g layout.Group, c manifest.Copy) {
	for o := range g.Objects() {
		if !slices.Contains(c.Keys(), o.Key) {
			b.found.Add(check.Beside, o.Key, g.Recording, "the recording has another copy, which is in the manifest")
		}
	}
}

// explain says of each object in a group without a whole copy what is wrong.
func (b *rebuild) explain(g layout.Group, all []layout.Said, why map[string]error) {
	for _, s := range all {
		if _, named := errors.AsType[*contradiction](s.Wrong); named {
			continue
		}
		if s.Wrong != nil {
			b.found.Add(check.Damaged, s.Object.Key, g.Recording, "the metadata can't be used: "+s.Wrong.Error())
		} else if len(g.Pairs(s)) == 0 {
			b.found.Add(check.Missing, s.Object.Key, g.Recording, fmt.Sprintf("its audio of %d bytes with SHA-256 %s is missing; the next run archives the recording again, if VBC still has it", s.Sidecar.Size, s.Sidecar.SHA256))
		}
	}
	for _, o := range g.Audios {
		if err := why[o.Key]; err != nil {
			b.found.Add(check.Damaged, o.Key, g.Recording, err.Error())
		} else {
			b.found.Add(check.Unknown, o.Key, g.Recording, "it is audio without metadata to check it against")
		}
	}
	for _, o := range g.Transcripts {
		b.found.Add(check.Unknown, o.Key, g.Recording, "it is the transcript of a recording without a complete copy")
	}
}
