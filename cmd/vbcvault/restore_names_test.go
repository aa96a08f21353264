package main_test

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/storagetest"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// callers adds one recording, an hour apart, for each caller.
func callers(w *world, names ...string) []vbctest.Recording {
	for i, name := range names {
		w.account.Add(vbctest.Recording{ID: int64(i + 1), Start: time.Date(2025, 5, 12, i, 0, 0, 0, time.UTC), Size: 9000,
			Extra: map[string]any{"caller_id": name, "cnam": name, "dnis": name, "call_direction": name, "call_id": name, "extensions": []string{name, name}, "file_name": name}})
	}
	return w.account.Recordings()
}

// Whatever VBC says of a call, its files lie in the directory, under names that
// every file system takes.
func TestRestoreHostileNames(t *testing.T) {
	t.Parallel()
	hostile := []string{
		"../../../etc/passwd", "/etc/passwd", `..\..\x`, "a\x00b", "a\nb", "\x1b[2J", "CON", "nul.txt", "com1", "trailing...", " spaces ", "",
		strings.Repeat("long", 200), strings.Repeat("ü", 300), "\u202egpj.exe", "Мария", "李雷", "e\u0301", "..", ".", "-rf", "a:b|c?d*e<f>g\"h", ".vbcvault-tmp-x", "~root", "$(reboot)", "%PATH%", "\xff\xfe",
	}
	for name, place := range places {
		t.Run(name, func(t *testing.T) {
			w := place(newWorld(t, vbctest.Config{}))
			all := callers(w, hostile...)
			w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": len(hostile)})
			above := t.TempDir()
			out := filepath.Join(above, "out")
			template := "{kind}/{caller_id}/{cnam}.{dnis}-{direction}-{call_id}-{extension}_{id}.mp3"
			w.want(w.retrieve(out, "--all", "--name-template", template), 0, map[string]int{"restored": len(hostile)})
			files := tree(t, above)
			if len(files) != 2*len(hostile) {
				t.Errorf("%d files", len(files))
			}
			sums := map[storage.Digest]bool{}
			for file, b := range files {
				sums[storage.SumOf(b)] = true
				if err := storage.CheckKey(file); err != nil || strings.Count(file, "/") != 3 || !strings.HasPrefix(file, "out/company/") {
					t.Errorf("%q: %v", file, err)
				}
				for element := range strings.SplitSeq(file, "/") {
					if strings.Trim(element, ". -~$%") != element || strings.EqualFold(element, "con") || strings.EqualFold(element, "com1") || len(element) > 230 {
						t.Errorf("%q in %q", element, file)
					}
				}
			}
			for _, r := range all {
				if !sums[storage.Digest(r.SHA256())] {
					t.Errorf("%q is not there", hostile[r.ID-1])
				}
			}
			w.want(w.retrieve(out, "--all", "--name-template", template), 0, map[string]int{"already_there": len(hostile)})
		})
	}
}

// Names that two recordings would share, be it on a disk that knows no case, are
// refused before anything is made.
func TestRestoreNamesCollide(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	all := callers(w, "Anna", "ANNA", "x", "x.transcript", "\u00e9", "e\u0301")
	w.account.Transcribe(3, `{"text":"Hello"}`)
	w.want(w.archive("--older-than", "90d"), 0, nil)
	for _, ids := range []string{"1,2", "3,4", "5,6"} {
		out := newOut(t)
		r := w.retrieve(out, "--id", ids, "--name-template", "{cnam}.mp3")
		if _, err := os.Stat(out); err == nil || r.code != 2 || !strings.Contains(r.stderr, "would both be") || !strings.Contains(r.stderr, "add {id}") {
			t.Errorf("%s: exit %d, or it has made something: %v", ids, r.code, err)
		}
	}
	out := newOut(t)
	w.want(w.retrieve(out, "--id", "1", "--name-template", "{cnam}.mp3"), 0, map[string]int{"restored": 1})
	w.mustBeRestored(out, "Anna", all[0])
}

