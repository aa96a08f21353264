//go:build unix

package main_test

import (
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// deleted fails unless so many recordings are gone from VBC.
func (w *world) deleted(n int) {
	w.t.Helper()
	if got := len(w.account.Deleted()); got != n {
		w.t.Errorf("%d were deleted at VBC, want %d", got, n)
	}
}

// tmpfs mounts a small file system at a new place.
func tmpfs(t *testing.T, options string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", options, "tmpfs", dir).CombinedOutput(); err != nil {
		t.Skipf("can't mount a file system here: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("unmount: %v: %s", err, out)
		}
	})
	return dir
}

func remount(t *testing.T, dir, options string) {
	t.Helper()
	if out, err := exec.Command("mount", "-o", "remount,"+options, dir).CombinedOutput(); err != nil {
		t.Fatalf("remount: %v: %s", err, out)
	}
}

// under runs archive with a limit on the size of each file that it writes. A
// write beyond it fails, whoever runs it. sh counts in units of 512 or 1,024 bytes.
func (w *world) under(units string, args ...string) result {
	w.t.Helper()
	cmd := w.command()
	args = slices.Concat([]string{"sh", "-c", `ulimit -f "$1" || exit 99; shift; exec "$@"`, "sh", units, cmd.Path, "archive", "--to", w.to, "--json"}, args)
	sh, err := exec.LookPath("sh")
	if err != nil {
		w.t.Skipf("there is no shell to set a limit with: %v", err)
	}
	cmd.Path, cmd.Args = sh, args
	return w.finish(cmd)
}

// Nothing more can be written, to the destination or to the manifest.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	notShort(t, "fills disks")
	t.Run("destination", func(t *testing.T) {
		dir := tmpfs(t, "size=300k")
		w := newWorld(t, vbctest.Config{}).inDir()
		w.inDirectory(dir)
		all := w.ofSize(10, 100_000)
		r := w.archive("--older-than", "90d", "--delete", "--workers", "2")
		w.want(r, 3, map[string]int{"failed": 0})
		w.says(r, "no space left", "free space")
		w.nothingLost(all)
		if n := len(w.account.Recordings()); n == 0 {
			t.Error("the disk wasn't full")
		}
		remount(t, dir, "size=10m")
		w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"failed": 0})
		w.mustHold(all...)
		w.deleted(10)
	})
	for name, at := range map[string]func(*http.Request) bool{"manifest when archiving": isAudio, "manifest when deleting": isDelete} {
		t.Run(name, func(t *testing.T) {
			dir := tmpfs(t, "size=10m")
			ballast := filepath.Join(dir, "ballast")
			w := newWorld(t, vbctest.Config{}).inDir()
			all := w.ofSize(60, 1000)
			var nth atomic.Int64
			w.account.Inject(func(r *http.Request) *vbctest.Fault {
				if at(r) && nth.Add(1) == 5 {
					fillUp(t, ballast)
				}
				return nil
			})
			args := []string{"--older-than", "90d", "--delete", "--workers", "2", "--manifest", filepath.Join(dir, "manifest")}
			w.manifestFails(all, args, w.archive)
			// The file that holds the changes may have a little room left.
			if n := nth.Load(); n < 5 || n > 30 {
				t.Errorf("%d requests, and the fifth found the disk full", n)
			}
			if err := os.Remove(ballast); err != nil {
				t.Fatal(err)
			}
			w.want(w.archive(args...), 0, map[string]int{"failed": 0, "not_listed": 0})
			w.mustHold(all...)
			w.deleted(60)
			if keys := w.keys(); len(keys) != 120 {
				t.Errorf("%d objects for 60 recordings", len(keys))
			}
		})
	}

	t.Run("an upgrade", func(t *testing.T) {
		dir := tmpfs(t, "size=2m")
		w := newWorld(t, vbctest.Config{}).inDir()
		all := w.ofSize(3, 1000)
		path, ballast := filepath.Join(dir, "manifest"), filepath.Join(dir, "ballast")
		args := []string{"--older-than", "90d", "--delete", "--manifest", path}
		w.want(w.archive(args...), 0, map[string]int{"deleted": 3})
		w.execute(path, "PRAGMA user_version = 10")
		fillUp(t, ballast)
		r := w.archive(args...) // there is no room for what SQLite needs to open it
		w.want(r, 3, nil)
		w.says(r, "check whether the disk of the file is full")
		if info, err := os.Stat(ballast); err != nil || os.Truncate(ballast, info.Size()-100_000) != nil { // now there is
			t.Fatal(err)
		}
		r = w.archive(args...)
		w.want(r, 3, nil)
		w.says(r, "copy it before upgrading it", "free ", " on the disk of "+dir, "The file is as it was")
		if left, err := filepath.Glob(path + ".format*"); err != nil || len(left) > 0 {
			t.Errorf("%q is left, %v", left, err)
		}
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
		w.want(w.archive(args...), 0, map[string]int{"failed": 0})
		w.mustHold(all...)
	})

	// The same without the right to mount: files may not grow.
	t.Run("large files fail", func(t *testing.T) {
		w := newWorld(t, vbctest.Config{}).inDir()
		all := w.ofSize(3, 1000)
		w.account.Add(vbctest.Recording{ID: 1, Start: all[0].Start, Size: 9 << 20})
		all = w.account.Recordings()
		r := w.under("8192", "--older-than", "90d", "--delete")
		w.want(r, 1, map[string]int{"archived": 3, "deleted": 3, "failed": 1})
		w.says(r, syscall.EFBIG.Error())
		w.nothingLost(all)
		if keys := w.keys(); len(keys) != 6 {
			t.Errorf("%q", keys)
		}
		w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"archived": 1, "deleted": 1})
		w.mustHold(all...)
	})
	t.Run("the manifest can't grow", func(t *testing.T) {
		w := newWorld(t, vbctest.Config{}).inDir()
		all := w.ofSize(400, 1000)
		args := []string{"--older-than", "90d", "--delete"}
		w.manifestFails(all, args, func(args ...string) result { return w.under("700", args...) })
		w.want(w.archive(args...), 0, map[string]int{"failed": 0})
		w.mustHold(all...)
		w.deleted(400)
	})
}

