// Package index fills the full-text index of transcripts: it reads those that the index
// lacks out of the archive, the newest first, and writes down what they say. It asks VBC
// nothing and changes nothing in the archive. It may be stopped at any time, and goes on
// where it was; whoever has neither the page nor asks for it has no index, and pays for
// no request.
package index

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/flow"
	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/retry"
	"github.com/vbcvault/vbcvault/pipeline/transcript"
	"github.com/vbcvault/vbcvault/storage"
)

// Options says how the index is filled.
type Options struct {
	Workers int           // transcripts that are read at once; 0 = 8
	Pause   time.Duration // after each batch, in which a run beside gets its turn to write; 0 = DefaultPause
	// Again has what was put off tried at once.
	Again bool
	// Refuted is told of a transcript that was read and isn't what was archived. May be
	// nil, and is called concurrently.
	Refuted func(row manifest.Row, why error)
}

// DefaultPause is longer than SQLite lets anybody sleep who waits to write.
const DefaultPause = 150 * time.Millisecond

// Result is what filling the index has come to. Its JSON is a contract.
type Result struct {
	Indexed int64   `json:"indexed"`           // transcripts
	Cold    int64   `json:"cold"`              // in cold storage: asked for again a day later
	Missing int64   `json:"missing"`           // not in the archive, or not yet: asked for again an hour later
	Damaged int64   `json:"damaged"`           // not what was archived, and so not indexed
	Failed  int64   `json:"failed"`            // that the store could not send: asked for again an hour later
	Seconds float64 `json:"seconds,omitempty"` // that it took
}

// Complete reports whether all that was to be indexed is.
func (r Result) Complete() bool { return r.Cold+r.Missing+r.Damaged+r.Failed == 0 }

const (
	// A batch is one change: it keeps a run beside it from writing for so long.
	batchOf    = 256
	batchBytes = 2 << 20

	coldAgain   = 24 * time.Hour
	failedAgain = time.Hour
	storedAgain = time.Minute
)

// Run fills the index until nothing is left that can be read now. A transcript that can't
// be read keeps no other from being indexed; what keeps all of them is an error, and so
// is a context that ends: what was indexed until then is.
func Run(ctx context.Context, store storage.Store, m manifest.Words, log *slog.Logger, o Options) (Result, error) {
	begin := time.Now()
	x := &indexer{store: store, manifest: m, log: log, o: o, pause: cmp.Or(o.Pause, DefaultPause), writing: make(chan struct{}, 1),
		again: retry.Loop{Judge: weigh, Pauses: retry.Pauses, Log: log}}
	err := flow.Each(ctx, cmp.Or(o.Workers, 8), x.rows(ctx), x.read)
	err = errors.Join(err, x.write(context.WithoutCancel(ctx), true)) // what was read needn't be read again
	return Result{
		Indexed: x.indexed.Load(), Cold: x.cold.Load(), Missing: x.missing.Load(), Damaged: x.damaged.Load(), Failed: x.failed.Load(),
		Seconds: time.Since(begin).Round(time.Millisecond).Seconds(),
	}, err
}

type indexer struct {
	store    storage.Store
	manifest manifest.Words
	log      *slog.Logger
	o        Options
	pause    time.Duration
	again    retry.Loop

	indexed, cold, missing, damaged, failed atomic.Int64

	writing chan struct{} // holds one while a batch is written down: the next one waits

	mu    sync.Mutex
	batch []manifest.Spoken // read, and not written down
	bytes int
}

// rows are those to be indexed.
func (x *indexer) rows(ctx context.Context) iter.Seq2[manifest.Row, error] {
	now := time.Now()
	if x.o.Again {
		now = now.Add(max(coldAgain, failedAgain))
	}
	return x.manifest.Unindexed(ctx, now)
}

