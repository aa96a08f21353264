package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// release is what is made of one commit.
type release struct {
	version version
	commit  string    // 40 hex digits
	time    time.Time // of the commit, UTC, whole seconds: the time of all that is made
	dirty   bool      // of the working tree as it is, instead of the commit
	root    string    // the sources, absolute: the working tree, or the commit's files once make has begun
	out     string    // where everything goes, absolute
	work    string    // what is made on the way and isn't published, absolute
	targets []target
	log     io.Writer
}

// target is a system that binaries are made for, in Go's words.
type target struct{ os, arch string }

func (t target) String() string { return t.os + "/" + t.arch }

// allTargets are those of a release.
var allTargets = []target{{"linux", "amd64"}, {"linux", "arm64"}, {"darwin", "amd64"}, {"darwin", "arm64"}, {"windows", "amd64"}, {"windows", "arm64"}}

// binary is the path of a target's binary, after the step binaries.
func (r *release) binary(t target) string {
	name := "vbcvault"
	if t.os == "windows" {
		name += ".exe"
	}
	return filepath.Join(r.work, t.os+"-"+t.arch, name)
}

// name is how files of a target begin.
func (r *release) name(t target) string {
	return strings.Join([]string{"vbcvault", r.version.semver, t.os, t.arch}, "_")
}

// share is a directory as /usr/share is, after the step share: man/man1, man/man7,
// bash-completion/completions, zsh/vendor-completions, fish/vendor_completions.d.
func (r *release) share() string { return filepath.Join(r.work, "share") }

// step makes a part. What it publishes lies in r.out when it returns nil; what it
// makes is the same, byte for byte, for the same commit.
type step struct {
	name string
	do   func(context.Context, *release) error
}

// steps are in the order in which they are done: each may use what those before made.
var steps = []step{
	{"release notes", notes}, // first: that they are missing is known at once
	{"binaries", binaries},
	{"manual pages and completions", share},
	{"archives", archives},
	{"packages", packages},
	{"image", makeImage},
	{"chart", makeChart},
	{"bills of materials", boms},
	{"checksums", sums},
}

func run(ctx context.Context, args []string, log io.Writer) error {
	r := &release{log: log}
	fs := flag.NewFlagSet("release", flag.ContinueOnError)
	out := fs.String("out", "../../dist", "where everything goes; what is there of an earlier release is replaced once all is made")
	dirty := fs.Bool("dirty", false, "take the working tree as it is, also with changes that are in no commit")
	targets := fs.String("targets", "", "systems to build for, as in linux/amd64,linux/arm64 (default: all)")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if fs.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	var err error
	if r.targets, err = parseTargets(*targets); err != nil {
		return err
	}
	if *out, err = filepath.Abs(*out); err != nil {
		return err
	}
	if err := onlyARelease(*out); err != nil {
		return err
	}
	if err := r.identify(ctx, *dirty); err != nil {
		return err
	}
	fmt.Fprintln(log, "vbcvault", r.version)
	return r.publish(ctx, *out)
}

// parseTargets reads a list of targets, all if it is empty.
func parseTargets(list string) (out []target, err error) {
	if list == "" {
		return allTargets, nil
	}
	for name := range strings.SplitSeq(list, ",") {
		i := slices.IndexFunc(allTargets, func(t target) bool { return t.String() == name })
		if i < 0 {
			return nil, fmt.Errorf("no release is made for %q, only for %v", name, allTargets)
		}
		out = append(out, allTargets[i])
	}
	return out, nil
}

// make does all steps, of the commit's files unless the release is of the working tree.
// The directory of what is made on the way is removed.
func (r *release) make(ctx context.Context) (err error) {
	if err := os.MkdirAll(r.out, 0o755); err != nil {
		return err
	}
	if r.work == "" {
		if r.work, err = os.MkdirTemp("", "vbcvault-release-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(r.work)) }()
	}
	if !r.dirty {
		if err := r.export(ctx); err != nil {
			return err
		}
	}
	for _, s := range steps {
		fmt.Fprintln(r.log, s.name)
		if err := s.do(ctx, r); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}
