package main_test

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// change changes a manifest as an intruder would.
func (w *world) change(statement string) {
	w.t.Helper()
	db, err := sql.Open("sqlite", w.manifest())
	if err != nil {
		w.t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(statement); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) manifest() string {
	w.t.Helper()
	found, err := filepath.Glob(filepath.Join(w.state, "*.manifest"))
	if err != nil || len(found) != 1 {
		w.t.Fatalf("%q, %v", found, err)
	}
	return found[0]
}

// Each purge leaves an intent and an outcome, in the manifest and beside the
// archive. Whatever is changed, removed or slipped in is found and named.
func TestReceiptsAreAChain(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		w.account.Add(vbctest.Recording{ID: 1, Start: time.Now().AddDate(-1, 0, 0).Truncate(time.Second), Extra: map[string]any{"file_name": "secret caller.mp3", "caller_id": "+15550100"}})
		w.someRecordings(4)
		w.want(w.archive("--older-than", "90d", "--delete", "--max-deletes", "2"), 0, map[string]int{"deleted": 2})
		w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 3})
		if got := w.receipts(); len(got) != 2 {
			t.Fatalf("%q", got)
		}
		for _, k := range w.receipts() {
			body := w.read(k)
			if bytes.Contains(body, []byte("secret caller")) || bytes.Contains(body, []byte("5550100")) {
				t.Errorf("a caller's data is in the receipts: %s", body)
			}
			if !bytes.Contains(body, []byte(`"proof":"`)) || !bytes.Contains(body, []byte(`"destination":"`+w.to+`"`)) || !bytes.Contains(body, []byte(`"status":204`)) {
				t.Errorf("it doesn't say where the copy is, how it was proven, or what VBC answered: %s", body)
			}
			lines := bytes.Split(bytes.TrimSpace(body), []byte("\n"))
			head := storage.SumOf(lines[len(lines)-2]) // behind it is the checkpoint
			if !strings.Contains(k, head.String()) {
				t.Errorf("%s doesn't carry the chain's head %s", k, head)
			}
		}
		r := w.run("audit", "--json")
		var a struct {
			Entries, Deleted, Open, Stored int
			Bytes                          int64
		}
		if err := json.Unmarshal([]byte(r.stdout), &a); err != nil || r.code != 0 || a.Entries != 10 || a.Deleted != 5 || a.Open != 0 || a.Stored != 10 || a.Bytes == 0 {
			t.Errorf("exit %d, %+v, %v", r.code, a, err)
		}
		if r := w.run("audit"); r.code != 0 || !strings.Contains(r.stdout, "The chain is intact.") || !strings.Contains(r.stdout, "account      549825") {
			t.Errorf("the report, exit %d", r.code)
		}
		if r := w.run("manifest", "check"); r.code != 0 {
			t.Errorf("check: exit %d", r.code)
		}
		saved := w.backup()
		for name, c := range map[string]struct{ statement, want string }{
			"changed":    {`UPDATE receipt SET entry = replace(entry, '"deleted"', '"not there"') WHERE seq = 4`, "entry 5: "},
			"removed":    {`DELETE FROM receipt WHERE seq = 3`, "entry 3: "},
			"slipped in": {`INSERT INTO receipt SELECT 11, entry FROM receipt WHERE seq = 10`, "entry 11: "},
			"cut off":    {`DELETE FROM receipt WHERE seq > 6`, "entries 7 to 10 of its log were stored"},
		} {
			w.change(c.statement)
			r := w.run("audit")
			if r.code != 1 || !strings.Contains(r.stdout, c.want) {
				t.Errorf("%s: exit %d", name, r.code)
			}
			w.restore(saved)
		}
		if dir, ok := strings.CutPrefix(w.to, "file://"); ok {
			if err := os.Remove(filepath.Join(dir, w.receipts()[0])); err != nil {
				t.Fatal(err)
			}
			if r := w.run("audit"); r.code != 1 || !strings.Contains(r.stdout, "are missing") {
				t.Errorf("a removed object: exit %d", r.code)
			}
			if r := w.run("audit", "--offline"); r.code != 0 {
				t.Errorf("offline: exit %d", r.code)
			}
		}
	}, vbctest.Config{})
}

// backup copies the manifest, and returns where to.
func (w *world) backup() string {
	w.t.Helper()
	saved := filepath.Join(w.t.TempDir(), "saved.manifest")
	if r := w.run("manifest", "backup", saved); r.code != 0 {
		w.t.Fatal(r.stderr)
	}
	return saved
}