// read reads one transcript. An error ends all.
func (x *indexer) read(ctx context.Context, row manifest.Row) error {
	text, err := x.transcript(ctx, row)
	if err != nil {
		return x.without(ctx, row, err)
	}
	if !x.add(manifest.Spoken{Row: row, Text: text}) {
		return nil
	}
	return x.write(ctx, false)
}

// add adds to the batch, and reports whether it is full.
func (x *indexer) add(s manifest.Spoken) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.batch = append(x.batch, s)
	x.bytes += len(s.Text)
	return x.full()
}

func (x *indexer) full() bool { return len(x.batch) >= batchOf || x.bytes >= batchBytes }

// take takes the batch if it is full, or the last one.
func (x *indexer) take(last bool) (batch []manifest.Spoken) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if last || x.full() {
		batch, x.batch, x.bytes = x.batch, nil, 0
	}
	return batch
}

// write writes a batch down. Whoever has read more meanwhile waits, so that memory stays
// bounded; whoever else wants to write gets a turn.
func (x *indexer) write(ctx context.Context, last bool) error {
	x.writing <- struct{}{}
	defer func() { <-x.writing }()
	batch := x.take(last)
	if len(batch) == 0 {
		return nil
	}
	if err := x.manifest.Index(ctx, batch...); err != nil {
		return fmt.Errorf("index transcripts: %w", err)
	}
	x.indexed.Add(int64(len(batch)))
	if last {
		return nil
	}
	return retry.Pause(ctx, x.pause)
}

// mismatch says that an object isn't what was archived.
type mismatch struct{ key string }

func (e *mismatch) Error() string { return e.key + " is not what was archived: its SHA-256 differs" }

// transcript is what one says.
func (x *indexer) transcript(ctx context.Context, row manifest.Row) (text string, err error) {
	of := row.Copy.Transcript
	var patience retry.Patience
	err = x.again.Do(ctx, &patience, func() error {
		file, err := layout.Read(ctx, x.store, storage.Object{Key: of.Key, VersionID: of.VersionID}, transcript.Longest)
		if err != nil {
			return err
		}
		if int64(len(file)) != of.Size || storage.SumOf(file) != of.SHA256 {
			return &mismatch{of.Key}
		}
		text = transcript.Read(file, row.Duration).Text()
		return nil
	})
	return text, err
}

// without goes on without a transcript that can't be read, unless none can.
func (x *indexer) without(ctx context.Context, row manifest.Row, why error) error {
	_, wrong := errors.AsType[*mismatch](why)
	later, count := failedAgain, &x.failed
	switch v := weigh(why); {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case v == retry.Systemic || v == retry.Cancelled:
		return why
	case wrong:
		x.log.Error("a transcript is damaged, and not indexed", "recording", row.Recording.String(), "reason", why)
		if x.o.Refuted != nil {
			x.o.Refuted(row, why)
		}
		later, count = coldAgain, &x.damaged
	case errors.Is(why, storage.ErrCold):
		later, count = coldAgain, &x.cold
	case errors.Is(why, storage.ErrNotFound):
		if count = &x.missing; row.State == manifest.Stored {
			later = storedAgain // a run is just storing it
		}
	default:
		x.log.Warn("a transcript could not be read, so its words can't be found yet", "recording", row.Recording.String(), "reason", why)
	}
	count.Add(1)
	return x.manifest.PutOff(ctx, row, time.Now().Add(later))
}

// weigh says what an error means for trying again. What isn't known may pass: it is the
// network.
func weigh(err error) retry.Verdict {
	_, wrong := errors.AsType[*mismatch](err)
	switch {
	case errors.Is(err, storage.ErrRefused):
		return retry.Systemic
	case err == nil, errors.Is(err, storage.ErrCold), errors.Is(err, storage.ErrNotFound), errors.Is(err, layout.ErrTooLarge):
		return retry.Final
	case wrong:
		return retry.Doubtful // it may have been damaged on its way
	case errors.Is(err, context.Canceled):
		return retry.Cancelled
	}
	return retry.Passing
}
