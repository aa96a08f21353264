// Package restore brings recordings back out of an archive: audio, metadata and
// transcript, each compared with what was archived. It asks VBC nothing.
package restore

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"iter"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/flow"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/progress"
	"github.com/vbcvault/vbcvault/pipeline/retry"
	"github.com/vbcvault/vbcvault/storage"
)

// Folder is where restored files go. Its methods may be called concurrently;
// names are as in storage.CheckKey.
type Folder interface {
	// Tidy removes what was left unfinished in these directories, and returns
	// how many files. It is called once, before anything else.
	Tidy(dirs []string) (removed int, err error)

	// Holds reports whether a file is there, durably, and has just this
	// content. Where something else has the name, the error is fs.ErrExist.
	Holds(ctx context.Context, name string, want storage.Content) (bool, error)

	// Create makes a file with that time of change. On nil it is whole and
	// durable; before Body.Seal has agreed, nothing has the name. It never
	// overwrites: where something else has the name, the error is fs.ErrExist.
	Create(ctx context.Context, name string, body storage.Body, modified time.Time) error
}

// Options says what is fetched out of the archive, and how.
type Options struct {
	Query   manifest.Query
	Names   Names
	Workers int // recordings, so many at once; 0 = 8

	// Refuted is told of a copy that was read and isn't what was archived. May be
	// nil, and is called concurrently.
	Refuted func(row manifest.Row, why error)

	// Thaw asks for what lies in cold storage, which costs money.
	Thaw bool
	Tier storage.Tier
	Days int // that a thawed object can be read
}

// Result is what restoring has come to. Its JSON is a contract.
type Result struct {
	Found       int64 `json:"found"`         // recordings that the query selects
	Restored    int64 `json:"restored"`      // something of them was fetched, and all of them is there now
	There       int64 `json:"already_there"` // all of them was there
	NotArchived int64 `json:"not_archived"`  // there is no copy in the archive
	Asked       int64 `json:"thaw_asked"`    // asked for in cold storage by this run
	Thawing     int64 `json:"thawing"`       // asked for earlier
	Cold        int64 `json:"cold"`          // in cold storage, and not asked for
	Failed      int64 `json:"failed"`
	Files       int64 `json:"files"` // fetched
	Bytes       int64 `json:"bytes"` // of them

	ColdBytes int64    `json:"cold_bytes,omitempty"`   // of what can't be read yet
	Classes   []string `json:"cold_classes,omitempty"` // where it lies
	// Wait is how many seconds it takes at most until all that was asked for
	// can be read; without Thaw, until it could. 0 = nothing is cold.
	Wait float64 `json:"wait_seconds,omitempty"`

	Missing []int64 `json:"missing,omitempty"` // ids that were asked for, and of which nothing is in the archive
	Seconds float64 `json:"seconds"`
}

// Complete reports whether all that was asked for is there.
func (r Result) Complete() bool {
	return r.Failed == 0 && r.Asked == 0 && r.Thawing == 0 && r.Cold == 0 && len(r.Missing) == 0
}

// Manifest is what restoring needs of a manifest.
type Manifest interface {
	Binding(ctx context.Context) (manifest.Binding, error)
	Search(ctx context.Context, q manifest.Query) iter.Seq2[manifest.Row, error]
}

// ErrNames says that the names of a template don't fit the recordings.
var ErrNames = errors.New("the file names are not unique")

// identified is a store that can tell by reading whether it is the one that is meant.
type identified interface{ Identify(known string) error }

// To fetches recordings out of the archive: audio, sidecar and transcript,
// each compared with the size and SHA-256 that the manifest has of it before
// its file has a name. It asks VBC nothing, and changes neither the manifest
// nor the store, save that it has a Thawer thaw; Refuted may. Files that are there already
// are not fetched again. A recording that fails keeps no other from being
// restored; what keeps all of them is an error, and so is a context that ends.
// Names that collide are ErrNames (wrapped), before open is called for the
// folder, which it isn't where there is nothing to restore.
func To(ctx context.Context, store storage.Store, m Manifest, open func() (Folder, error), stats *progress.Stats, log *slog.Logger, o Options) (Result, error) {
	begin := time.Now()
	r := newRestorer(store, m, stats, log, o)
	if err := r.identify(ctx); err != nil {
		return Result{}, err
	}
	dirs, err := r.plan(ctx)
	if err != nil {
		return Result{}, err
	}
	if stats.Todo.Load() > 0 {
		if err := r.prepareFolder(open, dirs); err != nil {
			return Result{}, err
		}
	}
	stats.WorkBegan.Store(begin.UnixMilli())
	err = flow.Each(ctx, cmp.Or(o.Workers, 8), r.rows(ctx), r.recording)
	return r.result(begin), err
}

