package pipeline

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/vbc"
)

// fetched is a slice, with what an export has brought of its audio: nothing,
// where that isn't worth it or hasn't worked. What an export lacks is
// downloaded recording by recording.
type fetched struct {
	slice
	entries map[int64]*zip.File // by the recording's id
	jobs    []manifest.Export
	files   []*spooled
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
		file.remove()
	}
	for _, j := range f.jobs {
		if err := r.manifest.ForgetExport(r.work, j.Job); err != nil {
			r.log.Warn("an export that is done with could not be forgotten", "reason", err)
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
	case judge(err) == systemic, judge(err) == cancelled:
		return err
	}
	for _, file := range f.files {
		file.remove()
	}
	f.entries, f.files = nil, nil
	if isA[*unusable](err) || vbc.AsError(err) != nil && !vbc.AsError(err).Temporary() {
		reason := err.Error()
		r.noMore.Store(&reason)
		r.log.Warn("exports are of no use here; downloading recording by recording from now on", "reason", reason)
		return nil
	}
	r.log.Warn("an export didn't work; downloading its recordings one by one", "collection", f.String(), "recordings", len(needed), "reason", err)
	return nil
}

// unusable says that exports aren't what they are taken for.
type unusable struct{ Why string }

func (e *unusable) Error() string { return e.Why }

// needed are the recordings of a slice whose audio is wanted and could be told
// apart in an export, by file name.
func (r *run) needed(f *fetched) (map[string]vbc.Recording, error) {
	byName, taken := map[string]vbc.Recording{}, map[string]bool{}
	for _, p := range f.todo {
		row, err := r.manifest.Get(r.work, f.kind, f.user, p.id)
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
		return fmt.Errorf("%d bytes begin in one second, and --export-limit allows %d", f.bytes, r.policy.ExportLimit)
	}
	if err := r.spool.room(f.bytes); err != nil {
		return err
	}
	if len(f.jobs) > 0 {
		r.log.Info("taking up an export that an interrupted run had started", "jobs", len(f.jobs))
	} else if err := r.start(ctx, f); err != nil {
		return err
	}
	for _, j := range f.jobs {
		ready, err := r.await(ctx, f, j)
		if err == nil {
			var file *spooled
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
			return fmt.Errorf("job %s is gone: %s", j.Job, e.Message)
		}
		return err
	}
	f.entries = match(f.files, needed)
	if len(f.entries) == 0 {
		return &unusable{fmt.Sprintf("none of %d recordings is in the ZIP under its file name and with its size", len(needed))}
	}
	r.log.Info("an export was downloaded", "collection", f.String(), "from", f.from.Format(time.RFC3339), "recordings", len(f.entries), "not_in_it", len(f.todo)-len(f.entries))
	return nil
}

// started returns the jobs that an interrupted run has started for the slice.
func (r *run) started(ctx context.Context, f *fetched) (jobs []manifest.Export, err error) {
	known, err := r.manifest.Exports(ctx, f.kind, f.user)
	if err != nil {
		return nil, err
	}
	for _, e := range known {
		switch {
		case !e.Valid.IsZero() && time.Until(e.Valid) < time.Minute:
			if err := r.manifest.ForgetExport(r.work, e.Job); err != nil {
				return nil, err
			}
		case !f.from.Before(e.Since) && !f.to.After(e.Until):
			jobs = append(jobs, e)
		}
	}
	return jobs, nil
}

// start has VBC begin to pack the slice.
func (r *run) start(ctx context.Context, f *fetched) error {
	var ids []string
	err := r.attemptFor(ctx, &patience{}, vbc.RankFetch, func(ctx context.Context, slot *vbc.Slot) (err error) {
		ids, err = slot.StartExport(ctx, vbc.Query{Kind: f.kind, Account: r.account, User: f.user, Since: f.from, Before: f.to.Add(-time.Second)})
		return err
	})
	for _, id := range ids {
		e := manifest.Export{Job: id, Since: f.from, Until: f.to}
		// A crash before this costs the request that has started the job.
		if err := r.manifest.SetExport(r.work, f.kind, f.user, e); err != nil {
			return err
		}
		f.jobs = append(f.jobs, e)
	}
	return err
}

