package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
)

// backups are the copies of one manifest in a directory, which may hold others' too.
// A copy is vbcvault-ACCOUNT-TIME-CHAIN.manifest, with the key that signs receipts
// beside it. CHAIN is the beginning of the manifest's own chain of receipts: a manifest
// that was made anew, or is another machine's, has another one, and its copies are
// never removed here.
type backups struct {
	name string // of the account
	dir  string
	keep int // so many; 0 = all
}

// add makes another copy and, once it is durable, removes those that are too many.
func (b backups) add(ctx context.Context, log *slog.Logger, around surroundings, path string) error {
	if err := b.elsewhere(path); err != nil {
		return err
	}
	return around.withManifest(ctx, path, func(path string, m manifest.Opened) error {
		chain, err := m.Chain(ctx)
		if err != nil {
			return err
		}
		id := strings.ToLower(chain.ID)
		id = id[:min(len(id), 8)]
		to := filepath.Join(b.dir, fmt.Sprintf("vbcvault-%s-%s-%s.manifest", b.name, time.Now().UTC().Format(backupTime), id))
		ours := regexp.MustCompile(`^vbcvault-` + regexp.QuoteMeta(b.name) + `-[0-9]{8}T[0-9]{6}Z-` + regexp.QuoteMeta(id) + `\.manifest$`)
		if err := b.tidy(ours); err != nil {
			log.Warn("what interrupted copies have left can't be removed", "directory", b.dir, "reason", err)
		}
		if err := around.backUp(ctx, io.Discard, path, m, to); err != nil {
			return err
		}
		if err := syncDirectory(b.dir); err != nil {
			return fmt.Errorf("back up manifest: %w", err)
		}
		given, err := around.setting("VBCVAULT_SIGNING_KEY")
		if err != nil {
			return err
		}
		removed, err := b.prune(ours, filepath.Base(to), given != "")
		if err != nil {
			return &exitError{code: exitIncomplete, err: fmt.Errorf("the manifest is backed up to %s, but old copies can't be removed: %w", to, err)}
		}
		log.Info("the manifest is backed up", "file", to, "old_copies_removed", removed)
		return nil
	})
}

// backupTime is the time in a copy's name: it sorts, and has no character that some
// file system refuses.
const backupTime = "20060102T150405Z"

// elsewhere refuses the directory of the manifest itself: manifests there count as
// those of other machines' runs.
func (b backups) elsewhere(path string) error {
	if b.dir == "" {
		return usagef("add it to schedule, of the account or of defaults: the directory for the copies, as in backup-to: /backup", "schedule.backup-to is missing")
	}
	to, err := os.Stat(b.dir)
	if err != nil || !to.IsDir() {
		return usagef("create it, or mount its disk: vbcvault doesn't create it", "schedule.backup-to: there is no directory %s", b.dir)
	}
	if own, err := os.Stat(filepath.Dir(path)); err == nil && os.SameFile(to, own) {
		return usagef("use a directory on another disk", "schedule.backup-to: %s is the directory of the manifest itself", b.dir)
	}
	return nil
}

// all are the names in the directory of which what is before the suffix is a copy of ours.
func (b backups) all(ours *regexp.Regexp, suffix string) (names []string, err error) {
	entries, err := os.ReadDir(b.dir)
	for _, e := range entries {
		if name, is := strings.CutSuffix(e.Name(), suffix); is && ours.MatchString(name) && e.Type().IsRegular() {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, err
}

// tidy removes what is left of copies that were interrupted.
func (b backups) tidy(ours *regexp.Regexp) (err error) {
	for _, suffix := range []string{".unfinished", ".unfinished-journal", ".key.unfinished"} {
		names, e := b.all(ours, suffix)
		err = errors.Join(err, e)
		for _, name := range names {
			err = errors.Join(err, os.Remove(filepath.Join(b.dir, name+suffix)))
		}
	}
	return err
}

// prune removes all copies that are older than the newest ones that are kept. made is
// one of these whatever the clock said. One without its key, since it was interrupted,
// isn't, unless the key is elsewhere anyway. The key goes last: a copy is never without
// it.
func (b backups) prune(ours *regexp.Regexp, made string, keyElsewhere bool) (removed int, err error) {
	names, err := b.all(ours, "")
	if err != nil || b.keep <= 0 {
		return 0, err
	}
	whole := 1
	for _, name := range slices.Backward(names) {
		path := filepath.Join(b.dir, name)
		_, noKey := os.Lstat(sqlite.KeyFile(path))
		switch {
		case name == made:
		case whole < b.keep:
			if noKey == nil || keyElsewhere {
				whole++
			}
		default:
			if err := os.Remove(path); err != nil {
				return removed, err
			}
			if noKey == nil {
				if err := os.Remove(sqlite.KeyFile(path)); err != nil {
					return removed, err
				}
			}
			removed++
		}
	}
	return removed, nil
}

// syncDirectory makes the names in a directory durable, where the system can.
func syncDirectory(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	_ = d.Sync() // not every system can
	return d.Close()
}
