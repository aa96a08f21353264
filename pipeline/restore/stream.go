package restore

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/progress"
	"github.com/vbcvault/vbcvault/storage"
)

var (
	// ErrUntrusted says that what was written is not what was archived.
	ErrUntrusted = errors.New("the output must not be used")
	// ErrNotArchived says that there is no copy of a recording in the archive.
	ErrNotArchived = errors.New("it is not in the archive")
)

// Stream writes the audio of one recording to w as it comes. Its digest is
// known at the end only: any error after the first byte is ErrUntrusted
// (wrapped). On nil all is written, or lies in cold storage, as the result says.
func Stream(ctx context.Context, store storage.Store, m Manifest, row manifest.Row, w io.Writer, log *slog.Logger, o Options) (Result, error) {
	begin := time.Now()
	r := newRestorer(store, m, &progress.Stats{}, log, o)
	if err := r.identify(ctx); err != nil {
		return Result{}, err
	}
	r.found.Add(1)
	if !inArchive(row) {
		return r.result(begin), fmt.Errorf("%s is %s: %w", row.Recording, row.State, ErrNotArchived)
	}
	audio := row.Copy.Audio
	in, err := store.Open(ctx, audio)
	if errors.Is(err, storage.ErrCold) {
		err = r.thaw(ctx, []restored{{object: audio}})
		return r.result(begin), err
	}
	if err != nil {
		return r.result(begin), err
	}
	defer in.Close()
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(w, h), in)
	if err == nil {
		if err = compare(audio, storage.Content{Size: n, SHA256: storage.Digest(h.Sum(nil))}); err != nil && o.Refuted != nil {
			o.Refuted(row, err)
		}
	}
	if err != nil {
		return r.result(begin), fmt.Errorf("%w: %w", ErrUntrusted, err)
	}
	r.restored.Add(1)
	return r.result(begin), nil
}