// cuts are the moments at which slices end, so that each lies in the job that
// an interrupted run has started for it.
func (r *run) cuts(ctx context.Context, c collection) (at []time.Time, err error) {
	if r.manifest == nil || r.policy.Fetch == FetchDirect || r.policy.Fetch == "" {
		return nil, nil
	}
	known, err := r.manifest.Exports(ctx, c.kind, c.user)
	for _, e := range known {
		at = append(at, e.Since, e.Until)
	}
	return at, err
}

const (
	longestPoll = 5 * time.Minute
	noProgress  = 2 * time.Hour // then a job is given up
)

// await asks how far a job has come until it is done, with pauses that grow,
// and that VBC's own count of files guides.
func (r *run) await(ctx context.Context, f *fetched, e manifest.Export) (vbc.Job, error) {
	user := f.user
	if user == "" {
		user = "self" // jobs belong to users, those of company recordings to whoever asked
	}
	begin, moved, completed := time.Now(), time.Now(), 0
	wait := r.policy.PollPause
	if wait == 0 {
		wait = min(max(5*r.vbc.Quota().Interval, time.Second), time.Minute)
	}
	for first := true; ; first = false {
		if !first || e.Valid.IsZero() { // that it was valid is what VBC says of those that are done
			if err := pause(ctx, wait); err != nil {
				return vbc.Job{}, err
			}
		}
		var j vbc.Job
		err := r.attemptFor(ctx, &patience{}, vbc.RankFetch, func(ctx context.Context, slot *vbc.Slot) (err error) {
			j, err = slot.ExportJob(ctx, r.account, user, e.Job)
			return err
		})
		switch {
		case err != nil:
			return j, err
		case j.Failed:
			err := errors.Join(fmt.Errorf("VBC says that export job %s has failed", e.Job), r.manifest.ForgetExport(r.work, e.Job))
			return j, err
		case j.Done:
			if !j.ValidUntil.IsZero() {
				e.Valid = j.ValidUntil
				return j, r.manifest.SetExport(r.work, f.kind, f.user, e)
			}
			return j, nil
		}
		if j.Completed > completed {
			completed, moved = j.Completed, time.Now()
		}
		if time.Since(moved) > noProgress {
			return j, fmt.Errorf("export job %s has made no progress for %v", e.Job, noProgress)
		}
		wait = nextPoll(wait, time.Since(begin), j)
		r.log.Debug("waiting for an export", "job", e.Job, "completed", j.Completed, "of", j.Total, "next_look", wait)
	}
}

// nextPoll is how long to wait before a job is looked at again: as long as it
// will take at its pace, else twice as long as before.
func nextPoll(last, elapsed time.Duration, j vbc.Job) time.Duration {
	next := 2 * last
	if j.Completed > 0 && j.Completed <= j.Total {
		left := time.Duration(float64(elapsed) / float64(j.Completed) * float64(j.Total-j.Completed))
		next = max(last, left+left/10)
	}
	return min(next, longestPoll)
}

// download brings a job's ZIP into the spool.
func (r *run) download(ctx context.Context, f *fetched, j vbc.Job) (file *spooled, err error) {
	err = r.attemptFor(ctx, &patience{}, vbc.RankFetch, func(_ context.Context, slot *vbc.Slot) error {
		body, err := slot.Export(r.work, j)
		if err != nil {
			return err
		}
		defer body.Close()
		file, err = r.spool.keep(body, mostZIP(f.bytes), func(n int) { r.stats.Downloaded.Add(int64(n)) })
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := file.open(len(f.todo)); err != nil {
		file.remove()
		return nil, err
	}
	return file, nil
}