// manifestFails does a run in which the manifest can't be written to its end.
// What can't be written down first isn't deleted.
func (w *world) manifestFails(all []vbctest.Recording, args []string, archive func(...string) result) {
	w.t.Helper()
	r := archive(args...)
	w.want(r, 3, nil)
	w.says(r, "write manifest", "check whether the manifest's disk is full")
	w.nothingLost(all)
	if len(w.account.Recordings()) == 0 {
		w.t.Error("the manifest could be written")
	}
}

// fillUp fills a disk with a file.
func fillUp(t *testing.T, name string) {
	f, err := os.Create(name)
	if err != nil {
		t.Error(err)
		return
	}
	defer f.Close()
	for block := make([]byte, 4096); err == nil; {
		_, err = f.Write(block)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Error(err)
	}
}

// ofSize adds n recordings of a size.
func (w *world) ofSize(n int, size int64) []vbctest.Recording {
	for i, r := range newWorld(w.t, vbctest.Config{}).someRecordings(n) {
		w.account.Add(vbctest.Recording{ID: int64(1000 + i), Start: r.Start, Size: size})
	}
	return w.account.Recordings()
}

// unprivileged makes a run of the world go by file permissions. Nothing binds
// root, so root runs the program as somebody else, from a place that they can
// reach.
type unprivileged struct {
	*world
	home string // holds what the program may use
	as   *syscall.Credential
}

func newUnprivileged(t *testing.T) *unprivileged {
	t.Helper()
	u := &unprivileged{world: newWorld(t, vbctest.Config{}), home: t.TempDir()}
	if os.Geteuid() == 0 {
		home, err := os.MkdirTemp("", "vbcvault-nobody-") // t.TempDir lies in a directory of root's
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(home) })
		if err := os.Chmod(home, 0o755); err != nil {
			t.Fatal(err)
		}
		const nobody = 65534
		u.home, u.as = home, &syscall.Credential{Uid: nobody, Gid: nobody}
	}
	copyProgram(t, filepath.Join(u.home, "vbcvault"))
	u.state = u.mkdir("state")
	u.setenv("VBCVAULT_STATE_DIR", u.state)
	u.inDirectory(u.mkdir("archive"))
	if out, err := u.asUser("version").CombinedOutput(); err != nil {
		t.Skipf("can't run the program as another user here: %v: %s", err, out)
	}
	return u
}

// mkdir makes a directory that belongs to whoever runs the program.
func (u *unprivileged) mkdir(name string) string {
	u.t.Helper()
	dir := filepath.Join(u.home, name)
	err := os.Mkdir(dir, 0o700)
	if err == nil && u.as != nil {
		err = os.Chown(dir, int(u.as.Uid), int(u.as.Gid))
	}
	if err != nil {
		u.t.Fatal(err)
	}
	u.t.Cleanup(func() { _ = os.Chmod(dir, 0o700) }) // so that it can be removed
	return dir
}

func (u *unprivileged) asUser(args ...string) *exec.Cmd {
	cmd := u.command(args...)
	cmd.Path = filepath.Join(u.home, "vbcvault")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: u.as}
	return cmd
}

func (u *unprivileged) archive(args ...string) result {
	u.t.Helper()
	return u.finish(u.asUser(append([]string{"archive", "--to", u.to, "--json"}, args...)...))
}

