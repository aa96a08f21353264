package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// machine is a root of its own with what packages expect of a system: a shell, the tools
// of their scripts, dpkg's database, and users. Instead of systemd it has a program that
// writes down what it is asked to do.
type machine struct {
	t    *testing.T
	root string
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("packages are Linux's")
	}
	if os.Geteuid() != 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("to install packages takes root")
		}
		t.Skip("to install packages takes root")
	}
	tools := []string{"sh", "sed", "getent", "groupadd", "useradd", "chmod", "chgrp", "chown", "rm", "rmdir", "find", "mkdir", "cat", "echo"}
	needs(t, append(tools, "dpkg", "ldd")...)
	dir, err := os.MkdirTemp("", "vbcvault-machine-") // t.TempDir is below one that is its owner's alone
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	m := &machine{t: t, root: filepath.Join(dir, "root")}
	for _, d := range []string{"etc", "usr/bin", "usr/sbin", "tmp", "dev", "run/systemd/system", "etc/systemd/system/timers.target.wants", "var/lib/dpkg/info", "var/lib/dpkg/updates"} {
		m.no(os.MkdirAll(m.in(d), 0o755))
	}
	m.no(os.Chmod(dir, 0o755))
	m.no(os.Chmod(m.root, 0o755))
	m.no(os.Chmod(m.in("tmp"), 0o1777))
	m.no(os.Symlink("usr/bin", m.in("bin")))
	m.no(os.Symlink("usr/sbin", m.in("sbin")))
	for _, tool := range tools {
		m.bring(tool)
	}
	m.write("etc/passwd", "root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/nonexistent:/usr/sbin/nologin\n", 0o644)
	m.write("etc/group", "root:x:0:\nnogroup:x:65534:\n", 0o644)
	m.write("etc/nsswitch.conf", "passwd: files\ngroup: files\n", 0o644)
	m.write("dev/null", "", 0o666)
	m.write("var/lib/dpkg/status", "Package: passwd\nStatus: install ok installed\nVersion: 1\nArchitecture: all\nDescription: useradd\n\n", 0o644)
	m.systemd(252)
	return m
}

// systemd has the machine say that it has this version of it.
func (m *machine) systemd(version int) {
	m.t.Helper()
	m.write("usr/bin/systemctl", fmt.Sprintf("#!/bin/sh\nif [ \"$1\" = --version ]; then\n\techo 'systemd %d (%d.1)'\nelse\n\techo \"$@\" >>/asked\nfi\n", version, version), 0o755)
}

func (m *machine) in(path string) string { return filepath.Join(m.root, path) }

func (m *machine) no(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m *machine) write(path, text string, mode fs.FileMode) {
	m.t.Helper()
	m.no(os.MkdirAll(filepath.Dir(m.in(path)), 0o755))
	m.no(os.WriteFile(m.in(path), []byte(text), mode))
	m.no(os.Chmod(m.in(path), mode))
}

// bring copies a program of this machine and the libraries that it is linked with.
func (m *machine) bring(tool string) {
	m.t.Helper()
	path, err := exec.LookPath(tool)
	m.no(err)
	m.copy(path, "usr/bin/"+tool)
	out, err := exec.Command("ldd", path).Output()
	m.no(err)
	for word := range strings.FieldsSeq(string(out)) {
		if strings.HasPrefix(word, "/") && !exists(m.in(word)) {
			m.copy(word, word)
		}
	}
}

