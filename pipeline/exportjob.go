package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/retry"
	"github.com/vbcvault/vbcvault/pipeline/spool"
	"github.com/vbcvault/vbcvault/vbc"
)

// started returns the jobs that an interrupted run has started for the slice.
func (x *exporter) started(ctx context.Context, f *fetched) (jobs []manifest.Export, err error) {
	known, err := x.manifest.Exports(ctx, f.kind, f.user, x.policy.Filter.String())
	if err != nil {
		return nil, err
	}
	for _, e := range known {
		switch {
		case !e.Valid.IsZero() && time.Until(e.Valid) < time.Minute:
			if err := x.manifest.ForgetExport(x.work, e.Job); err != nil {
				return nil, err
			}
		case !f.from.Before(e.Since) && !f.to.After(e.Until):
			jobs = append(jobs, e)
		}
	}
	return jobs, nil
}

// start has VBC begin to pack the slice.
func (x *exporter) start(ctx context.Context, f *fetched) error {
	var ids []string
	err := x.attemptFor(ctx, &patience{}, vbc.RankFetch, func(ctx context.Context, slot *vbc.Slot) (err error) {
		ids, err = slot.StartExport(ctx, vbc.Query{Kind: f.kind, Account: x.account, User: f.user, Since: f.from, Before: f.to.Add(-time.Second), Filter: x.policy.Filter})
		return err
	})
	var names []string
	for _, l := range f.listed {
		names = append(names, l.String())
	}
	for _, id := range ids {
		e := manifest.Export{Job: id, Filter: x.policy.Filter.String(), Since: f.from, Until: f.to, Listed: names}
		// A crash before this costs the request that has started the job.
		if err := x.manifest.SetExport(x.work, f.kind, f.user, e); err != nil {
			return err
		}
		f.jobs = append(f.jobs, e)
	}
	return err
}

// cuts are the moments at which slices end, so that each lies in the job that
// an interrupted run has started for it.
func (x *exporter) cuts(ctx context.Context, c collection) (at []time.Time, err error) {
	if x.manifest == nil || x.policy.Fetch == FetchDirect || x.policy.Fetch == "" {
		return nil, nil
	}
	known, err := x.manifest.Exports(ctx, c.kind, c.user, x.policy.Filter.String())
	for _, e := range known {
		at = append(at, e.Since, e.Until)
	}
	return at, err
}

const (
	longestPoll = 5 * time.Minute
	noProgress  = 30 * time.Minute // then a job is given up
	longestWait = 6 * time.Hour    // whatever progress it makes
	saidEvery   = 10 * time.Minute
	maxStuck    = 2 // exports that are given up, then no more are tried in this run
)

// stuckError says that an export has been waited for for long enough.
type stuckError struct{ Why string }

func (e *stuckError) Error() string { return e.Why }

// wait is how long an export has been waited for, and what came of it.
type wait struct {
	job                string
	begin, moved, said time.Time
	most               int           // files that VBC has said are done
	still, long        time.Duration // without progress, and in all
}

// newWait begins to wait for a job that packs so many recordings. Twice as long as
// it would take to download them one by one is too long.
func newWait(job string, recordings int, interval, still time.Duration) *wait {
	now := time.Now()
	if still == 0 {
		still = noProgress
	}
	long := max(still, min(longestWait, 2*time.Duration(recordings)*interval))
	if interval == 0 {
		long = max(still, min(longestWait, 12*still))
	}
	return &wait{job: job, begin: now, moved: now, said: now, still: still, long: long}
}

// look notes what VBC has said of the job. The error is a *stuckError.
func (w *wait) look(j vbc.Job, now time.Time) error {
	if j.Completed > w.most && (j.Total <= 0 || j.Completed <= j.Total) {
		w.most, w.moved = j.Completed, now
	}
	switch {
	case !j.ValidUntil.IsZero() && now.Sub(j.ValidUntil) > manifest.ClockSlack:
		return &stuckError{fmt.Sprintf("export job %s is not finished, and expired at %s", w.job, j.ValidUntil.Format(time.RFC3339))}
	case now.Sub(w.moved) >= w.still:
		return &stuckError{fmt.Sprintf("export job %s has made no progress for %v", w.job, w.still)}
	case now.Sub(w.begin) >= w.long:
		return &stuckError{fmt.Sprintf("export job %s is not finished after %v", w.job, w.long)}
	}
	return nil
}