func (u *unprivileged) chmod(dir string, mode os.FileMode) {
	u.t.Helper()
	if err := os.Chmod(dir, mode); err != nil {
		u.t.Fatal(err)
	}
}

// A directory that may be read and not written.
func TestReadOnlyDirectory(t *testing.T) {
	t.Parallel()
	t.Run("new destination", func(t *testing.T) {
		u := newUnprivileged(t)
		all := u.someRecordings(3)
		dir := strings.TrimPrefix(u.to, "file://")
		u.chmod(dir, 0o500)
		r := u.archive("--older-than", "90d", "--delete")
		u.want(r, 3, map[string]int{"archived": 0, "deleted": 0})
		u.says(r, "permission denied", dir, "this user may write")
		u.deleted(0)
		if n := u.account.Counts().ByKind[vbctest.Audio]; n != 0 {
			t.Errorf("%d downloads to nowhere", n)
		}
		u.chmod(dir, 0o700)
		u.want(u.archive("--older-than", "90d", "--delete"), 0, map[string]int{"archived": 3, "deleted": 3})
		u.mustHold(all...)
	})
	// What is there already would prove itself; a destination that can't be
	// written is not used all the same.
	t.Run("known destination", func(t *testing.T) {
		u := newUnprivileged(t)
		all := u.someRecordings(3)
		dir := strings.TrimPrefix(u.to, "file://")
		u.want(u.archive("--older-than", "90d"), 0, map[string]int{"archived": 3})
		u.chmod(dir, 0o500)
		r := u.archive("--older-than", "90d", "--delete")
		u.want(r, 3, map[string]int{"deleted": 0})
		u.says(r, "permission denied", dir)
		u.deleted(0)
		u.chmod(dir, 0o700)
		u.want(u.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 3})
		u.mustHold(all...)
	})
	// The probe of the directory passes, and what is below it refuses.
	t.Run("below the destination", func(t *testing.T) {
		u := newUnprivileged(t)
		u.someRecordings(2)
		u.want(u.archive("--older-than", "90d"), 0, map[string]int{"archived": 2})
		old := u.account.Recordings()
		u.account.Add(vbctest.Recording{ID: 1, Start: old[0].Start.AddDate(-2, 0, 0)}) // of a year that has no directory yet
		all := u.account.Recordings()
		kind := filepath.Join(strings.TrimPrefix(u.to, "file://"), "account=549825", "kind=company")
		u.chmod(kind, 0o500)
		r := u.archive("--older-than", "90d", "--delete", "--workers", "1")
		u.want(r, 3, nil)
		u.says(r, "permission denied", "this user may write")
		u.nothingLost(all)
		if !u.account.Has(vbctest.Company, 0, 1) {
			t.Error("what couldn't be stored was deleted")
		}
		u.chmod(kind, 0o700)
		u.want(u.archive("--older-than", "90d", "--delete"), 0, map[string]int{"archived": 1})
		u.mustHold(all...)
		u.deleted(3)
	})
	t.Run("manifest", func(t *testing.T) {
		for _, known := range []bool{false, true} {
			u := newUnprivileged(t)
			all := u.someRecordings(3)
			if known {
				u.want(u.archive("--older-than", "90d"), 0, map[string]int{"archived": 3})
			}
			u.chmod(u.state, 0o500)
			before := u.account.Counts().Total
			r := u.archive("--older-than", "90d", "--delete")
			if known {
				u.want(r, 3, map[string]int{"archived": 0, "deleted": 0})
			} else {
				u.want(r, 2, map[string]int{"archived": 0, "deleted": 0})
				u.says(r, "VBCVAULT_STATE_DIR")
			}
			u.says(r, u.state, "manifest")
			u.deleted(0)
			if n := u.account.Counts().Total - before; n != 0 {
				t.Errorf("%d requests to VBC without a manifest", n)
			}
			u.chmod(u.state, 0o700)
			u.want(u.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 3})
			u.mustHold(all...)
		}
	})
}

// Where the disk has no room for an export, that is said, and recordings are
// downloaded one by one.
func TestSpoolHasNoRoom(t *testing.T) {
	t.Parallel()
	dir := tmpfs(t, "size=10m")
	w := newWorld(t, vbctest.Config{}).inDir()
	all := w.someRecordings(12)
	r := w.archive("--older-than", "90d", "--fetch", "export", "--spool-dir", dir)
	w.want(r, 0, map[string]int{"archived": 12, "downloads": 12})
	w.mustHold(all...)
	if !strings.Contains(r.stderr, "choose another directory with --spool-dir") || len(w.account.Jobs()) != 0 {
		t.Errorf("it isn't said, or %d jobs were started for nothing", len(w.account.Jobs()))
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
