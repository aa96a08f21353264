//go:build unix

package main_test

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/storagetest"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

const justifiesNothing = "not safe enough to delete recordings"

// A mount may say that bytes are on disk while they are in a cache, so nothing
// is deleted at VBC on its word, unless somebody says that it can be trusted.
func TestDestinationOnFUSE(t *testing.T) {
	t.Parallel()
	for name, place := range map[string]func(t *testing.T) (dir string){
		"the directory": func(t *testing.T) string { return storagetest.FUSE(t) },
		"a link to it": func(t *testing.T) string {
			link := filepath.Join(t.TempDir(), "link")
			if err := os.Symlink(storagetest.FUSE(t), link); err != nil {
				t.Fatal(err)
			}
			return link
		},
		"below it": func(t *testing.T) string {
			dir := filepath.Join(storagetest.FUSE(t), "calls")
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			return dir
		},
		"the account's directory in it": func(t *testing.T) string {
			dir := t.TempDir()
			storagetest.FUSEAt(t, filepath.Join(dir, "account=549825"))
			return dir
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, vbctest.Config{})
			w.inDirectory(place(t))
			all := w.someRecordings(3)
			w.untrusted()
			r := w.archive("--older-than", "90d")
			w.want(r, 0, map[string]int{"archived": 3, "deleted": 0})
			if n := strings.Count(r.stderr, justifiesNothing); n != 1 {
				t.Errorf("it warns %d times", n)
			}
			w.mustHold(all...)
			w.untrusted()
			r = w.archive("--older-than", "90d", "--delete", "--trust-mount")
			w.want(r, 0, map[string]int{"already_archived": 3, "deleted": 3})
			w.deleted(3)
			w.mustHold(all...)
			if strings.Contains(r.stderr, justifiesNothing) {
				t.Error("it warns of what somebody has said they mean")
			}
		})
	}
}

// untrusted fails unless --delete is refused before anything was done.
func (w *world) untrusted() {
	w.t.Helper()
	before, asked := w.tree(w.state), w.account.Counts().Total
	for _, more := range [][]string{{}, {"--dry-run"}} {
		r := w.archive(append([]string{"--older-than", "90d", "--delete"}, more...)...)
		w.want(r, 2, map[string]int{"archived": 0, "deleted": 0})
		w.says(r, "(fuse", "cache of this machine", "hint: ", "--trust-mount")
	}
	w.deleted(0)
	if n := w.account.Counts().Total - asked; n != 0 {
		w.t.Errorf("%d requests to VBC", n)
	}
	if after := w.tree(w.state); after != before {
		w.t.Errorf("the state directory has %q, and had %q", after, before)
	}
}

// tree names what lies in a directory.
func (w *world) tree(dir string) string {
	w.t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		w.t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

// A disk of this machine needs no trust, a bucket knows none.
func TestTrustMount(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	all := w.someRecordings(2)
	r := w.archive("--older-than", "90d", "--dry-run")
	w.want(r, 0, nil)
	if strings.Contains(r.stderr, justifiesNothing) {
		t.Error("it warns of a disk")
	}
	w.want(w.archive("--older-than", "90d", "--delete", "--trust-mount"), 0, map[string]int{"archived": 2, "deleted": 2})
	w.mustHold(all...)
	w.to = "s3://my-bucket/calls"
	r = w.archive("--older-than", "90d", "--delete", "--trust-mount")
	w.want(r, 2, nil)
	w.says(r, "--trust-mount applies to directories")
}

// Two runs could hold a manifest on FUSE at once.
func TestManifestOnFUSE(t *testing.T) {
	t.Parallel()
	there := storagetest.FUSE(t)
	link := filepath.Join(t.TempDir(), "m")
	if err := os.Symlink(filepath.Join(there, "m"), link); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(there, "m"), link} {
		w := newWorld(t, vbctest.Config{}).inDir()
		w.someRecordings(2)
		r := w.archive("--older-than", "90d", "--manifest", path)
		w.want(r, 3, map[string]int{"archived": 0})
		w.says(r, "a manifest can't be on", "fuse", "on a disk of this machine")
		if n := w.account.Counts().Total; n != 0 || w.tree(there) != "" {
			t.Errorf("%d requests to VBC, and %q on FUSE", n, w.tree(there))
		}
		if f := w.doctor(1, "--manifest", path)["manifest"]; f.Level != storage.Failure || !strings.Contains(f.Means, "fuse") {
			t.Errorf("%+v", f)
		}
	}
	// One that was made there before is no better.
	w := newWorld(t, vbctest.Config{}).inDir()
	w.someRecordings(2)
	made := filepath.Join(w.state, "m")
	w.want(w.archive("--older-than", "90d", "--manifest", made), 0, map[string]int{"archived": 2})
	b, err := os.ReadFile(made)
	if err == nil {
		err = os.WriteFile(filepath.Join(there, "m"), b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	w.want(w.archive("--older-than", "90d", "--manifest", link), 3, nil)
	if f := w.doctor(1, "--manifest", link)["manifest"]; f.Level != storage.Failure || !strings.Contains(f.Means, "fuse") {
		t.Errorf("%+v", f)
	}
}

func TestDoctorOnFUSE(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{})
	w.inDirectory(storagetest.FUSE(t))
	f := w.doctor(0)["file system"]
	if f.Level != storage.Warning || !strings.Contains(f.Means, "(fuse") || !strings.Contains(f.Mend, "--trust-mount") {
		t.Errorf("%+v", f)
	}
	w.inDir()
	if f := w.doctor(0)["file system"]; f.Level != storage.OK {
		t.Errorf("%+v", f)
	}
}

// What is mounted after the command line was looked at, while the manifest is
// opened, is seen all the same: the mark of the destination is still there.
func TestMountedMeanwhile(t *testing.T) {
	t.Parallel()
	storagetest.FUSE(t) // skips at once where there is none
	w := newWorld(t, vbctest.Config{}).inDir()
	all := w.someRecordings(2)
	m := filepath.Join(w.state, "m")
	w.want(w.archive("--older-than", "90d", "--manifest", m), 0, map[string]int{"archived": 2})
	asked := w.account.Counts().Total
	if err := os.Remove(m + ".lock"); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", "file:"+m+"?_pragma=locking_mode(EXCLUSIVE)&_txlock=exclusive")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	tx, err := db.Begin() // whoever opens the manifest waits
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan result, 1)
	go func() { ended <- w.archive("--older-than", "90d", "--manifest", m, "--delete") }()
	for {
		if _, err := os.Stat(m + ".lock"); err == nil {
			break // it is opening the manifest
		}
		select {
		case r := <-ended:
			t.Fatalf("it ended with %d before it came to the manifest", r.code)
		default:
			runtime.Gosched()
		}
	}
	at := w.file("catalog")
	storagetest.FUSEAt(t, at)
	if err := errors.Join(tx.Rollback(), db.Close()); err != nil {
		t.Fatal(err)
	}
	r := <-ended
	w.want(r, 2, map[string]int{"deleted": 0})
	w.says(r, "mounted at "+at)
	w.deleted(0)
	if n := w.account.Counts().Total - asked; n != 0 || len(w.account.Recordings()) != len(all) {
		t.Errorf("%d requests to VBC", n)
	}
}