// restore puts a backup in the manifest's place.
func (w *world) restore(saved string) {
	w.t.Helper()
	path := w.manifest()
	text, err := os.ReadFile(saved)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, end := range []string{"-wal", "-shm"} {
		_ = os.Remove(path + end)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// A manifest restored from an older copy: of recordings that it holds for
// listed only, others that it holds for archived, and that are all purged
// since. Nothing is lost, nothing called lost, and the receipts go on.
func TestRestoredOlderManifest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	all := w.someRecordings(10)
	w.account.Transcribe(all[9].ID, plain)
	if r := w.signalled(syscall.SIGKILL, isAudio, 6, false, "--older-than", "90d", "--workers", "1"); r.code != -1 {
		t.Fatalf("it wasn't killed: exit %d", r.code)
	}
	saved := w.backup()
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 10})
	w.restore(saved)
	w.account.Add(vbctest.Recording{ID: 1, Start: all[0].Start.Add(-time.Hour)})
	before := len(w.account.Deleted())
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"failed": 0})
	if n := len(w.account.Deleted()); n != before+1 {
		t.Errorf("%d were deleted, want the new one", n-before)
	}
	w.mustHold(all...)
	if r := w.run("status"); strings.Contains(r.stdout, "gone") || !strings.Contains(r.stdout, "purged  11") {
		t.Error("what is archived was called gone")
	}
	if r := w.run("audit"); r.code != 0 {
		t.Errorf("audit: exit %d", r.code)
	}
	if keys := w.keys(); len(keys) != 23 {
		t.Errorf("%d objects for 11 recordings and a transcript", len(keys))
	}
	if !bytes.Contains(w.manifestFiles(), []byte(key(all[9], "transcript.txt"))) {
		t.Error("the manifest doesn't know the transcript")
	}
}

// A backup while a run goes on is whole, and never overwrites.
func TestBackupDuringARun(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	w.someRecordings(10)
	saved := filepath.Join(t.TempDir(), "saved")
	done := false
	w.account.Inject(func(r *http.Request) *vbctest.Fault {
		if isAudio(r) && !done {
			done = true
			if r := w.run("manifest", "backup", saved, "--manifest", w.manifest()); r.code != 0 {
				t.Errorf("backup: exit %d", r.code)
			}
		}
		return nil
	})
	w.want(w.archive("--older-than", "90d", "--workers", "1"), 0, map[string]int{"archived": 10})
	if r := w.run("manifest", "check", "--manifest", saved); r.code != 0 || !done {
		t.Errorf("check: exit %d", r.code)
	}
	if r := w.run("manifest", "backup", saved, "--manifest", w.manifest()); r.code != 2 {
		t.Errorf("over an existing file: exit %d", r.code)
	}
	if err := os.WriteFile(saved, []byte("SQLite format 3\x00 and then nothing of the kind"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := w.run("manifest", "check", "--manifest", saved); r.code == 0 {
		t.Error("a broken file passes")
	}
}

// Verify finds what is damaged or missing. Where VBC has the recording still,
// the next run stores it anew; where it hasn't, that is said loudly.
func TestVerifyTheArchive(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	all := w.someRecordings(8)
	dir := strings.TrimPrefix(w.to, "file://")
	w.want(w.archive("--older-than", "90d", "--delete", "--max-deletes", "4"), 0, map[string]int{"deleted": 4})
	if r := w.run("verify", "--json"); r.code != 0 || r.summary["whole"] != 8.0 {
		t.Fatalf("exit %d", r.code)
	}
	gone := slices.DeleteFunc(slices.Clone(all), func(r vbctest.Recording) bool { return w.account.Has(r.Kind, r.User, r.ID) })
	kept := w.account.Recordings()
	lost := filepath.Join(dir, key(gone[0], "mp3"))
	if err := os.Rename(lost, lost+".away"); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, key(kept[0], "json"))); err != nil {
		t.Fatal(err)
	}
	r := w.run("verify", "--deep", "--json")
	w.want(r, 1, map[string]int{"checked": 8, "whole": 6, "damaged": 1, "lost": 1})
	if !strings.Contains(r.stderr, "LOST") {
		t.Error("it isn't said loudly")
	}
	if r := w.run("status"); !strings.Contains(r.stdout, "LOST unless another copy exists") {
		t.Error("status doesn't list it")
	}
	w.want(w.archive("--older-than", "90d"), 0, map[string]int{"failed": 0})
	if err := os.Rename(lost+".away", lost); err != nil {
		t.Fatal(err)
	}
	w.want(w.run("verify", "--json"), 0, map[string]int{"whole": 8, "damaged": 0, "lost": 0})
	if r := w.run("status"); strings.Contains(r.stdout, "LOST") {
		t.Error("status still lists what was found whole again")
	}
	for _, bad := range []string{"0/3", "4/3", "1/0", "x", "1/99999"} {
		if r := w.run("verify", "--sample", bad); r.code != 2 {
			t.Errorf("--sample %s: exit %d", bad, r.code)
		}
	}
	if r := w.run("verify", "--sample", "8/8", "--json"); r.summary["checked"] != 8.0 {
		t.Error("eight eighths are not everything")
	}
	w.mustHold(all...)
}

// A server's own checksum says nothing about its disk: --deep reads.
func TestVerifyDeep(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inS3(nil)
	all := w.someRecordings(3)
	w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 3})
	w.flip(key(all[1], "mp3"))
	w.want(w.run("verify", "--json"), 0, map[string]int{"whole": 3})
	w.want(w.run("verify", "--deep", "--json"), 1, map[string]int{"whole": 2, "damaged": 1})
}
