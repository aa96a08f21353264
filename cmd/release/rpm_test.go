package main

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// An rpm from its first installation to its removal, by rpm itself. There is no purge:
// what is in the state directory, secrets and a changed configuration stay.
func TestRPMFromInstallToRemoval(t *testing.T) {
	t.Parallel()
	needs(t, "rpm")
	m := newMachine(t)
	r := built(t)
	m.rpm("--initdb")
	m.rpm("--install", "--nodeps", packageOf(t, r, "rpm", ""))
	m.fresh()
	m.configure()
	m.demo()
	m.upgrade(func() { m.rpm("--upgrade", "--nodeps", packageOf(t, r, "rpm", "9.0.0")) }, "dgrwxr-x--- root:vbcvault")
	m.remove(func() { m.rpm("--erase", "vbcvault") })
	if text, err := os.ReadFile(m.in("etc/vbcvault/config.yaml.rpmsave")); err != nil || string(text) != keptConfig {
		t.Errorf("%v: %s", err, text)
	}
}

// rpm asks rpm to do something in the machine.
func (m *machine) rpm(args ...string) {
	m.t.Helper()
	cmd := exec.Command("rpm", append([]string{"--root=" + m.root, "--dbpath=/var/lib/rpm", "--define=_db_backend sqlite"}, args...)...)
	cmd.Env = append(os.Environ(), "PATH=/usr/sbin:/usr/bin:/sbin:/bin")
	if out, err := cmd.CombinedOutput(); err != nil || strings.Contains(string(out), "does not exist") {
		m.t.Fatalf("rpm %v: %v\n%s", args, err, out)
	}
}

// The files of the rpm are those that rpm2cpio shows, and rpmlint has nothing to say but
// what rpmlint.toml explains.
func TestRPMLint(t *testing.T) {
	t.Parallel()
	needs(t, "rpm2cpio", "cpio", "rpmlint")
	r := built(t)
	path := packageOf(t, r, "rpm", "")
	out, err := exec.Command("sh", "-c", `rpm2cpio "$1" | cpio --list --quiet`, "sh", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	files := strings.Fields(strings.ReplaceAll("\n"+string(out), "\n./", "\n/"))
	for _, want := range []string{"/usr/bin/vbcvault", "/etc/vbcvault/config.yaml", "/usr/lib/systemd/system/vbcvault.service", "/usr/share/zsh/site-functions/_vbcvault", "/usr/share/licenses/vbcvault/LICENSE"} {
		if !slices.Contains(files, want) {
			t.Errorf("%s is missing", want)
		}
	}
	config := (&parcel{release: r}).source("rpmlint.toml")
	if out, err := exec.Command("rpmlint", "-c", config, path).CombinedOutput(); err != nil || strings.Contains(string(out), ": W: ") {
		t.Errorf("%v\n%s", err, out)
	}
}
