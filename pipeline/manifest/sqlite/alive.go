package sqlite

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

// SetProgress writes down that the run that holds the manifest gets on.
func (m *Manifest) SetProgress(ctx context.Context) error {
	return m.exec(ctx, setMeta, "progress", strconv.FormatInt(time.Now().UnixMilli(), 10))
}

// Progress is when whoever holds the manifest got on for the last time, as far as
// it is known to the minute: the beginning of a run, what it wrote down since, or,
// where it is no run, when the manifest was locked.
func (m *Manifest) Progress(ctx context.Context) (time.Time, error) {
	text, err := m.meta(ctx, "progress")
	if err != nil {
		return time.Time{}, fmt.Errorf("read manifest: %w", err)
	}
	ms, _ := strconv.ParseInt(text, 10, 64) // none: no run has lasted for a minute
	at := fromMillis(ms)
	runs, err := m.Runs(ctx, 1)
	if err != nil {
		return time.Time{}, err
	}
	return manifest.Progressed(at, runs, func() time.Time {
		if info, err := os.Stat(m.path + ".lock"); err == nil {
			return info.ModTime()
		}
		return time.Time{}
	}), nil
}

// touch dates a lock that was just taken.
func touch(path string) {
	now := time.Now()
	_ = os.Chtimes(path, now, now) // without it, less is known of whoever holds it
}
