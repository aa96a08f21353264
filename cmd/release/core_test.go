package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
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
			got = append(got, strings.Join([]string{c.Name, c.Version, hashes(c)}, " "))
			if c.Licenses == nil && (c.Evidence == nil || c.Evidence.Licenses == nil) && c.Name != "std" {
				t.Errorf("%s has no licence", c.Name)
			}
		}
		info, err := buildinfo.ReadFile(r.binary(target))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range info.Deps {
			sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(m.Sum, "h1:"))
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, fmt.Sprintf("%s %s %x", m.Path, m.Version, sum))
		}
		want = append(want, "std "+info.GoVersion+" ")
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

func hashes(c cdx.Component) (out string) {
	if c.Hashes != nil {
		for _, h := range *c.Hashes {
			out += h.Value
		}
	}
	return out
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
	for _, name := range []string{"vbcvault", "LICENSE", "README.md", "CHANGELOG.md", "share/man/man1/vbcvault.1",
		"share/man/man1/vbcvault-archive.1", "share/man/man7/vbcvault-safety.7", "share/bash-completion/completions/vbcvault",
		"share/zsh/vendor-completions/_vbcvault", "share/fish/vendor_completions.d/vbcvault.fish"} {
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