// Whatever has a name already keeps it, and the others are restored.
func TestRestoreNeverOverwrites(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("it makes symbolic links")
	}
	w := newWorld(t, vbctest.Config{}).inDir()
	all := w.someRecordings(7)
	w.want(w.archive("--older-than", "90d"), 0, nil)
	out, elsewhere := t.TempDir(), t.TempDir()
	victim := filepath.Join(elsewhere, "victim")
	write := func(name string, b []byte) {
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(victim, []byte("mine"))
	for _, dir := range []string{"100001", "100002", "100003", "100004", "100007"} {
		if err := os.Mkdir(filepath.Join(out, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	same := make([]byte, all[0].Size)
	write(filepath.Join(out, "100001/a.mp3"), same)            // as long, and another
	write(filepath.Join(out, "100002/a.json"), []byte("mine")) // its sidecar's
	for link, to := range map[string]string{"100003/a.mp3": victim, "100004/a.mp3": filepath.Join(elsewhere, "new"), "100005": elsewhere} {
		if err := os.Symlink(to, filepath.Join(out, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("100007", filepath.Join(out, "100006")); err != nil { // leads nowhere out, and yet not where it says
		t.Fatal(err)
	}
	before := tree(t, elsewhere)
	for range 2 {
		r := w.retrieve(out, "--all", "--name-template", "{id}/a.mp3")
		w.want(r, 1, map[string]int{"failed": 6})
		if strings.Count(r.stderr, "already exists, and is ") != 6 || strings.Count(r.stderr, "choose another --out or --name-template") != 6 {
			t.Error("it doesn't say what is there, and what to do")
		}
	}
	if after := tree(t, elsewhere); !maps.EqualFunc(before, after, slices.Equal[[]byte]) {
		t.Errorf("elsewhere: %q", slices.Sorted(maps.Keys(after)))
	}
	files := tree(t, out)
	if string(files["100001/a.mp3"]) != string(same) || string(files["100002/a.json"]) != "mine" || files["100003/a.mp3"] != nil {
		t.Error("something was overwritten")
	}
	w.mustBeRestored(out, "100007/a", all[6])
}

// A directory of an archive's own is none to restore into, and one that isn't
// the manifest's is none to restore from.
func TestRestoreKnowsArchives(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	w.someRecordings(1)
	w.want(w.archive("--older-than", "90d"), 0, nil)
	archive := strings.TrimPrefix(w.to, "file://")
	before := storagetest.Keys(t, w.open())
	for _, out := range []string{archive, filepath.Join(archive, "account=549825"), filepath.Join(archive, "new", "dir")} {
		if r := w.retrieve(out, "--all"); r.code != 2 || !strings.Contains(r.stderr, "is inside the archive") {
			t.Errorf("%s: exit %d", out, r.code)
		}
	}
	r := w.retrieve(filepath.Dir(archive), "--all", "--name-template", filepath.Base(archive)+"/{id}.mp3")
	w.want(r, 1, map[string]int{"failed": 1})
	if after := storagetest.Keys(t, w.open()); !slices.Equal(before, after) || !strings.Contains(r.stderr, "is an archive") {
		t.Errorf("the archive has %q", after)
	}
	if err := os.Rename(archive, archive+"-unmounted"); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(archive, 0o700); err != nil {
		t.Fatal(err)
	}
	if r := w.retrieve(newOut(t), "--all"); r.code != 3 || !strings.Contains(r.stderr, "check that the right disk is mounted") {
		t.Errorf("an empty mount point: exit %d", r.code)
	}
}

// What isn't in the archive is counted, and is an error if it was asked for.
func TestRestoreStates(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	w.someRecordings(4)
	w.nth(2, isAudio, func() *vbctest.Fault { return &vbctest.Fault{Status: 404} })
	w.want(w.archive("--older-than", "90d", "--workers", "1", "--delete"), 1, map[string]int{"deleted": 3, "failed": 1})
	if r := w.erase("--id", "100001"); r.code != 0 {
		t.Fatal("not erased")
	}
	w.want(w.retrieve(newOut(t), "--all"), 0, map[string]int{"found": 4, "restored": 2, "not_archived": 2})
	for id, why := range map[string]string{"100001": "state=erased", "5": "no recording with id 5"} {
		r := w.retrieve(newOut(t), "--id", id+",100004")
		w.want(r, 1, map[string]int{"restored": 1})
		if !strings.Contains(r.stderr, why) || fmt.Sprint(r.summary["missing"]) != "["+id+"]" {
			t.Errorf("%s: %v", id, r.summary["missing"])
		}
	}
	w.want(w.retrieve(newOut(t), "--state", "erased"), 0, map[string]int{"found": 1, "restored": 0, "not_archived": 1})
	if r := w.retrieve(newOut(t), "--dnis", "0"); r.code != 0 || !strings.Contains(r.stderr, "no recording matches") {
		t.Error("it doesn't say that nothing is found")
	}
}

// What somebody has the right to have forgotten isn't handed out any more once
// that has begun.
func TestRestoreKnowsErasures(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inS3(func(op, _ string, _ *http.Request) *storagetest.S3Fault {
		if op == http.MethodDelete {
			return &storagetest.S3Fault{Status: http.StatusBadRequest, Code: "InvalidArgument"}
		}
		return nil
	})
	all := w.someRecordings(2)
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 2})
	if r := w.erase("--id", "100001"); r.code == 0 {
		t.Fatal("erased")
	}
	w.mustHold(all...) // still
	out := newOut(t)
	w.want(w.retrieve(out, "--all", "--name-template", "{id}.mp3"), 0, map[string]int{"restored": 1, "not_archived": 1})
	if files := tree(t, out); len(files) != 2 || files["100001.mp3"] != nil {
		t.Errorf("%q", slices.Sorted(maps.Keys(files)))
	}
	if r := w.run("restore", "--id", "100001", "--out", "-"); r.code != 1 || r.stdout != "" || !strings.Contains(r.stderr, "company recording 100001 is erasing") {
		t.Errorf("exit %d", r.code)
	}
}
