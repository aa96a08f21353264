package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/vbcvault/vbcvault/pipeline"
	"github.com/vbcvault/vbcvault/pipeline/manifest/place"
)

// aDay is how long another run may make no progress before leaving it alone isn't
// well any more: nothing has been archived since.
const aDay = 24 * time.Hour

// otherRun says that another run holds the manifest, and how long it has made no
// progress.
type otherRun struct {
	err      error // manifest.ErrLocked
	manifest string
	progress time.Time // zero: not known
}

func (e *otherRun) Error() string {
	if e.progress.IsZero() {
		return e.err.Error()
	}
	return fmt.Sprintf("%v; it has made no progress for %s, since %s", e.err, e.idle(), e.progress.UTC().Format(time.RFC3339))
}

func (e *otherRun) Unwrap() error { return e.err }

// idle is for how long there has been none, as a text.
func (e *otherRun) idle() string { return time.Since(e.progress).Round(time.Second).String() }

// stuck reports whether it has stood still for a day.
func (e *otherRun) stuck() bool { return !e.progress.IsZero() && time.Since(e.progress) >= aDay }

func (e *otherRun) hint() string {
	look := fmt.Sprintf("vbcvault status --manifest %s shows its progress", e.manifest)
	if e.stuck() {
		return look + "; end that process (SIGTERM, then SIGKILL) and run the same command again: it resumes, and nothing is lost"
	}
	return look + "; wait for it to end, or use --if-running skip, which exits with 0 in this case"
}

// yield decides what a run does that another one keeps from running.
func (j *job) yield(ctx context.Context, o *output, locked error) (any, error) {
	other := &otherRun{err: locked, manifest: j.manifest}
	if m, err := place.OpenReadOnly(ctx, j.manifest, j.around.unsigned()); err == nil {
		other.progress, err = m.Progress(ctx)
		if err = errors.Join(err, m.Close()); err != nil {
			o.log.Warn("the progress of the other run can't be read", "reason", err)
		}
	}
	switch {
	case !j.skipIfRunning:
		return pipeline.Summary{}, other
	case other.stuck():
		return pipeline.Summary{}, &exitError{code: exitIncomplete, err: other}
	}
	attrs := []any{"manifest", j.manifest}
	if !other.progress.IsZero() {
		attrs = append(attrs, "no_progress_for", other.idle())
	}
	j.skipped = true
	o.log.Info("another run is in progress; skipping this one", attrs...)
	return pipeline.Summary{}, nil
}
