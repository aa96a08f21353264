package main

import (
	"context"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/holding"
	"github.com/vbcvault/vbcvault/pipeline/archive"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/place"
)

// siblingsOf tells of the holds of an account's manifests in the state directory, and
// in the directory or the database of this one, which is left out.
func (a surroundings) siblingsOf(own string) func(context.Context, string) ([]manifest.HoldText, []error, error) {
	return func(ctx context.Context, account string) (all []manifest.HoldText, unread []error, err error) {
		var dirs []string
		if !place.InDatabase(own) {
			dirs = append(dirs, filepath.Dir(own))
			if real, err := filepath.EvalSymlinks(own); err == nil { // it may be a link from elsewhere
				dirs = append(dirs, filepath.Dir(real))
			}
		}
		if dir, err := a.stateDir(); err == nil { // else --manifest says where it lies, and there are no others
			dirs = append(dirs, dir)
		}
		seen := files{}
		seen.has(own)
		opening, noKey := a.opening() // once: it may be a command that prints it
		for _, dir := range dirs {
			paths, err := holding.ManifestsIn(dir)
			if err != nil {
				unread = append(unread, err)
			}
			for _, path := range paths {
				if seen.has(path) || a.bound.elsewhere(path, account) {
					continue
				}
				looked, _ := os.Stat(path) // before it is read
				b, texts, err := manifest.Binding{}, []manifest.HoldText(nil), noKey
				if err == nil {
					b, texts, err = place.ReadHolds(ctx, path, opening)
				}
				switch {
				case ctx.Err() != nil:
					return nil, nil, context.Cause(ctx)
				case err != nil && !place.Missing(err) && !namedForAnother(path, account):
					unread = append(unread, err)
				case b.Account == account:
					all = append(all, texts...)
				}
				a.bound.learn(path, looked, b.Account)
			}
		}
		texts, others, err := a.siblingsInDatabases(ctx, own, account)
		return append(all, texts...), append(unread, others...), err
	}
}

// siblingsInDatabases tells of the holds of an account's manifests in the database in
// which manifests lie here, and in that of this one, which is left out.
func (a surroundings) siblingsInDatabases(ctx context.Context, own, account string) (all []manifest.HoldText, unread []error, err error) {
	databases := []string{place.Database(own)}
	if usual, err := a.database(); err != nil {
		unread = append(unread, err)
	} else if !slices.Contains(databases, usual) {
		databases = append(databases, usual)
	}
	opening, noKey := a.opening()
	for _, database := range databases {
		if database == "" {
			continue
		}
		paths, err := place.Manifests(ctx, database, account, opening)
		if err != nil {
			unread = append(unread, err)
		}
		for _, path := range paths {
			if path == own {
				continue
			}
			b, texts, err := manifest.Binding{}, []manifest.HoldText(nil), noKey
			if err == nil {
				b, texts, err = place.ReadHolds(ctx, path, opening)
			}
			switch {
			case err != nil && !place.Missing(err):
				unread = append(unread, err)
			case b.Account == account:
				all = append(all, texts...)
			}
		}
		if ctx.Err() != nil {
			return nil, nil, context.Cause(ctx)
		}
	}
	return all, unread, nil
}

// namedByAccount are the names that manifests get of themselves, see manifestPath, where
// the account's number was given.
var namedByAccount = regexp.MustCompile(`^0*([0-9]{1,18})_.+_[0-9a-f]{8}\.manifest$`)

// namedForAnother reports whether a file has the name of another account's manifest.
// Such a one can't have holds of this account, even if it can't be read.
func namedForAnother(path, account string) bool {
	m := namedByAccount.FindStringSubmatch(filepath.Base(path))
	return m != nil && account != "" && m[1] != strings.TrimLeft(account, "0")
}

// files are files that were looked at, under whatever name.
type files struct {
	paths []string
	infos []fs.FileInfo // of each, nil if there is no such file
}

// has reports whether a file is one of them, and makes it one.
func (f *files) has(path string) bool {
	info, err := os.Stat(path)
	for i, other := range f.infos {
		if f.paths[i] == path || err == nil && other != nil && os.SameFile(info, other) {
			return true
		}
	}
	f.paths, f.infos = append(f.paths, path), append(f.infos, info)
	return false
}

// learnSiblings takes over the holds that the account's other manifests on this
// machine have, before something is done that can't be undone.
func learnSiblings(ctx context.Context, m manifest.Opened, log *slog.Logger) error {
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
