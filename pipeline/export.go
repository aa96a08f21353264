package pipeline

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/dustin/go-humanize/english"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/retry"
	"github.com/vbcvault/vbcvault/pipeline/spool"
	"github.com/vbcvault/vbcvault/vbc"
)

// fetched is a slice, with what an export has brought of its audio: nothing,
// where that isn't worth it or hasn't worked. What an export lacks is
// downloaded recording by recording.
type fetched struct {
	slice
	entries map[int64]*packed // by the recording's id; those of one listing are different
	jobs    []manifest.Export
	files   []*spool.File
}

// fetch brings the audio of slices by export, where that is worth it. It runs
// while the slice before is being worked on.
func (r *run) fetch(ctx context.Context, slices iter.Seq2[slice, error]) iter.Seq2[fetched, error] {
	return func(yield func(fetched, error) bool) {
		for s, err := range slices {
			f := fetched{slice: s}
			if err == nil {
				err = r.export(ctx, &f)
			}
			if !yield(f, err) || err != nil {
				return
			}
		}
	}
}

// close ends the use of a slice that has been worked through.
func (r *run) close(f fetched) {
	for _, file := range f.files {
		file.Remove()
	}
	for _, j := range f.jobs {
		if err := r.manifest.ForgetExport(r.work, j.Job); err != nil {
			r.log.Warn("a used export could not be removed from the manifest", "reason", err)
		}
	}
	if f.done != nil {
		f.done()
	}
}

// export fetches a slice by export if that is worth it. Only what makes going
// on impossible is an error; whatever else goes wrong, the recordings are
// downloaded one by one.
func (r *run) export(ctx context.Context, f *fetched) error {
	if r.policy.Fetch == FetchDirect || r.policy.Fetch == "" || r.noMore.Load() != nil {
		return nil
	}
	needed, err := r.needed(f)
	if err != nil {
		return err
	}
	if f.jobs, err = r.started(ctx, f); err != nil || !r.policy.exports(len(needed), len(f.jobs) > 0, r.vbc.Quota()) {
		return err
	}
	err = r.exportSlice(ctx, f, needed)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case judge(err) == retry.Systemic, judge(err) == retry.Cancelled:
		return err
	}
	for _, file := range f.files {
		file.Remove()
	}
	f.entries, f.files = nil, nil
	stuck := isA[*stuckError](err) && r.stuck.Add(1) >= maxStuck
	strange := isA[*strangeError](err) && r.strange.Swap(true) // once may be chance
	if strange || stuck || isA[*spool.Unusable](err) || vbc.AsError(err) != nil && !vbc.AsError(err).Temporary() {
		reason := err.Error()
		r.noMore.Store(&reason)
		r.log.Warn("exports can't be used here; downloading recordings one by one from now on", "reason", reason)
		return nil
	}
	r.log.Warn("an export failed; downloading its recordings one by one", "collection", f.String(), "recordings", len(needed), "reason", err)
	return nil
}

// needed are the recordings of a slice whose audio is wanted and could be told
// apart in an export, by file name.
func (r *run) needed(f *fetched) (map[string]vbc.Recording, error) {
	byName, taken := map[string]vbc.Recording{}, map[string]bool{}
	for _, p := range f.todo {
		row, err := r.manifest.Row(r.work, f.kind, f.user, p.id, p.nth)
		if err != nil {
			return nil, err
		}
		_, twice := byName[row.FileName]
		switch {
		case twice, taken[row.FileName]:
			delete(byName, row.FileName) // neither can be told from the other
		case row.FileName != "" && row.Size > 0 && !row.Copy.Known() && row.Failure.Reason == "" && r.policy.eligible(row.Recording):
			byName[row.FileName] = row.Recording
		}
		taken[row.FileName] = true
	}
	return byName, nil
}

// exportSlice has VBC pack the slice, downloads what it packed, and finds the
// recordings in it.
func (r *run) exportSlice(ctx context.Context, f *fetched, needed map[string]vbc.Recording) error {
	if f.bytes > r.policy.ExportLimit {
		return fmt.Errorf("recordings with %d bytes start in one second, and --export-limit is %d", f.bytes, r.policy.ExportLimit)
	}
	if err := r.spool.Room(f.bytes); err != nil {
		return err
	}
	if len(f.jobs) > 0 {
		r.log.Info("resuming an export that an interrupted run started", "jobs", len(f.jobs))
	} else if err := r.start(ctx, f); err != nil {
		return err
	}
	packed := 0
	for _, j := range f.jobs {
		ready, err := r.await(ctx, f, j)
		if err == nil {
			packed += ready.Total
			var file *spool.File
			if file, err = r.download(ctx, f, ready); err == nil {
				f.files = append(f.files, file)
				continue
			}
		}
		if e := vbc.AsError(err); e != nil && e.NotFound() {
			// It is gone: the next run starts another.
			if forgotten := r.manifest.ForgetExport(r.work, j.Job); forgotten != nil {
				return forgotten
			}
			return fmt.Errorf("export job %s no longer exists: %s", j.Job, e.Message)
		}
		return err
	}
	all, snapshot, err := r.takeCensus(ctx, f)
	if err != nil {
		return err
	}
	for name, rec := range needed {
		if !snapshot[rec.ID] {
			delete(needed, name) // it has come since the job was started
		}
	}
	if f.entries, err = match(f.files, needed, all, packed); err != nil {
		return err
	}
	if len(f.entries) == 0 {
		return &spool.Unusable{Why: fmt.Sprintf("the ZIP has no file with the name and size of any of %s", english.Plural(len(needed), "recording", ""))}
	}
	if err := r.sample(ctx, f, needed); err != nil {
		return err
	}
	r.log.Info("an export was downloaded", "collection", f.String(), "from", f.from.Format(time.RFC3339), "recordings", len(f.entries), "not_in_it", len(f.todo)-len(f.entries))
	return nil
}
