package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"golang.org/x/mod/semver"
)

// version is that of a release: of the tag at its commit, as in v1.2.3, or else one
// that sorts after the last release and before the next.
type version struct {
	semver string // without v, as in 1.2.3 or 1.2.4-dev.20261128060102.0123456789ab
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
	r.dirty = dirty
	if r.root, err = r.git(ctx, "rev-parse", "--show-toplevel"); err != nil {
		return err
	}
	changed, err := r.git(ctx, "status", "--porcelain", "--untracked-files=all")
	if err != nil {
		return err
	}
	if changed != "" && !dirty {
		return fmt.Errorf("the working tree has changes that are in no commit:\n%s\ncommit them, or try with --dirty", changed)
	}
	about, err := r.git(ctx, "-c", "log.showSignature=false", "show", "-s", "--format=%H %ct", "HEAD")
	if err != nil {
		return err
	}
	var seconds int64
	if _, err := fmt.Sscanf(about, "%40s %d", &r.commit, &seconds); err != nil {
		return fmt.Errorf("git show: %q: %w", about, err)
	}
	r.time = time.Unix(seconds, 0).UTC()
	here, err := r.newestTag(ctx, "--points-at")
	if err != nil {
		return err
	}
	if here != "" && changed == "" {
		r.version.semver = here[1:]
		return nil
	}
	last, err := r.newestTag(ctx, "--merged")
	if err != nil {
		return err
	}
	r.version.semver = fmt.Sprintf("%sdev.%s.%s", after(last), r.time.Format("20060102150405"), r.commit[:12])
	if changed != "" {
		r.version.semver += ".dirty"
	}
	return nil
}

// newestTag is the newest of HEAD's tags that name a version, "" if none does. A tag
// with metadata, as in v1.0.0+x, sorts nowhere, so it isn't one.
func (r *release) newestTag(ctx context.Context, which string) (newest string, err error) {
	tags, err := r.git(ctx, "tag", which, "HEAD")
	for tag := range strings.FieldsSeq(tags) {
		if semver.IsValid(tag) && semver.Canonical(tag) == tag && semver.Compare(tag, newest) > 0 {
			newest = tag
		}
	}
	return newest, err
}

// after is how a version begins that sorts after that of a tag and before the next
// release, in packages too: who tries one gets the release by the usual upgrade.
func after(tag string) string {
	var major, minor, patch int
	if semver.Prerelease(tag) != "" {
		return tag[1:] + "."
	}
	if tag == "" {
		return "0.0.0-"
	}
	if _, err := fmt.Sscanf(tag, "v%d.%d.%d", &major, &minor, &patch); err != nil {
		return "0.0.0-"
	}
	return fmt.Sprintf("%d.%d.%d-", major, minor, patch+1)
}

// isDev is true of what is no release.
func (v version) isDev() bool { return strings.Contains(semver.Prerelease("v"+v.semver), "dev.") }
