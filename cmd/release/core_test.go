package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"debug/buildinfo"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// published is the one file of a release whose name matches.
func published(t *testing.T, r *release, pattern string) string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(r.out, pattern))
	if err != nil || len(all) != 1 {
		t.Fatalf("%s: %q, %v", pattern, all, err)
	}
	return all[0]
}

// The bill of materials has the modules that Go itself finds in the binary, with the
// checksums that go.sum has, and Go.
func TestBillOfMaterialsIsTrue(t *testing.T) {
	t.Parallel()
	r := built(t)
	for _, target := range r.targets {
		f, err := os.Open(published(t, r, "vbcvault_*_"+target.os+"_"+target.arch+".cdx.json"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		var bom cdx.BOM
		if err := cdx.NewBOMDecoder(f, cdx.BOMFileFormatJSON).Decode(&bom); err != nil {
			t.Fatal(err)
		}
		var got, want []string
		for _, c := range *bom.Components {
			got = append(got, c.Name+" "+c.Version)
			if c.Licenses == nil && (c.Evidence == nil || c.Evidence.Licenses == nil) && c.Name != "std" {
				t.Errorf("%s has no licence", c.Name)
			}
		}
		info, err := buildinfo.ReadFile(r.binary(target))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range info.Deps {
			want = append(want, m.Path+" "+m.Version)
		}
		want = append(want, "std "+info.GoVersion)
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: the bill has\n%q\ngo version -m has\n%q", target, got, want)
		}
		if c := bom.Metadata.Component; c.Version != "v"+r.version.semver || c.Name != info.Main.Path {
			t.Errorf("the bill is of %s %s", c.Name, c.Version)
		}
	}
}

// SHA256SUMS names every other file, and is right.
func TestChecksumsAreOfAllFiles(t *testing.T) {
	t.Parallel()
	r := built(t)
	sums, err := os.ReadFile(filepath.Join(r.out, sumsFile))
	if err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(r.out)
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	for _, f := range files {
		if f.Name() == sumsFile {
			continue
		}
		b, err := os.ReadFile(filepath.Join(r.out, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&want, "%x  %s\n", sha256.Sum256(b), f.Name())
	}
	if string(sums) != want.String() {
		t.Errorf("%s\nwant\n%s", sums, want.String())
	}
}

func TestArchivesHaveWhatBelongsToIt(t *testing.T) {
	t.Parallel()
	r := built(t)
	f, err := os.Open(published(t, r, "vbcvault_*_linux_amd64.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	zr, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	top := "vbcvault_" + r.version.semver + "_linux_amd64/"
	var names []string
	for tr := tar.NewReader(zr); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, strings.TrimPrefix(h.Name, top))
		want := int64(0o644)
		if h.Name == top+"vbcvault" {
			want = 0o755
			got := sha256.New()
			binary, err := os.ReadFile(r.binary(target{"linux", "amd64"}))
			if _, err2 := io.Copy(got, tr); err != nil || err2 != nil {
				t.Fatal(err, err2)
			}
			if sum := sha256.Sum256(binary); !bytes.Equal(got.Sum(nil), sum[:]) {
				t.Error("another binary is in the archive")
			}
		}
		if !strings.HasPrefix(h.Name, top) || h.Mode != want || h.Uid != 0 || h.Gid != 0 || !h.ModTime.Equal(r.time) {
			t.Errorf("%+v", h)
		}
	}
	for _, name := range []string{"vbcvault", "LICENSE", "README.md", "CHANGELOG.md"} {
		if !slices.Contains(names, name) {
			t.Errorf("%s isn't in %q", name, names)
		}
	}
}

// What is made for Windows and macOS can be opened there; for speed, of a file that
// stands for the binary.
func TestZip(t *testing.T) {
	t.Parallel()
	r := built(t)
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte("a"), 0o600); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "a.zip")
	if err := packZip(name, []entry{{"top/vbcvault.exe", text, 0o755}, {"top/LICENSE", text, 0o644}}, r.time); err != nil {
		t.Fatal(err)
	}
	zr, err := zip.OpenReader(name)
	if err != nil {
		t.Fatal(err)
	}
	defer zr.Close()
	for i, want := range []fs.FileMode{0o755, 0o644} {
		if f := zr.File[i]; f.Mode() != want || !f.Modified.Equal(r.time) {
			t.Errorf("%s: mode %v, of %v", f.Name, f.Mode(), f.Modified)
		}
	}
}

func TestReleaseNotes(t *testing.T) {
	t.Parallel()
	const log = "# Changelog\n\nx\n\n## [Unreleased]\n\n## [1.1.0] - 2027-01-02\n\n### Added\n\n- b\n\n## [1.0.0] - 2026-12-24\n\n- a\n"
	for name, want := range map[string]string{"1.1.0": "### Added\n\n- b", "1.0.0": "- a"} {
		if got, err := notesOf(log, name); err != nil || got != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	for name, want := range map[string]string{"Unreleased": "says nothing", "1.2.0": "no section"} {
		if got, err := notesOf(log, name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if b, err := os.ReadFile(filepath.Join(built(t).out, "RELEASE_NOTES.md")); err != nil || !strings.Contains(string(b), "### Added") {
		t.Errorf("%v: %s", err, b)
	}
}

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
	dev := regexp.MustCompile(`^0\.0\.0-dev\.20261224170000\.[0-9a-f]{12}$`)
	if v, err := identify(false); err != nil || !dev.MatchString(v) {
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
	if v, err := identify(true); err != nil || !dev.MatchString(v) {
		t.Error(v, err)
	}
	if got := (version{"1.0.0-rc.1"}).packaged(); got != "1.0.0~rc.1" {
		t.Error(got)
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

// A release that is made of the same commit in another directory, by another user's
// settings, with nothing in Go's cache of builds that would say it, is the same.
func TestTwoReleasesAreTheSame(t *testing.T) {
	t.Parallel()
	needs(t, "git")
	r := built(t)
	if changed, err := r.git(context.Background(), "status", "--porcelain"); err != nil || changed != "" {
		t.Skip("the working tree has changes: a clone would lack them")
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
