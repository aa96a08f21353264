package pipeline

import (
	"context"
	"fmt"
	"iter"
	"sync/atomic"
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

// exporter fetches the audio of whole slices in one go, where that is worth it. It
// belongs to the goroutine that goes through fetch, save given: workers may give up
// as well, and whoever lists asks whether somebody has.
type exporter struct {
	*run
	spool   *spool.Spool           // where exports are kept while they are taken apart; nil in a dry run
	given   atomic.Pointer[string] // why no more exports are tried
	strange bool                   // an export held more than VBC had listed
	stuck   int                    // exports that didn't come to their end
}

// giveUp has no more exports tried in this run.
func (x *exporter) giveUp(why string) {
	x.given.Store(&why)
	x.log.Warn("exports can't be used here; downloading recordings one by one from now on", "reason", why)
}

func (x *exporter) givenUp() bool { return x.given.Load() != nil }

// fetch brings the audio of slices by export, where that is worth it. It runs
// while the slice before is being worked on.
func (x *exporter) fetch(ctx context.Context, slices iter.Seq2[slice, error]) iter.Seq2[fetched, error] {
	return func(yield func(fetched, error) bool) {
		for s, err := range slices {
			f := fetched{slice: s}
			if err == nil {
				err = x.export(ctx, &f)
			}
			if !yield(f, err) || err != nil {
				return
			}
		}
	}
}

// close ends the use of a slice that has been worked through.
func (x *exporter) close(f fetched) {
	for _, file := range f.files {
		file.Remove()
	}
	for _, j := range f.jobs {
		if err := x.manifest.ForgetExport(x.work, j.Job); err != nil {
			x.log.Warn("a used export could not be removed from the manifest", "reason", err)
		}
	}
	if f.done != nil {
		f.done()
	}
}

// export fetches a slice by export if that is worth it. Only what makes going
// on impossible is an error; whatever else goes wrong, the recordings are
// downloaded one by one.
func (x *exporter) export(ctx context.Context, f *fetched) error {
	if x.policy.Fetch == FetchDirect || x.policy.Fetch == "" || x.givenUp() {
		return nil
	}
	var err error
	if f.jobs, err = x.started(ctx, f); err != nil {
		return err
	}
	worth := func(recordings int) bool { return x.policy.exports(recordings, len(f.jobs) > 0, x.vbc.Quota()) }
	if !worth(len(f.todo)) { // nor fewer: that spares reading them
		return nil
	}
	needed, err := x.needed(f)
	if err != nil || !worth(len(needed)) {
		return err
	}
	err = x.exportSlice(ctx, f, needed)
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
	stuck, strange := false, false
	switch {
	case isA[*stuckError](err):
		x.stuck++
		stuck = x.stuck >= maxStuck
	case isA[*strangeError](err):
		strange, x.strange = x.strange, true // once may be chance
	}
	if strange || stuck || isA[*spool.Unusable](err) || vbc.AsError(err) != nil && !vbc.AsError(err).Temporary() {
		x.giveUp(err.Error())
		return nil
	}
	x.log.Warn("an export failed; downloading its recordings one by one", "collection", f.String(), "recordings", len(needed), "reason", err)
	return nil
}

// needed are the recordings of a slice whose audio is wanted and could be told
// apart in an export, by file name.
func (x *exporter) needed(f *fetched) (map[string]vbc.Recording, error) {
	byName, taken := map[string]vbc.Recording{}, map[string]bool{}
	for _, p := range f.todo {
		row, err := x.manifest.Row(x.work, vbc.Key{Kind: f.kind, Owner: f.user, ID: p.id}, p.nth)
		if err != nil {
			return nil, err
		}
		_, twice := byName[row.FileName]
		switch {
		case twice, taken[row.FileName]:
			delete(byName, row.FileName) // neither can be told from the other
		case row.FileName != "" && row.Size > 0 && x.wantsAudio(row) && row.Failure.Reason == "" && x.policy.eligible(row.Recording):
			byName[row.FileName] = row.Recording
		}
		taken[row.FileName] = true
	}
	return byName, nil
}

// exportSlice has VBC pack the slice, downloads what it packed, and finds the
// recordings in it.
func (x *exporter) exportSlice(ctx context.Context, f *fetched, needed map[string]vbc.Recording) error {
	if f.bytes > x.policy.ExportLimit {
		return fmt.Errorf("recordings with %d bytes start in one second, and --export-limit is %d", f.bytes, x.policy.ExportLimit)
	}
	if err := x.spool.Room(f.bytes); err != nil {
		return err
	}
	if len(f.jobs) > 0 {
		x.log.Info("resuming an export that an interrupted run started", "jobs", len(f.jobs))
	} else if err := x.start(ctx, f); err != nil {
		return err
	}
	packed := 0
	for _, j := range f.jobs {
		ready, err := x.await(ctx, f, j)
		if err == nil {
			packed += ready.Total
			var file *spool.File
			if file, err = x.download(ctx, f, ready); err == nil {
				f.files = append(f.files, file)
				continue
			}
		}
		if e := vbc.AsError(err); e != nil && e.NotFound() {
			// It is gone: the next run starts another.
			if forgotten := x.manifest.ForgetExport(x.work, j.Job); forgotten != nil {
				return forgotten
			}
			return fmt.Errorf("export job %s no longer exists: %s", j.Job, e.Message)
		}
		return err
	}
	all, snapshot, err := x.takeCensus(ctx, f)
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
	if err := x.sample(ctx, f, needed); err != nil {
		return err
	}
	x.log.Info("an export was downloaded", "collection", f.String(), "from", f.from.Format(time.RFC3339), "recordings", len(f.entries), "not_in_it", len(f.todo)-len(f.entries))
	return nil
}
