package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// container runs the image as a container engine would: its root file system as umoci
// unpacks it, read-only, by the user and with the environment of its configuration,
// and the program as process 1. It has no Linux of the machine around it.
type container struct {
	t       *testing.T
	rootfs  string
	state   string   // mounted at /var/lib/vbcvault
	network bool     // the machine's, to reach a server of the test
	binds   []string // from and to, one after the other, read-only
	env     []string // more than the image's

	config struct { // of the image
		User       string
		Env        []string
		Entrypoint []string
	}
}

// newContainer unpacks the image for this machine.
func newContainer(t *testing.T, r *release) *container {
	t.Helper()
	needs(t, "umoci", "bwrap")
	if runtime.GOOS != "linux" {
		t.Skip("containers are Linux's")
	}
	p := imageLayout(t, r)
	img := imageOf(t, imageIndex(t, p), runtime.GOARCH)
	digest, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	// umoci reads a layout whose index.json names images by tags.
	index := `{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"` + digest.String() +
		`","size":` + strconv.FormatInt(must(img.Size())(t), 10) + `,"annotations":{"org.opencontainers.image.ref.name":"one"}}]}`
	if err := os.WriteFile(filepath.Join(string(p), "index.json"), []byte(index), 0o644); err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "vbcvault-image-") // t.TempDir is below one that is its owner's alone
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	args := []string{"unpack", "--image", string(p) + ":one", filepath.Join(dir, "bundle")}
	if os.Geteuid() != 0 {
		args = append(args, "--rootless")
	}
	if out, err := exec.Command("umoci", args...).CombinedOutput(); err != nil {
		t.Fatalf("umoci: %v\n%s", err, out)
	}
	c := &container{t: t, rootfs: filepath.Join(dir, "bundle", "rootfs"), state: filepath.Join(dir, "state")}
	for _, err := range []error{os.Chmod(dir, 0o755), os.Chmod(filepath.Join(dir, "bundle"), 0o755), os.Mkdir(c.state, 0o700),
		// Engines make what they mount on.
		os.Mkdir(filepath.Join(c.rootfs, "proc"), 0o755), os.Mkdir(filepath.Join(c.rootfs, "dev"), 0o755)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	raw, err := img.RawConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	var has struct{ Config any }
	has.Config = &c.config
	if err := json.Unmarshal(raw, &has); err != nil {
		t.Fatal(err)
	}
	return c
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// command is a call of the program. With info, bwrap says its process id there.
func (c *container) command(ctx context.Context, info *os.File, args ...string) *exec.Cmd {
	c.t.Helper()
	id, group, _ := strings.Cut(c.config.User, ":")
	uid, err1 := strconv.ParseUint(id, 10, 32)
	gid, err2 := strconv.ParseUint(group, 10, 32)
	if err := errors.Join(err1, err2); err != nil {
		c.t.Fatalf("a user without numbers, which Kubernetes can't tell from root: %q", c.config.User)
	}
	all := []string{"--unshare-user", "--unshare-pid", "--as-pid-1", "--unshare-ipc", "--die-with-parent", "--uid", id, "--gid", group,
		"--ro-bind", c.rootfs, "/", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--bind", c.state, "/var/lib/vbcvault"}
	for i := 0; i < len(c.binds); i += 2 {
		c.mountPoint(c.binds[i], c.binds[i+1])
		all = append(all, "--ro-bind", c.binds[i], c.binds[i+1])
	}
	if !c.network {
		all = append(all, "--unshare-net")
	}
	for _, e := range append(c.config.Env, c.env...) {
		name, value, _ := strings.Cut(e, "=")
		all = append(all, "--setenv", name, value)
	}
	if info != nil {
		all = append(all, "--info-fd", "3")
	}
	cmd := exec.CommandContext(ctx, "bwrap", append(append(append(all, "--"), c.config.Entrypoint...), args...)...)
	cmd.Env = []string{}
	if info != nil {
		cmd.ExtraFiles = []*os.File{info}
	}
	if os.Geteuid() == 0 { // in truth that user, and not only by name
		if err := os.Chown(c.state, int(uid), int(gid)); err != nil {
			c.t.Fatal(err)
		}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	}
	return cmd
}

// mountPoint makes what a file or directory is mounted on, as engines do.
func (c *container) mountPoint(from, to string) {
	c.t.Helper()
	at := filepath.Join(c.rootfs, to)
	info, err := os.Stat(from)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(at), 0o755)
	}
	if err == nil && info.IsDir() {
		err = os.MkdirAll(at, 0o755)
	} else if err == nil {
		err = os.WriteFile(at, nil, 0o644)
	}
	if err != nil {
		c.t.Fatal(err)
	}
}

// run has the program do something, and wants its exit code.
func (c *container) run(code int, args ...string) (stdout, stderr string) {
	c.t.Helper()
	var out, err bytes.Buffer
	cmd := c.command(c.t.Context(), nil, args...)
	cmd.Stdout, cmd.Stderr = &out, &err
	e := cmd.Run()
	if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != code {
		c.t.Fatalf("vbcvault %s: %v, want exit code %d\n%s%s", strings.Join(args, " "), e, code, &out, &err)
	}
	return out.String(), err.String()
}

// running is a program that goes on until it is told to stop.
type running struct {
	*container
	cmd  *exec.Cmd
	pid  int // of the program itself, as it is seen from here
	said *bufio.Scanner
	all  strings.Builder // what was read of it
}

// start begins a program that goes on.
func (c *container) start(args ...string) *running {
	c.t.Helper()
	pids, info, err1 := os.Pipe()
	said, to, err2 := os.Pipe()
	if err := errors.Join(err1, err2); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { pids.Close(); said.Close() })
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.t.Context()), time.Minute)
	c.t.Cleanup(cancel)
	s := &running{container: c, cmd: c.command(ctx, info, args...), said: bufio.NewScanner(said)}
	s.cmd.Stdout, s.cmd.Stderr = to, to
	err := s.cmd.Start()
	info.Close()
	to.Close()
	if err != nil {
		c.t.Fatal(err)
	}
	var child struct {
		PID int `json:"child-pid"`
	}
	if err := json.NewDecoder(pids).Decode(&child); err != nil || child.PID == 0 {
		s.until("bwrap never says which process it is")
	}
	s.pid = child.PID
	return s
}

// until reads what the program says until a line has the text.
func (s *running) until(text string) (line string) {
	s.t.Helper()
	for s.said.Scan() {
		line = s.said.Text()
		s.all.WriteString(line + "\n")
		if strings.Contains(line, text) {
			return line
		}
	}
	_ = s.cmd.Wait()
	s.t.Fatalf("it ended with %v before it said %q\n%s", s.cmd.ProcessState, text, &s.all)
	return ""
}

// stop sends the signal that engines send, and wants the program to end well.
func (s *running) stop() {
	s.t.Helper()
	if err := syscall.Kill(s.pid, syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	for s.said.Scan() {
		s.all.WriteString(s.said.Text() + "\n")
	}
	if err := s.cmd.Wait(); err != nil {
		s.t.Errorf("after SIGTERM: %v\n%s", err, &s.all)
	}
}
