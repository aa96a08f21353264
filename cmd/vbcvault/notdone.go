package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/outcome"
	"github.com/vbcvault/vbcvault/storage/ownership"
)

// notDone is the file beside the manifests that has the outcome of an account's last run
// of archive --config, if that is not done: a run that did not even begin is in no
// manifest. Names of accounts are fit for names of files.
func (c configured) notDone(ctx context.Context) (string, error) {
	dir, err := c.around(ctx).stateDir()
	return filepath.Join(dir, c.Name+".not-done.json"), err
}

// remember keeps for status what a run came to. That it can't is said, and changes
// nothing of the run.
func (c configured) remember(ctx context.Context, out outcome.Outcome, log *slog.Logger) {
	if out.Skipped || out.ExitCode == exitInterrupted { // another run has the word, or the next one
		return
	}
	path, err := c.notDone(ctx)
	if err == nil {
		err = ownership.Fit(path)
	}
	if err == nil {
		if err = os.Remove(path); errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	}
	if err == nil && !out.OK() {
		if err = os.MkdirAll(filepath.Dir(path), 0o700); err == nil {
			err = newFile(path, func(w io.Writer) error { return json.NewEncoder(w).Encode(out) })
		}
	}
	if err != nil {
		log.Warn("how this run ended can't be kept for vbcvault status, which shows what the manifest says", "reason", err)
	}
}

// recall is what remember has kept, nil if that is nothing.
func (c configured) recall(ctx context.Context) (*outcome.Outcome, error) {
	path, err := c.notDone(ctx)
	if err != nil {
		return nil, err
	}
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var out outcome.Outcome
	if err == nil {
		if err = json.Unmarshal(b, &out); err != nil {
			err = fmt.Errorf("read %s: %w", path, err)
		}
	}
	return &out, err
}