type restorer struct {
	store    storage.Store
	manifest Manifest
	log      *slog.Logger
	stats    *progress.Stats
	again    retry.Loop
	to       Folder
	o        Options

	found, restored, there, notArchived, asked, thawing, cold, files, bytes atomic.Int64

	mu        sync.Mutex
	missing   []int64
	coldBytes int64
	classes   map[string]bool
	wait      time.Duration
}

func newRestorer(store storage.Store, m Manifest, stats *progress.Stats, log *slog.Logger, o Options) *restorer {
	again := retry.Loop{Judge: weigh, Pauses: retry.Pauses, Count: func() { stats.Retries.Add(1) }, Log: log}
	return &restorer{store: store, manifest: m, log: log, stats: stats, again: again, o: o, classes: map[string]bool{}}
}

// prepareFolder opens the folder and tidies it.
func (r *restorer) prepareFolder(open func() (Folder, error), dirs []string) (err error) {
	if r.to, err = open(); err != nil {
		return err
	}
	n, err := r.to.Tidy(dirs)
	if n > 0 {
		r.log.Info("removed unfinished files of an interrupted restore", "files", n)
	}
	return err
}

// identify refuses a store that is another one than the manifest's.
func (r *restorer) identify(ctx context.Context) error {
	bound, err := r.manifest.Binding(ctx)
	if s, ok := r.store.(identified); ok && err == nil {
		err = s.Identify(bound.Identity)
	}
	return err
}

func (r *restorer) result(begin time.Time) Result {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := Result{
		Found: r.found.Load(), Restored: r.restored.Load(), There: r.there.Load(), NotArchived: r.notArchived.Load(),
		Asked: r.asked.Load(), Thawing: r.thawing.Load(), Cold: r.cold.Load(), Failed: r.stats.Failed.Load(),
		Files: r.files.Load(), Bytes: r.bytes.Load(), ColdBytes: r.coldBytes, Wait: r.wait.Seconds(), Missing: r.missing,
		Seconds: time.Since(begin).Round(time.Millisecond).Seconds(),
	}
	for class := range r.classes {
		out.Classes = append(out.Classes, class)
	}
	slices.Sort(out.Classes)
	return out
}

// inArchive reports whether there is a copy of a recording that can be
// expected to be there. One that was stored and never proven is looked for:
// its digest tells.
func inArchive(row manifest.Row) bool {
	return row.Copy.Known() && row.Copy.Audio.Proven() && row.Copy.Sidecar.Proven() && row.State != manifest.Erasing && row.State != manifest.Erased
}

// recording restores what can be restored of one recording. An error ends all.
func (r *restorer) recording(ctx context.Context, row manifest.Row) error {
	r.stats.Begun.Add(1)
	defer r.stats.Ended.Add(1)
	var frozen []restored
	var fetched, absent bool
	var wrong []error
	for _, f := range r.o.Names.files(row) {
		new, err := r.file(ctx, row, f)
		switch {
		case err == nil:
			fetched = fetched || new
		case errors.Is(err, storage.ErrCold):
			frozen = append(frozen, f)
		case fatal(ctx, err):
			return err
		case errors.Is(err, storage.ErrNotFound) && row.Copy.ArchivedAt.IsZero():
			absent = true // a run was about to store it, and nobody has ever seen it there
		default:
			wrong = append(wrong, err)
		}
	}
	for _, err := range wrong {
		if isDamaged(err) && r.o.Refuted != nil {
			r.o.Refuted(row, err)
			break
		}
	}
	if len(frozen) > 0 {
		if err := r.thaw(ctx, frozen); fatal(ctx, err) {
			return err
		} else if err != nil {
			wrong = append(wrong, err)
		}
	}
	switch {
	case len(wrong) > 0:
		r.stats.Failed.Add(1)
		r.complain(row, wrong)
	case absent:
		r.absent(row)
	case len(frozen) > 0: // thaw has counted it
	case fetched:
		r.restored.Add(1)
	default:
		r.there.Add(1)
	}
	return nil
}

// complain says why a recording is not restored, or not all of it, and what to
// do: once where all of its files have the same trouble.
func (r *restorer) complain(row manifest.Row, wrong []error) {
	last := ""
	for _, err := range wrong {
		if err.Error() == last {
			continue
		}
		last = err.Error()
		args := []any{"recording", row.Recording.String(), "reason", err}
		switch {
		case errors.Is(err, fs.ErrExist):
			args = append(args, "hint", "the file stays as it is; choose another --out or --name-template")
		case errors.Is(err, storage.ErrNotFound), isDamaged(err):
			args = append(args, "hint", "the copy is damaged or missing; vbcvault verify --deep checks all copies and says what to do")
		}
		r.log.Error("not restored", args...)
	}
}

// absent counts a recording of which nothing is in the archive.
func (r *restorer) absent(row manifest.Row) {
	r.notArchived.Add(1)
	if len(r.o.Query.IDs) == 0 {
		return
	}
	r.log.Warn("not in the archive", "recording", row.Recording.String(), "state", string(row.State))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.missing = append(r.missing, row.ID)
}
