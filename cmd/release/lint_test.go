package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
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

// systemd takes the units with nothing to say, and rates each service's exposure at 1.5
// or less. The program that they name is the one that was just built: to install it is
// another test's matter.
func TestUnits(t *testing.T) {
	t.Parallel()
	needs(t, "systemd-analyze")
	r := built(t)
	dir := t.TempDir()
	for _, name := range []string{"vbcvault.service", "vbcvault-archive@.service", "vbcvault-archive@.timer"} {
		text, err := os.ReadFile((&parcel{release: r}).source(name))
		if err != nil {
			t.Fatal(err)
		}
		text = []byte(strings.ReplaceAll(string(text), "/usr/bin/vbcvault", r.binary(target{"linux", runtime.GOARCH})))
		for _, as := range []string{name, strings.Replace(name, "@", "@acme", 1)} {
			if err := os.WriteFile(filepath.Join(dir, as), text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, unit := range []string{"vbcvault.service", "vbcvault-archive@acme.service", "vbcvault-archive@acme.timer"} {
		path := filepath.Join(dir, unit)
		if out, err := exec.Command("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", path).CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s: %v\n%s", unit, err, out)
		}
		if !strings.HasSuffix(unit, ".service") {
			continue
		}
		out, err := exec.Command("systemd-analyze", "security", "--offline=true", "--no-pager", path).CombinedOutput()
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