// left is how long may still be waited.
func (w *wait) left(now time.Time) time.Duration {
	return max(min(w.moved.Add(w.still).Sub(now), w.begin.Add(w.long).Sub(now)), time.Second)
}

// await asks how far a job has come until it is done, with pauses that grow,
// and that VBC's own count of files guides. A job that doesn't come to its end is
// a *stuckError, and forgotten.
func (x *exporter) await(ctx context.Context, f *fetched, e manifest.Export) (vbc.Job, error) {
	user := f.user
	if user == "" {
		user = "self" // jobs belong to users, those of company recordings to whoever asked
	}
	w := newWait(e.Job, len(f.todo), x.vbc.Quota().Interval, x.policy.ExportPatience)
	wait := x.policy.PollPause
	if wait == 0 {
		wait = min(max(5*x.vbc.Quota().Interval, time.Second), time.Minute)
	}
	for first := true; ; first = false {
		if !first || e.Valid.IsZero() { // that it was valid is what VBC says of those that are done
			if err := retry.Pause(ctx, wait); err != nil {
				return vbc.Job{}, err
			}
		}
		var j vbc.Job
		err := x.attemptFor(ctx, &patience{}, vbc.RankFetch, func(ctx context.Context, slot *vbc.Slot) (err error) {
			j, err = slot.ExportJob(ctx, x.account, user, e.Job)
			return err
		})
		switch {
		case err != nil:
			return j, err
		case j.Failed:
			err := errors.Join(fmt.Errorf("VBC reports that export job %s failed", e.Job), x.manifest.ForgetExport(x.work, e.Job))
			return j, err
		case j.Done:
			if !j.ValidUntil.IsZero() {
				e.Valid = j.ValidUntil
				return j, x.manifest.SetExport(x.work, f.kind, f.user, e)
			}
			return j, nil
		}
		now := time.Now()
		if err := w.look(j, now); err != nil {
			return j, errors.Join(err, x.manifest.ForgetExport(x.work, e.Job)) // else the next run waits for it, too
		}
		wait = min(nextPoll(wait, now.Sub(w.begin), j), w.left(now))
		x.log.Debug("waiting for an export", "job", e.Job, "completed", j.Completed, "of", j.Total, "next_look", wait)
		if now.Sub(w.said) >= saidEvery || first {
			w.said = now
			x.log.Info("waiting for VBC to prepare an export", "collection", f.String(), "completed", j.Completed, "of", j.Total,
				"since", w.begin.UTC().Format(time.RFC3339), "at_most", w.long)
		}
	}
}

// nextPoll is how long to wait before a job is looked at again: as long as it
// will take at its pace, else twice as long as before. The longer it has taken,
// the less a look is worth: some always have only the last file to go.
func nextPoll(last, elapsed time.Duration, j vbc.Job) time.Duration {
	next := 2 * last
	if j.Completed > 0 && j.Completed <= j.Total {
		left := float64(elapsed) / float64(j.Completed) * float64(j.Total-j.Completed)
		next = max(last, elapsed/8, time.Duration(min(1.1*left, float64(longestPoll)))) // whatever VBC counts
	}
	return min(next, longestPoll)
}

// download brings a job's ZIP into the spool.
func (x *exporter) download(ctx context.Context, f *fetched, j vbc.Job) (file *spool.File, err error) {
	err = x.attemptFor(ctx, &patience{}, vbc.RankFetch, func(_ context.Context, slot *vbc.Slot) error {
		body, err := slot.Export(x.work, j)
		if err != nil {
			return err
		}
		defer body.Close()
		file, err = x.spool.Keep(body, spool.MostZIP(f.bytes), func(n int) { x.stats.Downloaded.Add(int64(n)) })
		if isA[*spool.DiskError](err) {
			return &storeError{err}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := file.Open(len(f.todo)); err != nil {
		file.Remove()
		return nil, err
	}
	return file, nil
}
