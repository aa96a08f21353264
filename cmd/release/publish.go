package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// publish makes the release beside out, and puts it there once it is complete: what is
// at out is a whole release always, the old one or the new one.
func (r *release) publish(ctx context.Context, out string) (err error) {
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return err
	}
	if r.out, err = os.MkdirTemp(filepath.Dir(out), filepath.Base(out)+".part-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(r.out)) }()
	if err := r.make(ctx); err != nil {
		return err
	}
	if err := os.Chmod(r.out, 0o755); err != nil {
		return err
	}
	if err := onlyARelease(out); err != nil { // that was minutes ago
		return err
	}
	if err := os.RemoveAll(out); err != nil {
		return err
	}
	return os.Rename(r.out, out)
}

// onlyARelease refuses a directory that has anything but a release in it, since it will
// be removed: each file must be named by the checksums there.
func onlyARelease(dir string) error {
	files, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(files) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	named := map[string]bool{sumsFile: true}
	sums, err := os.ReadFile(filepath.Join(dir, sumsFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for line := range strings.Lines(string(sums)) {
		_, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		named[name] = true
	}
	for _, f := range files {
		if !named[f.Name()] || !f.Type().IsRegular() {
			return fmt.Errorf("%s is of no release, and would be removed: name another directory by --out, or move it away", filepath.Join(dir, f.Name()))
		}
	}
	return nil
}
