package main

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// A Debian package from its first installation to the end: what its user may read and
// write, the demo by that user, a secret, an upgrade, removal and purge. What is in the
// state directory and in /etc stays until it is purged, and recordings stay even then.
func TestDebFromInstallToPurge(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	r := built(t)
	m.dpkg("--install", debOf(t, r, ""))
	for path, want := range map[string]string{
		"usr/bin/vbcvault":         "-rwxr-xr-x root:root",
		"etc/vbcvault":             "drwxr-xr-x root:root",
		"etc/vbcvault/config.yaml": "-rw-r----- root:vbcvault",
		"etc/vbcvault/secrets":     "dgrwxr-x--- root:vbcvault",
		"etc/vbcvault/archive":     "drwxr-xr-x root:root",
		"var/lib/vbcvault":         "drwxr-x--- vbcvault:vbcvault",
	} {
		m.is(path, want)
	}
	if asked := m.asked(); asked != "daemon-reload\n" {
		t.Errorf("nothing is to start before it is configured, and systemctl was asked:\n%s", asked)
	}
	if out := m.must("vbcvault", "/usr/bin/vbcvault", "demo", "--recordings", "5", "--delete", "--dir", "/var/lib/vbcvault/demo"); !strings.Contains(out, "VBCVAULT_STATE_DIR") {
		t.Error(out)
	}

	m.configure()
	m.upgrade(debOf(t, r, "9.0.0"))
	m.remove()
	m.purge()
}

const keptConfig = `state-dir: /var/lib/vbcvault
accounts:
  main:
    older-than: 90d
    to: file:///var/lib/vbcvault/archive
    vbc: {username: u, password: {credential: vbc-password}, client-id: c, client-secret: {credential: vbc-client-secret}}
`

// configure does what an administrator does, and leaves traces of a service.
func (m *machine) configure() {
	t := m.t
	t.Helper()
	m.write("etc/vbcvault/config.yaml", keptConfig, 0o640)
	uid, gid := m.ids("vbcvault")
	for _, name := range []string{"vbc-password", "vbc-client-secret"} {
		m.write("etc/vbcvault/secrets/"+name, "hunter2\n", 0o640)
		m.no(os.Chown(m.in("etc/vbcvault/secrets/"+name), 0, int(gid)))
	}
	m.no(os.Mkdir(m.in("var/lib/vbcvault/archive"), 0o750))
	m.no(os.Chown(m.in("var/lib/vbcvault/archive"), int(uid), int(gid)))
	if out := m.must("vbcvault", "/usr/bin/vbcvault", "config", "check"); !strings.Contains(out, "main") {
		t.Error(out)
	}
	if out, err := m.run("nobody", "/usr/bin/vbcvault", "config", "check", "/etc/vbcvault/config.yaml"); err == nil || strings.Contains(out, "hunter2") {
		t.Errorf("another user reads the configuration: %v\n%s", err, out)
	}
	for _, name := range []string{"main.manifest", "main.manifest-wal", "main.manifest.key", "service.db", "handover/1.zip", "main.manifest.spool/1.zip", "archive/account=1/a.mp3"} {
		m.write("var/lib/vbcvault/"+name, name, 0o600)
	}
	m.no(os.Symlink("/usr/lib/systemd/system/vbcvault-archive@.timer", m.in("etc/systemd/system/timers.target.wants/vbcvault-archive@acme.timer")))
	m.no(os.Chmod(m.in("etc/vbcvault/secrets"), 0o700))
}

// upgrade keeps everything that the administrator and the service have made.
func (m *machine) upgrade(to string) {
	t := m.t
	t.Helper()
	state, etc := m.found("var/lib/vbcvault"), m.found("etc/vbcvault")
	m.asked()
	m.dpkg("--install", to)
	if now := m.found("var/lib/vbcvault"); !slices.Equal(now, state) {
		t.Errorf("the upgrade left in the state directory %v, not %v", now, state)
	}
	if text, err := os.ReadFile(m.in("etc/vbcvault/config.yaml")); err != nil || string(text) != keptConfig {
		t.Errorf("the upgrade changed the configuration: %v\n%s", err, text)
	}
	if now := slices.DeleteFunc(m.found("etc/vbcvault"), func(s string) bool { return strings.Contains(s, ".dpkg-") }); !slices.Equal(now, etc) {
		t.Errorf("the upgrade left in /etc/vbcvault %v, not %v", now, etc)
	}
	m.is("etc/vbcvault/secrets", "drwx------ root:vbcvault")
	if asked := m.asked(); asked != "daemon-reload\ntry-restart vbcvault.service\n" {
		t.Errorf("the upgrade asked systemctl:\n%s", asked)
	}
}

// remove takes the program away and stops it, and nothing else.
func (m *machine) remove() {
	t := m.t
	t.Helper()
	state, etc := m.found("var/lib/vbcvault"), m.found("etc/vbcvault")
	m.dpkg("--remove", "vbcvault")
	if exists(m.in("usr/bin/vbcvault")) || exists(m.in("usr/lib/systemd/system/vbcvault.service")) {
		t.Error("the program is still there")
	}
	if now := m.found("var/lib/vbcvault"); !slices.Equal(now, state) {
		t.Errorf("the removal left in the state directory %v, not %v", now, state)
	}
	for _, kept := range etc {
		if strings.Contains(kept, "/") && !exists(m.in("etc/vbcvault/"+kept)) {
			t.Errorf("the removal took /etc/vbcvault/%s", kept)
		}
	}
	if want, asked := "--no-reload disable --now vbcvault-archive@acme.timer\n--no-reload disable --now vbcvault.service\nstop vbcvault-archive@*\ndaemon-reload\n", m.asked(); asked != want {
		t.Errorf("the removal asked systemctl:\n%s", asked)
	}
}

// purge takes the rest, but no directory that may hold recordings.
func (m *machine) purge() {
	t := m.t
	t.Helper()
	out := m.dpkg("--purge", "vbcvault")
	if exists(m.in("etc/vbcvault")) {
		t.Error("/etc/vbcvault is still there:", m.found("etc/vbcvault"))
	}
	for _, path := range m.found("var/lib/vbcvault") {
		if path != "archive" && path != "demo" && !strings.HasPrefix(path, "archive/") && !strings.HasPrefix(path, "demo/") {
			t.Errorf("the purge left %s", path)
		}
	}
	if !exists(m.in("var/lib/vbcvault/archive/account=1/a.mp3")) {
		t.Error("the purge took a recording")
	}
	if !strings.Contains(out, "/var/lib/vbcvault is kept") {
		t.Error(out)
	}
}
