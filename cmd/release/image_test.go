package main

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// imageLayout is the image's file, unpacked: an OCI layout.
func imageLayout(t *testing.T, r *release) layout.Path {
	t.Helper()
	f, err := os.Open(r.imageFile())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	dir := t.TempDir()
	for in := tar.NewReader(f); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		at := filepath.Join(dir, filepath.FromSlash(h.Name))
		if h.Typeflag == tar.TypeDir {
			err = os.MkdirAll(at, 0o755)
		} else {
			var b []byte
			if b, err = io.ReadAll(in); err == nil {
				err = os.WriteFile(at, b, 0o644)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	p, err := layout.FromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// imageIndex is the index of all architectures in a layout.
func imageIndex(t *testing.T, p layout.Path) v1.ImageIndex {
	t.Helper()
	top, err := p.ImageIndex()
	if err != nil {
		t.Fatal(err)
	}
	m, err := top.IndexManifest()
	if err != nil || len(m.Manifests) != 1 || !m.Manifests[0].MediaType.IsIndex() {
		t.Fatalf("index.json names %+v, %v; want one index", m, err)
	}
	index, err := top.ImageIndex(m.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	return index
}

// imageOf is the image of one architecture.
func imageOf(t *testing.T, index v1.ImageIndex, arch string) v1.Image {
	t.Helper()
	m, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range m.Manifests {
		if d.Platform.Architecture == arch {
			img, err := index.Image(d.Digest)
			if err != nil {
				t.Fatal(err)
			}
			return img
		}
	}
	t.Fatalf("no image for %s", arch)
	return nil
}

func linuxes(r *release) (archs []string) {
	for _, t := range r.targets {
		if t.os == "linux" {
			archs = append(archs, t.arch)
		}
	}
	return archs
}

// The file is an OCI layout, and what docker save writes, and a registry takes the
// index and gives it back.
func TestImageIsTakenEverywhere(t *testing.T) {
	t.Parallel()
	r := built(t)
	index := imageIndex(t, imageLayout(t, r))
	if err := validate.Index(index); err != nil {
		t.Errorf("the layout: %v", err)
	}
	for _, arch := range linuxes(r) {
		tag, err := name.NewTag(imageName + ":" + imaging{r}.tag() + "-" + arch)
		if err != nil {
			t.Fatal(err)
		}
		saved, err := tarball.ImageFromPath(r.imageFile(), &tag)
		if err == nil {
			err = validate.Image(saved)
		}
		if err != nil {
			t.Errorf("as docker save writes it, for %s: %v", arch, err)
			continue
		}
		if c, err := saved.ConfigFile(); err != nil || c.Architecture != arch || !sameConfig(t, saved, imageOf(t, index, arch)) {
			t.Errorf("%s is the image for %s, %v", tag, c.Architecture, err)
		}
	}
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	ref, err := name.ParseReference(strings.TrimPrefix(server.URL, "http://") + "/vbcvault:" + imaging{r}.tag())
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.WriteIndex(ref, index); err != nil {
		t.Fatal(err)
	}
	pulled, err := remote.Index(ref)
	if err == nil {
		err = validate.Index(pulled)
	}
	if err != nil {
		t.Fatalf("from the registry: %v", err)
	}
	was, err1 := index.Digest()
	is, err2 := pulled.Digest()
	if err := errors.Join(err1, err2); err != nil || was != is {
		t.Errorf("the registry has %s, and the file %s, %v", is, was, err)
	}
}

// Engines read the file by themselves, in either form.
func TestImageIsReadBySkopeo(t *testing.T) {
	t.Parallel()
	r := built(t)
	needs(t, "skopeo")
	for _, arch := range linuxes(r) {
		for _, args := range [][]string{
			{"--override-arch", arch, "oci-archive:" + r.imageFile()},
			{"docker-archive:" + r.imageFile() + ":" + imageName + ":" + imaging{r}.tag() + "-" + arch},
		} {
			out, err := exec.Command("skopeo", append([]string{"inspect", "--format", "{{.Architecture}}"}, args...)...).CombinedOutput()
			if err != nil || strings.TrimSpace(string(out)) != arch {
				t.Errorf("skopeo inspect %v: %v\n%s", args, err, out)
			}
		}
	}
}

func sameConfig(t *testing.T, a, b v1.Image) bool {
	t.Helper()
	x, err1 := a.RawConfigFile()
	y, err2 := b.RawConfigFile()
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	return bytes.Equal(x, y)
}

// What is in the layers is said here, and nothing else is: no name, time, user or path
// of the machine that builds.
func TestImageHasNothingOfTheBuilder(t *testing.T) {
	t.Parallel()
	r := built(t)
	index := imageIndex(t, imageLayout(t, r))
	var first []v1.Hash
	for _, arch := range linuxes(r) {
		layers, err := imageOf(t, index, arch).Layers()
		if err != nil || len(layers) != 2 {
			t.Fatalf("%d layers, %v", len(layers), err)
		}
		system, err := layers[0].Digest()
		if err != nil {
			t.Fatal(err)
		}
		first = append(first, system)
		want := [][]string{
			{"etc/ 0 755", "etc/group 0 644", "etc/passwd 0 644", "etc/ssl/ 0 755", "etc/ssl/certs/ 0 755", "etc/ssl/certs/ca-certificates.crt 0 644",
				"etc/vbcvault/ 0 755", "tmp/ 0 1777", "usr/ 0 755", "usr/bin/ 0 755", "var/ 0 755", "var/lib/ 0 755", "var/lib/vbcvault/ 65532 700"},
			{"usr/bin/vbcvault 0 755"},
		}
		for i, l := range layers {
			if got := layerFiles(t, r, l); !slices.Equal(got, want[i]) {
				t.Errorf("layer %d for %s has\n%q, want\n%q", i, arch, got, want[i])
			}
		}
	}
	if slices.ContainsFunc(first, func(h v1.Hash) bool { return h != first[0] }) {
		t.Errorf("architectures have different first layers, which are fetched for nothing: %v", first)
	}
}

// layerFiles are a layer's files, each with owner and mode.
func layerFiles(t *testing.T, r *release, l v1.Layer) (all []string) {
	t.Helper()
	rc, err := l.Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	defer rc.Close()
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for in := tar.NewReader(rc); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, h.Name+" "+owner(h)+" "+octal(h.Mode))
		if h.Uid != h.Gid || h.Uname+h.Gname != "" || !h.ModTime.Equal(r.time) || len(h.PAXRecords) > 0 || !h.AccessTime.IsZero() || !h.ChangeTime.IsZero() {
			t.Errorf("%s: %+v", h.Name, h)
		}
		content, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		for _, mine := range []string{r.root, r.work, os.Getenv("HOME") + "/", host} {
			if len(mine) > 3 && bytes.Contains(content, []byte(mine)) {
				t.Errorf("%s has %q of this machine", h.Name, mine)
			}
		}
	}
}

// What engines and people read of the image.
func TestImageSaysWhatItIs(t *testing.T) {
	t.Parallel()
	r := built(t)
	for _, arch := range linuxes(r) {
		c, err := imageOf(t, imageIndex(t, imageLayout(t, r)), arch).ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		if c.OS != "linux" || c.Architecture != arch || !c.Created.Equal(r.time) || c.Config.User != "65532:65532" ||
			!slices.Equal(c.Config.Entrypoint, []string{"/usr/bin/vbcvault"}) || !slices.Contains(c.Config.Env, "VBCVAULT_STATE_DIR=/var/lib/vbcvault") {
			t.Errorf("%+v", c)
		}
		for key, want := range map[string]string{"title": "vbcvault", "version": r.version.String(), "revision": r.commit, "licenses": "Apache-2.0",
			"created": r.time.Format("2006-01-02T15:04:05Z"), "source": "https://github.com/vbcvault/vbcvault"} {
			if got := c.Config.Labels["org.opencontainers.image."+key]; got != want {
				t.Errorf("label %s is %q, want %q", key, got, want)
			}
		}
	}
}

// The image is made of the binaries, the commit and its time alone.
func TestImageIsReproducible(t *testing.T) {
	t.Parallel()
	var made [2][]byte
	for i := range made {
		r := &release{version: version{"1.2.3+build"}, commit: strings.Repeat("01", 20), time: time.Unix(1700000000, 0).UTC(),
			out: t.TempDir(), work: t.TempDir(), targets: allTargets}
		for _, to := range r.targets {
			if err := errors.Join(os.MkdirAll(filepath.Dir(r.binary(to)), 0o755), os.WriteFile(r.binary(to), []byte(to.String()), 0o600)); err != nil {
				t.Fatal(err)
			}
		}
		err := makeImage(t.Context(), r)
		if err == nil {
			made[i], err = os.ReadFile(r.imageFile())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(made[0], made[1]) {
		t.Errorf("%d and %d bytes, and they differ", len(made[0]), len(made[1]))
	}
}

func owner(h *tar.Header) string { return strconv.Itoa(h.Uid) }

func octal(mode int64) string { return strconv.FormatInt(mode, 8) }
