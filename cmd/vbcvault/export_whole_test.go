package main_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// A file of export's has its name once it is whole: whoever stops the program,
// or fills the disk, leaves nothing under it. What is there stays.
func TestExportIsWholeOrNot(t *testing.T) {
	t.Parallel()
	notShort(t, "makes a manifest of 25,000 recordings")
	if runtime.GOOS == "windows" {
		t.Skip("there are no signals, and no ulimit")
	}
	w, path := newWorld(t, vbctest.Config{}).alone(), aLongHistory(t)
	for _, format := range []string{"csv", "jsonl", "parquet"} {
		dir := t.TempDir()
		out := filepath.Join(dir, "calls")
		args := []string{"export", "--manifest", path, "--format", format, "--out", out}
		full := exec.Command("sh", append([]string{"-c", `ulimit -f 64; exec "$@"`, "sh", program(t)}, args...)...)
		full.Env = w.env
		if r := w.finish(full); r.code != 3 || !strings.Contains(r.stderr, "file too large") {
			t.Errorf("%s: exit %d on a full disk", format, r.code)
		}
		mustBeEmptyDir(t, dir)
		if r := w.whileWriting(dir, syscall.SIGTERM, args...); r.code != 130 || !strings.Contains(r.stderr, "stopped before the end") {
			t.Errorf("%s: exit %d when it is stopped", format, r.code)
		}
		mustBeEmptyDir(t, dir)
		w.whileWriting(dir, syscall.SIGKILL, args...) // which leaves something, under another name
		if _, err := os.Lstat(out); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: killed, it has left %v", format, err)
		}
		if err := os.WriteFile(out, []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
		if r := w.run(args...); r.code != 2 || string(readFile(t, out)) != "mine" {
			t.Errorf("%s: exit %d, and there is %q", format, r.code, readFile(t, out))
		}
	}
}

// whileWriting runs vbcvault, and sends it a signal as soon as there is a file in dir.
func (w *world) whileWriting(dir string, signal os.Signal, args ...string) result {
	cmd := w.command(args...)
	var ended atomic.Bool
	var told sync.WaitGroup
	told.Go(func() {
		for !ended.Load() {
			if left, _ := os.ReadDir(dir); len(left) > 0 {
				_ = w.process(cmd).Signal(signal)
				return
			}
			runtime.Gosched()
		}
	})
	r := w.finish(cmd)
	ended.Store(true)
	told.Wait()
	return r
}

func mustBeEmptyDir(t *testing.T, dir string) {
	t.Helper()
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}
