package pipeline

import (
	"context"
	"errors"
	"fmt"

	"github.com/vbcvault/vbcvault/pipeline/evidence"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
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
	if err := r.checkClock(); err != nil {
		return evidence.Verified{}, err // the copy's age would count from a wrong time
	}
	ev, err := r.ask(row.Row)
	// What is archived anew after a mismatch says nothing more about the store.
	if !row.mismatched {
		if tripped := r.breaker.proved(err); tripped != nil {
			return evidence.Verified{}, tripped
		}
	}
	row.mismatched = row.mismatched || isA[*evidence.Mismatch](err)
	if err != nil && !isA[*evidence.Mismatch](err) && judge(err) != systemic {
		err = &storeError{err}
	}
	return ev, err
}

// ask asks the store, and where it wasn't told from the beginning how to keep
// this copy, tells it now: once for each of its objects.
func (r *run) ask(row manifest.Row) (evidence.Verified, error) {
	for again := 0; ; again++ {
		ev, err := proveWith(r.work, r.store, row)
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

// proveWith is prove by whatever way of asking the store.
func proveWith(ctx context.Context, look evidence.Stater, row manifest.Row) (evidence.Verified, error) {
	return evidence.Verify(ctx, look, row.Recording, row.Copy.Audio, row.Copy.Sidecar, row.Copy.Transcript)
}

// proven writes down that the copy is verified; done says that nothing more
// was to be done.
func (r *run) proven(row *item, ev evidence.Verified, done bool) error {
	c := proofOf(ev, row.Copy)
	if err := r.manifest.Verified(r.work, row.Recording, c, ev.At(), done); err != nil {
		return err
	}
	r.archived(row, ev)
	return nil
}

// proofOf is the copy as the store has just described it.
func proofOf(ev evidence.Verified, c manifest.Copy) manifest.Copy {
	c.Audio, c.Sidecar, c.Transcript = ev.Audio(), ev.Sidecar(), ev.Transcript()
	return c
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
