package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/vbcvault/vbcvault/pipeline/archive"
	"github.com/vbcvault/vbcvault/pipeline/evidence"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/retry"
	"github.com/vbcvault/vbcvault/storage"
)

// verify has the store confirm the copy, and writes that down. It asks VBC
// nothing.
func (r *run) verify(row *item) error {
	ev, err := r.prove(row)
	if err != nil {
		return err
	}
	return r.proven(row, ev, !r.policy.aliked(row.Row))
}

// prove asks the store what it holds of a recording. What it returns is true
// now and justifies a purge now; nobody keeps it.
func (r *run) prove(row *item) (evidence.Verified, error) {
	// What a reading has refuted, only a reading proves.
	return r.proveBy(row, row.Refuted && !wasSeen(row.Copy))
}

// wasSeen reports whether a copy was read in this run, and the store can tell
// whether it is still that.
func wasSeen(c manifest.Copy) bool {
	return c.Audio.Seen != "" && c.Sidecar.Seen != "" && (c.Transcript.Key == "" || c.Transcript.Seen != "")
}

// proveBy is prove by asking, or by reading.
func (r *run) proveBy(row *item, reading bool) (evidence.Verified, error) {
	if err := r.checkClock(); err != nil {
		return evidence.Verified{}, err // the copy's age would count from a wrong time
	}
	look := archive.Look(r.store, reading)
	if reading {
		look = &thawless{Stater: look, run: r, row: row}
	}
	ev, err := r.ask(look, row.Row)
	if err = r.judged(row, err); err == nil && reading && row.Refuted && !ev.Read() {
		// What was read and found wrong is no more: the store's word is of what
		// this run has put in its place.
		row.Refuted, row.trusted = false, true
		err = r.manifest.Rewritten(r.work, row.Recording)
	}
	return ev, err
}

// thawless reads copies, and makes do where they lie in cold storage and can't be
// read: of what this run has written, the store's word counts. What was read
// before, and found wrong, is still wrong: while VBC has the recording it is
// archived anew, and not thawed.
type thawless struct {
	evidence.Stater
	run *run
	row *item
}

func (t *thawless) Stat(ctx context.Context, want storage.Object) (storage.Object, error) {
	has, err := t.Stater.Stat(ctx, want)
	switch {
	case !errors.Is(err, storage.ErrCold):
	case (t.row.Refuted || t.row.trusted) && slices.Contains(t.row.written, want.Key):
		want.Seen = ""
		has, err = t.run.store.Stat(ctx, want)
		has.Seen = "" // nobody has read it
	case t.row.Refuted && t.row.SeenRun == t.run.id:
		return storage.Object{Key: want.Key}, nil
	}
	return has, err
}

// judged notes how asking for a copy has ended, and says what that means.
func (r *run) judged(row *item, err error) error {
	// What is archived anew after a mismatch says nothing more about the store.
	if !row.mismatched {
		if tripped := r.breaker.proved(err); tripped != nil {
			return tripped
		}
	}
	row.mismatched = row.mismatched || isA[*evidence.Mismatch](err)
	if err != nil && !isA[*evidence.Mismatch](err) && !isA[*evidence.Changed](err) && judge(err) != retry.Systemic {
		err = &storeError{err}
	}
	return err
}

// readsBack reports whether a copy is read, every byte, before its purge. Where a
// store reads in any case, that is done before the slot is taken: it may take
// longer than evidence may be old.
func (r *run) readsBack(row *item) bool {
	memory := r.store.Memory()
	switch {
	case row.Refuted, memory == storage.NoMemory, r.policy.ReadBack == ReadBackAlways:
		return true
	case r.policy.ReadBack == ReadBackNever:
		return false
	}
	return memory == storage.ForeignMemory && !row.wrote
}

// reread reads a copy, and notes what it has read, so that the store can be asked
// later whether it is still that. It asks VBC nothing.
func (r *run) reread(row *item) error {
	ev, err := r.proveBy(row, true)
	if err != nil {
		return err
	}
	row.Copy = archive.ProofOf(ev, row.Copy)
	if r.store.Memory() != storage.NoMemory {
		r.stats.ReadBack.Add(1)
		r.stats.ReadBackBytes.Add(ev.Audio().Size + ev.Sidecar().Size + ev.Transcript().Size)
	}
	return nil
}

// ask asks the store, and where it wasn't told from the beginning how to keep
// this copy, tells it now: once for each of its objects.
func (r *run) ask(look evidence.Stater, row manifest.Row) (evidence.Verified, error) {
	for again := 0; ; again++ {
		ev, err := archive.Prove(r.work, look, row)
		lacking, ok := errors.AsType[*evidence.Unprotected](err)
		keeper, can := r.store.(storage.Protector)
		if !ok || !can || again == 3 {
			return ev, err
		}
		if e := keeper.Protect(r.work, lacking.Has); e != nil {
			return ev, fmt.Errorf("%w; %w", err, e)
		}
	}
}

// proven writes down that the copy is verified; done says that nothing more
// was to be done.
func (r *run) proven(row *item, ev evidence.Verified, done bool) error {
	c := archive.ProofOf(ev, row.Copy)
	if err := r.manifest.Verified(r.work, row.Recording, c, ev.At(), done); err != nil {
		return err
	}
	r.archived(row, ev)
	return nil
}

// archived counts a recording whose copy, or transcript, has been proven for
// the first time.
func (r *run) archived(row *item, ev evidence.Verified) {
	if row.Copy.ArchivedAt.IsZero() {
		row.Copy.ArchivedAt = ev.At()
		r.stats.Archived.Add(1)
		r.stats.Bytes.Add(ev.Audio().Size)
	}
	if row.transcribed {
		row.transcribed = false
		r.stats.Transcripts.Add(1)
	}
}