func (m *machine) copy(from, to string) {
	m.t.Helper()
	content, err := os.ReadFile(from)
	m.no(err)
	m.no(os.MkdirAll(filepath.Dir(m.in(to)), 0o755))
	m.no(os.WriteFile(m.in(to), content, 0o755))
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// asked is what systemctl was asked since the last time.
func (m *machine) asked() string {
	m.t.Helper()
	out, err := os.ReadFile(m.in("asked"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		m.t.Fatal(err)
	}
	_ = os.Remove(m.in("asked"))
	return string(out)
}

// dpkg installs or removes as an administrator would, who keeps a changed configuration.
func (m *machine) dpkg(args ...string) string {
	m.t.Helper()
	cmd := exec.Command("dpkg", append([]string{"--root=" + m.root, "--force-confold", "--force-not-root", "--log=/dev/null"}, args...)...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "PATH=/usr/sbin:/usr/bin:/sbin:/bin")
	out, err := cmd.CombinedOutput()
	if err != nil {
		m.t.Fatalf("dpkg %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// ids are the numbers of a user of the machine, as its passwd has them.
func (m *machine) ids(user string) (uid, gid uint32) {
	m.t.Helper()
	passwd, err := os.ReadFile(m.in("etc/passwd"))
	m.no(err)
	for line := range strings.Lines(string(passwd)) {
		if f := strings.Split(line, ":"); f[0] == user {
			u, err := strconv.ParseUint(f[2], 10, 32)
			m.no(err)
			g, err := strconv.ParseUint(f[3], 10, 32)
			m.no(err)
			return uint32(u), uint32(g)
		}
	}
	m.t.Fatalf("there is no user %s:\n%s", user, passwd)
	return 0, 0
}

// run runs a program of the machine by one of its users. Its environment is what sudo
// leaves of it.
func (m *machine) run(user string, args ...string) (string, error) {
	m.t.Helper()
	uid, gid := m.ids(user)
	cmd := exec.CommandContext(context.Background(), args[0], args[1:]...)
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin", "HOME=/var/lib/vbcvault", "USER=" + user}
	if user != "vbcvault" {
		cmd.Env[1] = "HOME=/root"
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: m.root, Credential: &syscall.Credential{Uid: uid, Gid: gid}}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// must is run for what has to work.
func (m *machine) must(user string, args ...string) string {
	m.t.Helper()
	out, err := m.run(user, args...)
	if err != nil {
		m.t.Fatalf("%s: %v: %v\n%s", user, args, err, out)
	}
	return out
}

// is checks type, mode and owners of something.
func (m *machine) is(path, want string) {
	m.t.Helper()
	info, err := os.Lstat(m.in(path))
	if err != nil {
		m.t.Error(err)
		return
	}
	names := map[uint32]string{0: "root"}
	uid, gid := m.ids("vbcvault")
	names[uid] = "vbcvault"
	st := info.Sys().(*syscall.Stat_t)
	group := names[st.Gid]
	if st.Gid == gid {
		group = "vbcvault"
	}
	if got := fmt.Sprintf("%v %s:%s", info.Mode(), names[st.Uid], group); got != want {
		m.t.Errorf("%s is %s, not %s", path, got, want)
	}
}

// found are the paths below a directory.
func (m *machine) found(dir string) (all []string) {
	m.t.Helper()
	err := filepath.WalkDir(m.in(dir), func(path string, _ fs.DirEntry, err error) error {
		if err == nil && path != m.in(dir) {
			all = append(all, strings.TrimPrefix(path, m.in(dir)+"/"))
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		m.t.Fatal(err)
	}
	slices.Sort(all)
	return all
}

// packageOf is the package for this machine, of the release or of a later version of it.
func packageOf(t *testing.T, r *release, kind, version string) string {
	t.Helper()
	make := map[string]func(*release, target) (string, error){"deb": makeDeb, "rpm": makeRPM}[kind]
	here := *r
	if version != "" {
		here.version.semver, here.out = version, t.TempDir()
		name, err := make(&here, target{"linux", runtime.GOARCH})
		if err != nil {
			t.Fatal(err)
		}
		return filepath.Join(here.out, name)
	}
	ends := map[string]string{"deb": "_" + runtime.GOARCH + ".deb", "rpm": "." + map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[runtime.GOARCH] + ".rpm"}
	found, err := filepath.Glob(filepath.Join(r.out, "*"+ends[kind]))
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	return found[0]
}
