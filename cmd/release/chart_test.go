package main

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// TestChart has Helm unpack the chart of the release and try it with the program of the
// release: Helm is in a module of its own, since it takes minutes to build.
func TestChart(t *testing.T) {
	t.Parallel()
	r := built(t)
	program := r.binary(target{runtime.GOOS, runtime.GOARCH})
	cmd := exec.CommandContext(t.Context(), "go", "test", "-count=1", ".", "-chart", r.chartFile(), "-program", program)
	cmd.Dir = "charttest"
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: go -C cmd/release/charttest test .\n%s", err, out)
	}
}

// TestChartFitsTheImage compares what chart and image must agree on.
func TestChartFitsTheImage(t *testing.T) {
	t.Parallel()
	r := built(t)
	files := chartFiles(t, r.chartFile())
	var about struct {
		Version    string `yaml:"version"`
		AppVersion string `yaml:"appVersion"`
	}
	var values struct {
		Image struct {
			Repository string `yaml:"repository"`
		} `yaml:"image"`
		Pod struct {
			User  int `yaml:"runAsUser"`
			Group int `yaml:"runAsGroup"`
		} `yaml:"podSecurityContext"`
	}
	for name, into := range map[string]any{"Chart.yaml": &about, "values.yaml": &values} {
		if err := yaml.Unmarshal([]byte(files["vbcvault/"+name]), into); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	if about.Version != r.version.String() || about.AppVersion != r.version.String() {
		t.Errorf("the chart is of version %q, for the image %q, and the release is %q", about.Version, about.AppVersion, r.version)
	}
	if values.Image.Repository != imageName {
		t.Errorf("the chart's image is %q and the release's %q", values.Image.Repository, imageName)
	}
	if values.Pod.User != imageUser || values.Pod.Group != imageUser {
		t.Errorf("the chart runs as %d:%d, and the image's user is %d", values.Pod.User, values.Pod.Group, imageUser)
	}
	if !strings.Contains(files["vbcvault/templates/_helpers.tpl"], "-}}"+imageState+"{{") {
		t.Errorf("the chart's volume isn't at the image's %s", imageState)
	}
	if _, ok := files["vbcvault/LICENSE"]; !ok {
		t.Error("the chart has no license")
	}
}

// chartFiles are the files of a packed chart.
func chartFiles(t *testing.T, path string) map[string]string {
	t.Helper()
	f, err := os.Open(filepath.Clean(path))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	zr, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for tr := tar.NewReader(zr); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		files[h.Name] = string(text)
	}
}
