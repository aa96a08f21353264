package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/vbc"
)

// started returns the jobs that an interrupted run has started for the slice.
func (r *run) started(ctx context.Context, f *fetched) (jobs []manifest.Export, err error) {
	known, err := r.manifest.Exports(ctx, f.kind, f.user, r.policy.Filter.String())
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
		ids, err = slot.StartExport(ctx, vbc.Query{Kind: f.kind, Account: r.account, User: f.user, Since: f.from, Before: f.to.Add(-time.Second), Filter: r.policy.Filter})
		return err
	})
	var names []string
	for _, l := range f.listed {
		names = append(names, l.String())
	}
	for _, id := range ids {
		e := manifest.Export{Job: id, Filter: r.policy.Filter.String(), Since: f.from, Until: f.to, Listed: names}
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
	known, err := r.manifest.Exports(ctx, c.kind, c.user, r.policy.Filter.String())
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
