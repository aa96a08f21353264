package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// lintian has no error and no warning that the overrides don't explain.
func TestLintian(t *testing.T) {
	t.Parallel()
	needs(t, "lintian")
	out, err := exec.Command("lintian", "--allow-root", "--fail-on", "error,warning", "--tag-display-limit", "0", packageOf(t, built(t), "deb", "")).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// The scripts of the packages are plain shell.
func TestScriptsOfPackages(t *testing.T) {
	t.Parallel()
	needs(t, "shellcheck")
	r := built(t)
	for _, dir := range []string{"deb", "rpm"} {
		found, err := filepath.Glob(filepath.Join((&parcel{release: r}).source(dir), "*"))
		if err != nil || len(found) < 3 {
			t.Fatal(found, err)
		}
		if out, err := exec.Command("shellcheck", append([]string{"--shell=sh"}, found...)...).CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	}
}

var exposure = regexp.MustCompile(`Overall exposure level for \S+: ([0-9.]+)`)

// systemd takes the units as they are installed, with nothing to say, and rates each
// service's exposure at 1.5 or less.
func TestUnits(t *testing.T) {
	t.Parallel()
	needs(t, "systemd-analyze", "dpkg-deb")
	root := t.TempDir()
	if out, err := exec.Command("dpkg-deb", "--extract", packageOf(t, built(t), "deb", ""), root).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	dir := filepath.Join(root, "usr/lib/systemd/system")
	for _, unit := range []string{"vbcvault.service", "vbcvault-archive@acme.service", "vbcvault-archive@acme.timer"} {
		path := filepath.Join(dir, unit)
		if template := strings.Replace(path, "@acme", "@", 1); template != path {
			if err := os.Symlink(template, path); err != nil {
				t.Fatal(err)
			}
		}
		verify := exec.Command("systemd-analyze", "verify", "--man=no", "--recursive-errors=one", "--root="+root, path)
		if out, err := verify.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s: %v\n%s", unit, err, out)
		}
		if !strings.HasSuffix(unit, ".service") {
			continue
		}
		out, err := exec.Command("systemd-analyze", "security", "--offline=true", "--root="+root, "--threshold=15", "--no-pager", unit).CombinedOutput()
		rated := exposure.FindSubmatch(out)
		if err != nil || rated == nil {
			t.Errorf("%s: %v\n%s", unit, err, out)
			continue
		}
		if level, err := strconv.ParseFloat(string(rated[1]), 64); err != nil || level > 1.5 {
			t.Errorf("%s: exposure %s", unit, rated[1])
		}
	}
}
