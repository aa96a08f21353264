package main_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/storagetest"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// places are the kinds of destinations.
var places = map[string]func(*world) *world{
	"directory": (*world).inDir,
	"bucket":    func(w *world) *world { return w.inS3(nil) },
}

// retrieve runs vbcvault restore without anything that VBC would need.
func (w *world) retrieve(out string, args ...string) result {
	w.t.Helper()
	cmd := w.command(append([]string{"restore", "--json", "--progress", "none", "--out", out}, args...)...)
	cmd.Env = slices.DeleteFunc(slices.Clone(cmd.Env), func(kv string) bool { return strings.HasPrefix(kv, "VBC_") })
	return w.finish(cmd)
}

// newOut is a directory that isn't there yet.
func newOut(t *testing.T) string { return filepath.Join(t.TempDir(), "out") }

// tree reads all files below a directory, by their names with slashes.
func tree(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, p)
		if err == nil && d.Type().IsRegular() {
			files[filepath.ToSlash(name)], err = os.ReadFile(p)
		} else if err == nil {
			files[filepath.ToSlash(name)] = nil
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// mustBeRestored fails unless the recording's audio is there as VBC had it, and
// its sidecar as the archive has it, with the time of the call.
func (w *world) mustBeRestored(dir, stem string, r vbctest.Recording) {
	w.t.Helper()
	name := filepath.Join(dir, stem+".mp3")
	b, err := os.ReadFile(name)
	if err != nil || storage.SumOf(b) != storage.Digest(r.SHA256()) {
		w.t.Errorf("%s: %d bytes, %v; want the recording's %d", stem, len(b), err, r.Size)
		return
	}
	sidecar, err := os.ReadFile(filepath.Join(dir, stem+".json"))
	if err != nil || !bytes.Equal(sidecar, w.read(key(r, "json"))) {
		w.t.Errorf("%s: its sidecar: %v", stem, err)
	}
	info, err := os.Stat(name)
	if err != nil || !info.ModTime().Equal(r.Start) || runtime.GOOS != "windows" && info.Mode() != 0o600 {
		w.t.Errorf("%s: %v, of %v; want %v", stem, info.Mode(), info.ModTime(), r.Start)
	}
}

// What was archived comes back as VBC had it, deleted there or not, and neither
// VBC nor the archive nor the manifest notices.
func TestRestore(t *testing.T) {
	t.Parallel()
	for name, place := range places {
		t.Run(name, func(t *testing.T) {
			w := place(newWorld(t, vbctest.Config{Users: []int64{745249}}))
			all := w.someRecordings(5)
			w.account.Add(vbctest.Recording{Kind: vbctest.OnDemand, ID: 100001, Start: all[0].Start.Add(time.Second)}, // an id that is given twice
				vbctest.Recording{ID: 7, Start: all[0].Start, Size: 11 << 20}) // in parts
			w.account.Transcribe(100002, `{"text":"good morning"}`)
			w.account.Transcribe(100003, "good night")
			all = w.account.Recordings()
			w.want(w.archive("--older-than", "90d", "--kind", "company,on-demand", "--users", "all", "--delete"), 0, map[string]int{"deleted": 7, "transcripts": 2})
			manifest, keys := w.manifestFile(), storagetest.Keys(t, w.open())
			w.account.ResetCounts()
			out := newOut(t)
			w.want(w.retrieve(out, "--all"), 0, map[string]int{"found": 7, "restored": 7, "already_there": 0, "failed": 0, "files": 16})
			files := tree(t, out)
			for _, r := range all {
				for file := range files {
					if s, ok := strings.CutSuffix(file, fmt.Sprintf("_%d.mp3", r.ID)); ok && strings.HasPrefix(s, r.Start.Format("20060102T150405Z_")) {
						w.mustBeRestored(out, strings.TrimSuffix(file, ".mp3"), r)
					}
				}
			}
			said := map[string]bool{}
			for file, text := range files {
				if strings.Contains(file, ".transcript.") {
					said[filepath.Ext(file)+string(text)] = true
				}
			}
			if len(files) != 16 || !said[`.json{"text":"good morning"}`] || !said[".txtgood night"] {
				t.Errorf("%d files, transcripts %v", len(files), said)
			}
			if w.proxy != nil {
				w.proxy.Reset()
			}
			w.want(w.retrieve(out, "--all"), 0, map[string]int{"restored": 0, "already_there": 7, "files": 0, "bytes": 0})
			if w.proxy != nil && w.proxy.Count("") != 0 {
				t.Errorf("%d requests for what is there", w.proxy.Count(""))
			}
			if err := os.Remove(filepath.Join(out, slices.Sorted(maps.Keys(files))[0])); err != nil {
				t.Fatal(err)
			}
			w.want(w.retrieve(out, "--all"), 0, map[string]int{"restored": 1, "already_there": 6, "files": 1})
			if !bytes.Equal(manifest, w.manifestFile()) || !slices.Equal(keys, storagetest.Keys(t, w.open())) || len(w.account.Counts().ByKind) != 0 {
				t.Errorf("the manifest or the archive has changed, or VBC was asked: %v", w.account.Counts().ByKind)
			}
		})
	}
}

// manifestFile is the manifest's own file.
func (w *world) manifestFile() []byte {
	w.t.Helper()
	b, err := os.ReadFile(w.manifest())
	if err != nil {
		w.t.Fatal(err)
	}
	return b
}

// Killed in the middle, it goes on when it is said again, and leaves nothing
// unfinished behind.
func TestRestoreGoesOn(t *testing.T) {
	t.Parallel()
	const n = 12
	for name, place := range places {
		t.Run(name, func(t *testing.T) {
			var kill atomic.Pointer[func()]
			var gets atomic.Int64
			w := newWorld(t, vbctest.Config{})
			if name == "bucket" {
				w.inS3(func(op, _ string, _ *http.Request) *storagetest.S3Fault {
					if k := kill.Load(); k != nil && op == "GetObject" && gets.Add(1) == n {
						(*k)()
						return &storagetest.S3Fault{Reset: true}
					}
					return nil
				})
			} else {
				place(w)
			}
			for i := range int64(n) {
				w.account.Add(vbctest.Recording{ID: i + 1, Start: time.Now().UTC().Truncate(time.Second).AddDate(-1, 0, 0), Size: 2 << 20})
			}
			all := w.account.Recordings()
			w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": n})
			out, ended := newOut(t), make(chan struct{})
			for tries := 1; ; tries++ {
				cmd := w.command("restore", "--all", "--out", out, "--workers", "2", "--name-template", "{id}/call.mp3")
				once := func() { w.signal(cmd, syscall.SIGKILL) }
				if name == "bucket" {
					kill.Store(&once)
					close(ended)
				} else { // nobody is asked: kill it once there is something
					go func() {
						defer close(ended)
						for {
							if found, _ := filepath.Glob(filepath.Join(out, "*", "call.mp3")); len(found) > 4 {
								_ = w.process(cmd).Kill() // else it was faster
								return
							}
							runtime.Gosched()
						}
					}()
				}
				r := w.finish(cmd)
				if r.code == -1 {
					break
				}
				if r.code != 0 || name == "bucket" || tries == 20 {
					t.Fatalf("it wasn't killed: exit %d", r.code)
				}
				<-ended
				out, ended = newOut(t), make(chan struct{})
			}
			<-ended
			kill.Store(nil)
			before := tree(t, out)
			for file := range before {
				if base := filepath.Base(file); base != "call.mp3" && base != "call.json" && !strings.HasPrefix(base, ".vbcvault-tmp-") {
					t.Errorf("it has left %s", file)
				}
			}
			// One that was killed in the middle of its first file.
			if err := os.MkdirAll(filepath.Join(out, "3"), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(out, "3", ".vbcvault-tmp-0b1c"), []byte("half"), 0o600); err != nil {
				t.Fatal(err)
			}
			r := w.retrieve(out, "--all", "--name-template", "{id}/call.mp3")
			w.want(r, 0, map[string]int{"found": n, "failed": 0})
			if there := r.summary["already_there"].(float64); there == 0 || there == n {
				t.Errorf("%v of %d were there", there, n)
			}
			if after := tree(t, out); len(after) != 2*n {
				t.Errorf("%v", slices.Sorted(maps.Keys(after)))
			}
			for _, rec := range all {
				w.mustBeRestored(out, fmt.Sprintf("%d/call", rec.ID), rec)
			}
		})
	}
}

// A signal ends it cleanly, and it goes on.
func TestRestoreIsInterrupted(t *testing.T) {
	t.Parallel()
	var stop atomic.Pointer[func()]
	var gets atomic.Int64
	w := newWorld(t, vbctest.Config{}).inS3(func(op, _ string, _ *http.Request) *storagetest.S3Fault {
		if s := stop.Load(); s != nil && op == "GetObject" && gets.Add(1) >= 5 { // and nothing is answered any more
			(*s)()
			return &storagetest.S3Fault{Reset: true}
		}
		return nil
	})
	all := w.someRecordings(6)
	w.want(w.archive("--older-than", "90d"), 0, nil)
	out := newOut(t)
	cmd := w.command("restore", "--all", "--json", "--out", out, "--workers", "1")
	var once sync.Once // a second signal would end it at once
	term := func() { once.Do(func() { w.signal(cmd, syscall.SIGTERM) }) }
	stop.Store(&term)
	w.want(w.finish(cmd), 130, map[string]int{"restored": 2, "exit_code": 130})
	stop.Store(nil)
	if files := tree(t, out); len(files) != 4 {
		t.Errorf("%v", slices.Sorted(maps.Keys(files)))
	}
	w.want(w.retrieve(out, "--all"), 0, map[string]int{"restored": 4, "already_there": 2})
	for file := range tree(t, out) {
		for _, r := range all {
			if s, ok := strings.CutSuffix(file, fmt.Sprintf("_%d.mp3", r.ID)); ok {
				w.mustBeRestored(out, fmt.Sprintf("%s_%d", s, r.ID), r)
			}
		}
	}
}

// It may run while archive does, and takes what is proven by then.
func TestRestoreDuringARun(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	w.someRecordings(4)
	w.nth(4, isAudio, func() *vbctest.Fault {
		r := w.retrieve(newOut(t), "--all")
		if found := r.summary["restored"].(float64) + r.summary["not_archived"].(float64); r.code != 0 || found != 4 {
			t.Errorf("exit %d, %v of 4", r.code, found)
		}
		return nil
	})
	w.want(w.archive("--older-than", "90d", "--workers", "1"), 0, map[string]int{"archived": 4})
}

// What isn't what was archived doesn't get a name, and keeps nothing else from
// being restored.
func TestDamagedCopyIsNotRestored(t *testing.T) {
	t.Parallel()
	for name, place := range places {
		t.Run(name, func(t *testing.T) {
			w := place(newWorld(t, vbctest.Config{}))
			all := w.someRecordings(4)
			w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 4})
			w.flip(key(all[0], "mp3"))
			w.flip(key(all[1], "json"))
			w.remove(key(all[2], "mp3"))
			out := newOut(t)
			if w.proxy != nil {
				w.proxy.Reset()
			}
			r := w.retrieve(out, "--all", "--name-template", "{id}.mp3")
			w.want(r, 1, map[string]int{"restored": 1, "failed": 3})
			if w.proxy != nil && w.proxy.Count("") != 8 {
				t.Errorf("%d requests for 8 objects: what is damaged stays so", w.proxy.Count(""))
			}
			for _, lost := range []string{key(all[0], "mp3") + " is damaged", key(all[1], "json") + " is damaged", key(all[2], "mp3") + ": no such object"} {
				if !strings.Contains(r.stderr, lost) {
					t.Errorf("it doesn't say that %s", lost)
				}
			}
			if strings.Count(r.stderr, "vbcvault verify") != 3 {
				t.Error("it doesn't say what to do")
			}
			files := tree(t, out)
			if files["100001.mp3"] != nil || files["100002.json"] != nil || files["100003.mp3"] != nil || len(files) != 5 {
				t.Errorf("%v", slices.Sorted(maps.Keys(files)))
			}
			w.mustBeRestored(out, "100004", all[3])
		})
	}
}

// A download that breaks off is tried again.
func TestBrokenDownloadIsRestored(t *testing.T) {
	t.Parallel()
	var cut sync.Map
	var cuts atomic.Int64
	w := newWorld(t, vbctest.Config{}).inS3(func(op, key string, _ *http.Request) *storagetest.S3Fault {
		if op == "GetObject" && strings.HasSuffix(key, ".mp3") {
			if _, again := cut.LoadOrStore(key, true); !again {
				cuts.Add(1)
				return &storagetest.S3Fault{CutAfter: 5000}
			}
		}
		return nil
	})
	all := w.someRecordings(2)
	w.want(w.archive("--older-than", "90d"), 0, nil)
	out := newOut(t)
	w.want(w.retrieve(out, "--all", "--name-template", "{id}.mp3"), 0, map[string]int{"restored": 2, "files": 4})
	if n := cuts.Load(); n != 2 {
		t.Errorf("%d broke off", n)
	}
	for _, r := range all {
		w.mustBeRestored(out, fmt.Sprint(r.ID), r)
	}
}
