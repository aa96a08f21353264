package main

import (
	"context"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// cold has the second release be built from nothing, which takes minutes.
var cold = flag.Bool("cold", false, "compare with a release that nothing of Go's cache of builds is used for")

// A release that is made of the same commit in another directory, by another user's
// settings, is the same.
func TestTwoReleasesAreTheSame(t *testing.T) {
	t.Parallel()
	needs(t, "git")
	r := built(t)
	if changed, err := r.git(context.Background(), "status", "--porcelain"); err != nil || changed != "" {
		const why = "the working tree has changes, which a clone lacks"
		if os.Getenv("CI") != "" {
			t.Fatalf("%s: %v\n%s", why, err, changed)
		}
		t.Skip(why)
	}
	dir := t.TempDir()
	clone := filepath.Join(dir, "elsewhere")
	if out, err := exec.Command("git", "clone", "-q", r.root, clone).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var names []string
	for _, t := range r.targets {
		names = append(names, t.String())
	}
	cache, err := exec.Command("go", "env", "GOCACHE", "GOMODCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	where := strings.Fields(string(cache))
	if *cold {
		where[0] = filepath.Join(dir, "cache")
	}
	cmd := exec.Command("sh", "-c", `umask 077 && exec go -C cmd/release run . --out "$0" --targets "$1"`, filepath.Join(dir, "out"), strings.Join(names, ","))
	cmd.Dir = clone
	cmd.Env = append(os.Environ(), "TZ=Pacific/Kiritimati", "LC_ALL=C", "HOME="+dir, "USER=nobody", "GOCACHE="+where[0], "GOMODCACHE="+where[1], "SOURCE_DATE_EPOCH=1", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var sums [2]map[string]string
	for i, out := range []string{r.out, filepath.Join(dir, "out")} {
		b, err := os.ReadFile(filepath.Join(out, sumsFile))
		if err != nil {
			t.Fatal(err)
		}
		sums[i] = map[string]string{}
		for line := range strings.Lines(string(b)) {
			sum, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
			sums[i][name] = sum
		}
	}
	if len(sums[0]) < 3 || len(sums[0]) != len(sums[1]) {
		t.Errorf("%d and %d files", len(sums[0]), len(sums[1]))
	}
	for name, sum := range sums[0] {
		if sums[1][name] != sum {
			t.Errorf("%s differs", name)
		}
	}
}
