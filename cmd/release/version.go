package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/semver"
)

// version is that of a release: of the tag at its commit, as in v1.2.3, or else one
// that sorts before the next release.
type version struct {
	semver string // without v, as in 1.2.3 or 0.0.0-dev.20261128060102.0123456789ab
}

func (v version) String() string { return v.semver }

// packaged is the version as deb and rpm have it: there ~ sorts before everything, and
// a dash would begin the revision of the package.
func (v version) packaged() string { return strings.ReplaceAll(v.semver, "-", "~") }

// git is what a git command prints, without the newline at its end.
func (r *release) git(ctx context.Context, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, "git", append([]string{"-C", r.root}, args...)...).Output() //nolint:gosec // constants
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return "", fmt.Errorf("git %s: %w: %s", args[0], err, strings.TrimSpace(string(exit.Stderr)))
	}
	return strings.TrimSpace(string(out)), err
}

// identify finds out which commit the release is of. A working tree that isn't as the
// commit says is refused unless dirty.
func (r *release) identify(ctx context.Context, dirty bool) (err error) {
	if r.root, err = r.git(ctx, "rev-parse", "--show-toplevel"); err != nil {
		return err
	}
	changed, err := r.git(ctx, "status", "--porcelain")
	if err != nil {
		return err
	}
	if changed != "" && !dirty {
		return fmt.Errorf("the working tree has changes that are in no commit:\n%s\ncommit them, or try with --dirty", changed)
	}
	if r.commit, err = r.git(ctx, "rev-parse", "HEAD"); err != nil {
		return err
	}
	at, err := r.git(ctx, "show", "-s", "--format=%ct", "HEAD")
	if err != nil {
		return err
	}
	seconds, err := strconv.ParseInt(at, 10, 64)
	if err != nil {
		return err
	}
	r.time = time.Unix(seconds, 0).UTC()
	tags, err := r.git(ctx, "tag", "--points-at", "HEAD")
	if err != nil {
		return err
	}
	for tag := range strings.FieldsSeq(tags) {
		if semver.IsValid(tag) && semver.Canonical(tag) == tag && semver.Compare(tag, "v"+r.version.semver) >= 0 {
			r.version.semver = tag[1:]
		}
	}
	if r.version.semver == "" || changed != "" {
		r.version.semver = fmt.Sprintf("0.0.0-dev.%s.%s", r.time.Format("20060102150405"), r.commit[:12])
	}
	return nil
}
