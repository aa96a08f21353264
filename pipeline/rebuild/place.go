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
	"github.com/vbcvault/vbcvault/pipeline/flow"
	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/storage"
)

// recordings finds the place in the manifest of everything that lies among the
// recordings.
func (b *rebuild) recordings(workers int) func(context.Context) error {
	return func(ctx context.Context) error {
		return flow.Each(ctx, workers, layout.Grouped(b.store.List(ctx, layout.Recordings(b.account))), b.place)
	}
}

// missing looks at what only receipts tell of.
func (b *rebuild) missing(workers int) func(context.Context) error {
	return func(ctx context.Context) error {
		return flow.Each(ctx, workers, b.manifest.SeenBy(ctx, toldOf), func(ctx context.Context, told manifest.Row) error {
			told.SeenRun, told.Account = 0, b.account
			switch told.State {
			case manifest.Erasing, manifest.Erased:
				return b.erased(ctx, told)
			case manifest.Verified: // VBC had it still
				b.found.Add(check.Missing, told.Copy.Audio.Key, told.Recording, "receipts mention a copy, but it is missing; the next run archives the recording again, if VBC still has it")
				return b.manifest.Drop(ctx, told.Recording)
			}
			return b.unproven(ctx, told)
		})
	}
}

// place finds the place of one group.
func (b *rebuild) place(ctx context.Context, g layout.Group) error {
	if g.Stem == "" {
		for o := range g.Objects() {
			b.found.Add(check.Unknown, o.Key, check.None, "vbcvault gives no such name")
		}
		return nil
	}
	defer b.seen.Add(1)
	lock := &b.locks[g.Recording.ID%int64(len(b.locks))]
	lock.Lock()
	defer lock.Unlock()
	told, err := b.told(ctx, g)
	if err != nil {
		return err
	}
	texts := g.Transcripts
	if len(texts) > 0 {
		b.transcribed.Store(true)
	}
	all, err := g.Read(ctx, b.store)
	if err != nil {
		return err
	}
	for _, o := range texts {
		if !slices.ContainsFunc(g.Transcripts, func(r storage.Object) bool { return r.Key == o.Key }) {
			b.found.Add(check.Damaged, o.Key, g.Recording, "the transcript can't be read")
		}
	}
	for _, f := range formsOf(g, all, told) {
		if err := b.placeForm(ctx, f); err != nil {
			return err
		}
	}
	return nil
}

// form is one of the recordings that have had the same id and start, told apart
// by the number of their audio's bytes. There is one, unless VBC has changed it.
type form struct {
	layout.Group
	said []layout.Said
	told manifest.Row
	ok   bool // receipts have told of it
}

// formsOf takes a group apart. What belongs to none in particular is left with
// the first.
func formsOf(g layout.Group, all []layout.Said, told []manifest.Row) (forms []form) {
	bytes := map[int64]int{} // → index in forms
	at := func(size int64) *form {
		if _, ok := bytes[size]; !ok {
			bytes[size] = len(forms)
			forms = append(forms, form{Group: layout.Group{Stem: g.Stem, Recording: g.Recording, Transcripts: g.Transcripts}})
		}
		return &forms[bytes[size]]
	}
	for _, t := range told {
		f := at(t.Copy.Audio.Size)
		f.told, f.ok = t, true
	}
	for _, s := range all {
		if s.Wrong == nil {
			f := at(s.Sidecar.Size)
			f.said = append(f.said, s)
		}
	}
	if len(forms) == 0 {
		return []form{{Group: g, said: all}}
	}
	first := &forms[0]
	for _, s := range all {
		if s.Wrong != nil {
			first.said = append(first.said, s)
			first.Sidecars = append(first.Sidecars, s.Object)
		}
	}
	for i := range forms {
		for _, s := range forms[i].said {
			if s.Wrong == nil {
				forms[i].Sidecars = append(forms[i].Sidecars, s.Object)
			}
		}
	}
	for _, a := range g.Audios {
		if i, ok := bytes[a.Size]; ok {
			forms[i].Audios = append(forms[i].Audios, a)
		} else {
			first.Audios = append(first.Audios, a)
		}
	}
	return forms
}

// placeForm finds the place of one recording.
func (b *rebuild) placeForm(ctx context.Context, f form) error {
	told, ok := f.told, f.ok
	told.Account = b.account
	switch {
	case told.State == manifest.Erasing:
		for _, s := range f.said {
			if s.Wrong == nil {
				told.Recording = s.Recording
			}
		}
		return b.erased(ctx, told)
	case told.State == manifest.Erased && !slices.ContainsFunc(f.said, func(s layout.Said) bool { return s.Wrong == nil && s.Sidecar.ArchivedAt.After(told.Copy.StoredAt) }):
		for o := range f.Objects() {
			b.found.Add(check.Unknown, o.Key, f.Recording, "its recording was erased from the archive, but this object is here again")
		}
		return nil // what receipts say stays, and is looked at with the missing
	case told.State == manifest.Erased: // and was archived anew since
		told, ok = manifest.Row{}, false
	}
	return b.prove(ctx, f.Group, f.said, told, ok)
}

// prove writes down what the store confirms of a group.
func (b *rebuild) prove(ctx context.Context, g layout.Group, all []layout.Said, told manifest.Row, isTold bool) error {
	gone := isTold && (told.State == manifest.Purged || told.State == manifest.Purging)
	var wanted manifest.Copy
	if gone {
		wanted = told.Copy
	}
	row, why, err := b.whole(ctx, g, all, wanted)
	if err != nil {
		return err
	}
	row.Said = everSaid(row, all)
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

// whole looks for the newest copy in a group that the store confirms; wanted
// says what its audio must be, if something is known of that. The row is
// verified if there is one. Else it is listed, or stored if the copy couldn't be
// looked at, with the latest metadata that can be read; without Raw if none can.
// why says what is wrong with each audio that a sidecar speaks of.
func (b *rebuild) whole(ctx context.Context, g layout.Group, all []layout.Said, wanted manifest.Copy) (row manifest.Row, why map[string]error, err error) {
	why = map[string]error{}
	slices.SortStableFunc(all, func(x, y layout.Said) int { return y.Sidecar.ArchivedAt.Compare(x.Sidecar.ArchivedAt) })
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
				c.Audio.Checksum = wanted.Audio.Checksum
				c.Transcript = cmp.Or(wanted.Transcript, c.Transcript)
			}
			ev, err := b.confirm(ctx, manifest.Row{Recording: s.Recording, Copy: c}, wanted.Transcript.Key == "")
			switch {
			case err == nil:
				c = archive.ProofOf(ev, c)
				if c.ArchivedAt = c.StoredAt; c.ArchivedAt.IsZero() {
					c.ArchivedAt = ev.At()
				}
				return manifest.Row{Recording: s.Recording, State: manifest.Verified, Copy: c}, why, nil
			case errors.Is(err, storage.ErrCold):
				row, usable = manifest.Row{Recording: s.Recording, State: manifest.Stored, Copy: c}, false
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
		return b.keep(ctx, manifest.Row{Recording: told.Recording, Copy: told.Copy, State: manifest.Verified}, told)
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
