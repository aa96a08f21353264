package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// fresh looks at a first installation.
func (m *machine) fresh() {
	t := m.t
	t.Helper()
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
	for _, unit := range []string{"vbcvault.service", "vbcvault-archive@.service", "vbcvault-archive@.timer"} {
		m.is("usr/lib/systemd/system/"+unit, "-rw-r--r-- root:root")
	}
	for _, page := range []string{"man1/vbcvault.1.gz", "man1/vbcvault-serve.1.gz", "man7/vbcvault-config.7.gz"} {
		m.is("usr/share/man/"+page, "-rw-r--r-- root:root")
	}
}

// demo has the package's user archive, and root look at it and not more.
func (m *machine) demo() {
	t := m.t
	t.Helper()
	if out := m.must("vbcvault", program, "demo", "--recordings", "5", "--delete", "--dir", "/var/lib/vbcvault/demo"); !strings.Contains(out, "VBCVAULT_STATE_DIR") {
		t.Error(out)
	}
	found, err := filepath.Glob(m.in("var/lib/vbcvault/demo/*.manifest"))
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	manifest := strings.TrimPrefix(found[0], m.root)
	before := m.found("var/lib/vbcvault")
	if out := m.must("root", program, "status", "--manifest", manifest); !strings.Contains(out, "5") {
		t.Error(out)
	}
	const refused = "belongs to the user"
	for _, args := range [][]string{
		{"archive", "main", "--config", "/etc/vbcvault/config.yaml"}, {"serve", "--config", "/etc/vbcvault/config.yaml"},
		{"config", "check", "/etc/vbcvault/config.yaml", "--online"}, {"verify", "--manifest", manifest},
		{"hold", "add", "--manifest", manifest, "--id", "1", "--reason", "x", "--by", "y"}, {"web", "users", "--config", "/etc/vbcvault/config.yaml"},
	} {
		if out, err := m.run("root", append([]string{program}, args...)...); err == nil || !strings.Contains(out, refused) {
			t.Errorf("root: %v: %v\n%s", args, err, out)
		}
	}
	uid, _ := m.ids("vbcvault")
	for _, path := range m.found("var/lib/vbcvault") {
		if info, err := os.Lstat(m.in("var/lib/vbcvault/" + path)); err != nil || info.Sys().(*syscall.Stat_t).Uid != uid && !slices.Contains(before, path) {
			t.Errorf("root left %s: %v", path, err)
		}
	}
}

const program = "/usr/bin/vbcvault"

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
	if out := m.must("vbcvault", program, "config", "check"); !strings.Contains(out, "main") {
		t.Error(out)
	}
	if out, err := m.run("nobody", program, "config", "check", "/etc/vbcvault/config.yaml"); err == nil || strings.Contains(out, "hunter2") {
		t.Errorf("another user reads the configuration: %v\n%s", err, out)
	}
	for _, name := range []string{"main.manifest", "main.manifest-wal", "main.manifest.key", "service.db", "handover/1.zip", "main.manifest.spool/1.zip", "archive/account=1/a.mp3"} {
		m.write("var/lib/vbcvault/"+name, name, 0o600)
	}
	for _, path := range m.found("var/lib/vbcvault") {
		m.no(os.Lchown(m.in("var/lib/vbcvault/"+path), int(uid), int(gid)))
	}
	m.no(os.Symlink("/usr/lib/systemd/system/vbcvault-archive@.timer", m.in("etc/systemd/system/timers.target.wants/vbcvault-archive@acme.timer")))
	m.no(os.Chmod(m.in("etc/vbcvault/secrets"), 0o700))
}

// upgrade keeps everything that the administrator and the service have made.
func (m *machine) upgrade(install func(), secrets string) {
	t := m.t
	t.Helper()
	state, etc := m.found("var/lib/vbcvault"), m.found("etc/vbcvault")
	m.asked()
	const override = "usr/lib/systemd/system/vbcvault.service.d/old-systemd.conf"
	if exists(m.in(override)) {
		t.Error("this systemd hands directories over, and was told not to")
	}
	m.systemd(249)
	install()
	m.is(override, "-rw-r--r-- root:root")
	if now := m.found("var/lib/vbcvault"); !slices.Equal(now, state) {
		t.Errorf("the upgrade left in the state directory %v, not %v", now, state)
	}
	if text, err := os.ReadFile(m.in("etc/vbcvault/config.yaml")); err != nil || string(text) != keptConfig {
		t.Errorf("the upgrade changed the configuration: %v\n%s", err, text)
	}
	if now := slices.DeleteFunc(m.found("etc/vbcvault"), func(s string) bool { return strings.Contains(s, ".dpkg-") || strings.HasSuffix(s, ".rpmnew") }); !slices.Equal(now, etc) {
		t.Errorf("the upgrade left in /etc/vbcvault %v, not %v", now, etc)
	}
	m.is("etc/vbcvault/secrets", secrets)
	if asked := m.asked(); asked != "daemon-reload\ntry-restart vbcvault.service\n" {
		t.Errorf("the upgrade asked systemctl:\n%s", asked)
	}
}

// remove takes the program away and stops it, and nothing else.
func (m *machine) remove(erase func()) {
	t := m.t
	t.Helper()
	state, etc := m.found("var/lib/vbcvault"), m.found("etc/vbcvault")
	erase()
	if exists(m.in("usr/bin/vbcvault")) || len(m.found("usr/lib/systemd/system")) > 0 {
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
