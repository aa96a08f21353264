package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// repository is a small one of its own with commits and tags.
func repository(t *testing.T) (r *release, git func(...string)) {
	t.Helper()
	needs(t, "git")
	dir := t.TempDir()
	git = func(args ...string) {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=x", "-c", "user.email=x@example.com"}, args...)...)
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_COMMITTER_DATE=2026-12-24T18:00:00+01:00")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%q: %v: %s", args, err, out)
		}
	}
	git("init", "-q")
	git("commit", "-q", "--allow-empty", "-m", "x")
	return &release{root: dir}, git
}

// The version is that of the newest tag at the commit, or sorts before every release.
func TestVersionIsTheTags(t *testing.T) {
	t.Parallel()
	r, git := repository(t)
	identify := func(dirty bool) (string, error) {
		again := release{root: r.root}
		err := again.identify(context.Background(), dirty)
		return again.version.semver, err
	}
	head, err := r.git(t.Context(), "rev-parse", "HEAD")
	if err != nil {
		t.Fatal(err)
	}
	dev := "dev.20261224170000." + head[:12]
	if v, err := identify(false); err != nil || v != "0.0.0-"+dev {
		t.Fatal(v, err)
	}
	for _, tag := range []string{"v1.10.0", "v1.9.0", "v1.10.0-rc.1", "nightly", "v2", "v01.2.3"} {
		git("tag", tag)
	}
	if v, err := identify(false); err != nil || v != "1.10.0" {
		t.Error(v, err)
	}
	if err := os.WriteFile(filepath.Join(r.root, "a"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if v, err := identify(false); err == nil || !strings.Contains(err.Error(), "?? a") {
		t.Error(v, err)
	}
	if v, err := identify(true); err != nil || v != "1.10.1-"+dev+".dirty" {
		t.Error(v, err)
	}
	if err := os.Remove(filepath.Join(r.root, "a")); err != nil {
		t.Fatal(err)
	}
	git("commit", "-q", "--allow-empty", "-m", "y")
	later := identified(t, r)
	if v := later.version; v.semver != "1.10.1-dev.20261224170000."+later.commit[:12] || !v.isDev() {
		t.Error(v)
	}
	git("tag", "v1.11.0-rc.2")
	git("commit", "-q", "--allow-empty", "-m", "z")
	later = identified(t, r)
	if v := later.version; v.semver != "1.11.0-rc.2.dev.20261224170000."+later.commit[:12] || !v.isDev() {
		t.Error(v)
	}
	if got := (version{"1.0.0-rc.1"}).packaged(); got != "1.0.0~rc.1" {
		t.Error(got)
	}
}

func identified(t *testing.T, r *release) *release {
	t.Helper()
	again := &release{root: r.root}
	if err := again.identify(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	return again
}

// In packages too a version of no release sorts between the one before and the next.
func TestVersionsOfPackagesAreInOrder(t *testing.T) {
	t.Parallel()
	needs(t, "dpkg", "rpm")
	last := ""
	for _, v := range []string{after("") + "dev.1", "1.0.0-rc.1", after("v1.0.0-rc.1") + "dev.1", "1.0.0-rc.2", "1.0.0", after("v1.0.0") + "dev.1", after("v1.0.0") + "dev.2", "1.0.1"} {
		this := version{v}.packaged()
		if last != "" {
			if out, err := exec.Command("dpkg", "--compare-versions", last, "lt", this).CombinedOutput(); err != nil {
				t.Errorf("dpkg: %s is not before %s: %v %s", last, this, err, out)
			}
			if out, err := exec.Command("rpm", "--eval", `%{lua: print(rpm.vercmp("`+last+`", "`+this+`"))}`).CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != "-1" {
				t.Errorf("rpm: %s is not before %s: %v %s", last, this, err, out)
			}
		}
		last = this
	}
}

// What is in no commit gets into no release, not even what git ignores.
func TestReleaseIsOfTheCommit(t *testing.T) {
	t.Parallel()
	r, git := repository(t)
	for name, text := range map[string]string{"a.go": "a", "run": "#!", ".gitignore": "*.log\n"} {
		if err := os.WriteFile(filepath.Join(r.root, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	git("add", ".")
	git("update-index", "--chmod=+x", "run")
	git("commit", "-q", "-m", "files")
	git("config", "core.autocrlf", "true")
	if err := os.WriteFile(filepath.Join(r.root, "b.log"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(r.root, "run"), 0o700); err != nil {
		t.Fatal(err)
	}
	again := identified(t, r)
	again.work = t.TempDir()
	if err := again.export(t.Context()); err != nil {
		t.Fatal(err)
	}
	var got []string
	err := filepath.WalkDir(again.root, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		text, err2 := os.ReadFile(p)
		got = append(got, fmt.Sprintf("%s %v %q", d.Name(), info.Mode()&0o100 != 0, text))
		return errors.Join(err, err2)
	})
	if want := []string{`.gitignore false "*.log\n"`, `a.go false "a"`, `run true "#!"`}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v", got, err)
	}
}

// Only a release is replaced by another one.
func TestNothingElseIsRemoved(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	out := filepath.Join(dir, "dist")
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(out, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := onlyARelease(out); err != nil {
		t.Error(err)
	}
	if err := os.Mkdir(out, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := onlyARelease(out); err != nil {
		t.Error(err)
	}
	write("a.deb", "")
	if err := onlyARelease(out); err == nil {
		t.Error("a file without checksums")
	}
	write(sumsFile, "00  a.deb\n")
	if err := onlyARelease(out); err != nil {
		t.Error(err)
	}
	write("thesis.tex", "")
	if err := run(t.Context(), []string{"--out", out, "--dirty"}, io.Discard); err == nil || !strings.Contains(err.Error(), "thesis.tex") {
		t.Error(err)
	}
	// A release that comes to nothing leaves the one before, and nothing else.
	if err := os.Remove(filepath.Join(out, "thesis.tex")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := &release{root: dir, dirty: true, targets: allTargets[:1], log: io.Discard}
	if err := r.publish(ctx, out); err == nil {
		t.Error("a release of nothing")
	}
	all, err := filepath.Glob(filepath.Join(dir, "*", "*"))
	if want := []string{filepath.Join(out, sumsFile), filepath.Join(out, "a.deb")}; err != nil || !slices.Equal(all, want) {
		t.Errorf("%q, %v", all, err)
	}
}

func TestTargets(t *testing.T) {
	t.Parallel()
	if all, err := parseTargets("windows/amd64,linux/arm64"); err != nil || fmt.Sprint(all) != "[windows/amd64 linux/arm64]" {
		t.Error(all, err)
	}
	if _, err := parseTargets("plan9/amd64"); err == nil {
		t.Error("a release for plan9")
	}
}
