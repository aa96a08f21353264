package main

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/vbcvault/vbcvault/pipeline/archive"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
)

// manifestsIn are the files in a directory that have a manifest's name, none if
// there is no such directory.
func manifestsIn(dir string) (paths []string, err error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if info, err := os.Stat(path); strings.HasSuffix(e.Name(), ".manifest") && err == nil && info.Mode().IsRegular() {
			paths = append(paths, path)
		}
	}
	return paths, err
}

// siblingsOf tells of the holds of an account's manifests in the state directory, and
// in the directory of this one, which is left out.
func (a surroundings) siblingsOf(own string) func(context.Context, string) ([]manifest.HoldText, []error, error) {
	return func(ctx context.Context, account string) (all []manifest.HoldText, unread []error, err error) {
		dirs := []string{filepath.Dir(own)}
		if real, err := filepath.EvalSymlinks(own); err == nil { // it may be a link from elsewhere
			dirs = append(dirs, filepath.Dir(real))
		}
		if dir, err := a.stateDir(); err == nil { // else --manifest says where it lies, and there are no others
			dirs = append(dirs, dir)
		}
		seen := []string{own}
		for _, dir := range dirs {
			paths, err := manifestsIn(dir)
			if err != nil {
				unread = append(unread, err)
			}
			for _, path := range paths {
				if isAmong(seen, path) {
					continue
				}
				seen = append(seen, path)
				b, texts, err := readHolds(ctx, path)
				switch {
				case ctx.Err() != nil:
					return nil, nil, context.Cause(ctx)
				case err != nil && !sqlite.Missing(err):
					unread = append(unread, err)
				case b.Account == account:
					all = append(all, texts...)
				}
			}
		}
		return all, unread, nil
	}
}

// isAmong reports whether a path is one of several, under whatever name.
func isAmong(paths []string, path string) bool {
	is, err := os.Stat(path)
	for _, other := range paths {
		if o, e := os.Stat(other); other == path || err == nil && e == nil && os.SameFile(is, o) {
			return true
		}
	}
	return false
}

// learnSiblings takes over the holds that the account's other manifests on this
// machine have, before something is done that can't be undone.
func learnSiblings(ctx context.Context, m *sqlite.Manifest, log *slog.Logger) error {
	b, err := m.Binding(ctx)
	if err != nil {
		return err
	}
	texts, unread, err := environment().siblingsOf(m.Path())(ctx, b.Account)
	if err != nil {
		return err
	}
	if len(unread) > 0 {
		return archive.Unread(unread)
	}
	_, err = archive.LearnSiblings(ctx, m, log, b.Destination, texts)
	return err
}

// readHolds reads what a manifest knows of holds; their ends are signed with its key.
func readHolds(ctx context.Context, path string) (b manifest.Binding, texts []manifest.HoldText, err error) {
	key, err := signingKey()
	if err != nil {
		return b, nil, err
	}
	return sqlite.ReadHolds(ctx, path, key)
}
