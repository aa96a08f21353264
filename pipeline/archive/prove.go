package archive

import (
	"context"

	"github.com/vbcvault/vbcvault/pipeline/evidence"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/storage"
)

// Prove asks a store what it holds of a recording, by whatever way of asking.
// What it returns is true now and justifies a purge now; nobody keeps it.
func Prove(ctx context.Context, look evidence.Stater, row manifest.Row) (evidence.Verified, error) {
	return evidence.Verify(ctx, look, row.Recording, row.Copy.Audio, row.Copy.Sidecar, row.Copy.Transcript)
}

// ProofOf is the copy as the store has just described it.
func ProofOf(ev evidence.Verified, c manifest.Copy) manifest.Copy {
	c.Audio, c.Sidecar, c.Transcript = ev.Audio(), ev.Sidecar(), ev.Transcript()
	return c
}

// Look is how a store is asked: for what it keeps, or by reading everything.
func Look(store storage.Store, deep bool) evidence.Stater {
	if deep {
		return rereader{store}
	}
	return store
}

// rereader asks a store by reading every byte.
type rereader struct{ store storage.Store }

func (r rereader) Stat(ctx context.Context, want storage.Object) (storage.Object, error) {
	want.Seen = ""
	return r.store.Reread(ctx, want)
}
