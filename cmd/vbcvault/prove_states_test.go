package main_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/storage/storagetest"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// A recording that is still at VBC has no receipt: one is added, once, and stored
// beside the archive, signed.
func TestProofOfACopyWithoutReceipts(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		all := w.someRecordings(3)
		w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 3})
		w.account.ResetCounts()
		p := w.prove("--id", "100001") // the only entry of its log: there is no path
		if st := p.convinces("archived"); st.Logs[0].Size != 1 || !strings.Contains(st.Summary, "No receipt says that the recording was deleted at VBC") {
			t.Errorf("%+v", st)
		}
		if n := w.account.Counts().Total; n != 0 {
			t.Errorf("%d requests to VBC", n)
		}
		for range 2 {
			if st := w.prove("--id", "100002").convinces("archived"); st.Logs[0].Size != 2 {
				t.Errorf("%+v", st)
			}
		}
		p.convinces("archived") // whatever the log has got since
		w.want(w.run("audit", "--json"), 0, map[string]int{"entries": 2, "stored": 2})
		w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 3})
		w.prove("--id", "100001").convinces("archived", "intent", "outcome")
		w.prove("--id", "100003").convinces("intent", "outcome")
		w.want(w.run("audit", "--json"), 0, map[string]int{"entries": 8})
		w.mustHold(all...)
	}, vbctest.Config{})
}

// While a run goes on, what it has deleted is proven, though its receipts lie
// nowhere but in the manifest yet; nothing can be added about what is archived only.
func TestProofDuringARun(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	w.someRecordings(4)
	w.want(w.archive("--older-than", "90d", "--delete", "--workers", "1", "--max-deletes", "1"), 0, map[string]int{"archived": 4, "deleted": 1})
	w.hold(append([]string{"add", "--id", "100004"}, byCounsel...)...)
	var p proofDir
	w.nth(2, isDelete, func() *vbctest.Fault {
		p = w.prove("--id", "100002")
		out := filepath.Join(t.TempDir(), "proof")
		r := w.run("prove", "--id", "100004", "--out", out)
		if r.code != 3 || !strings.Contains(r.stderr, "another run of vbcvault is using the manifest") {
			t.Errorf("a receipt is added beside a run: exit %d", r.code)
		}
		if left, _ := filepath.Glob(out + "*"); len(left) != 0 {
			t.Errorf("it leaves %q", left)
		}
		return nil
	})
	w.want(w.archive("--older-than", "90d", "--delete", "--workers", "1"), 0, map[string]int{"deleted": 2, "skipped": 1})
	p.convinces("intent", "outcome")
	w.prove("--id", "100004").convinces("hold", "archived")
}

// What was erased has a proof that says so, without audio.
func TestProofOfAnErasure(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inVersionedS3(nil)
	w.someRecordings(2)
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 2})
	if r := w.erase("--id", "100001"); r.code != 0 {
		t.Fatal("not erased")
	}
	p := w.prove("--id", "100001")
	st := p.convinces("intent", "outcome", "erasing", "erased")
	if !st.Erased || len(st.Copy) != 0 || !strings.Contains(st.Summary, "erased from the archive, on request") {
		t.Errorf("%+v", st)
	}
	if strings.Contains(string(p.read("index.html")), "Jane") {
		t.Error("the page has the reason")
	}
	p.add("20250101T000000Z_100001.mp3", "audio")
	if r, _ := p.check(); r.code != 1 || !strings.Contains(r.stderr, "20250101T000000Z_100001.mp3") {
		t.Errorf("audio of what was erased: exit %d", r.code)
	}
}

// Of several recordings that have had the same id, each has its own proof.
func TestProofOfAnIDGivenTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	start := time.Now().UTC().Truncate(time.Second).AddDate(-1, 0, 0)
	both := []vbctest.Recording{{ID: 7, Start: start, Size: 20000}, {ID: 7, Start: start.Add(time.Hour), Size: 30000}}
	for _, r := range both {
		w.account.Add(r)
		w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 1})
	}
	out := filepath.Join(t.TempDir(), "proof")
	r := w.run("prove", "--id", "7", "--out", out)
	if r.code != 3 || !strings.Contains(r.stderr, both[1].Start.Format(time.RFC3339)) || !strings.Contains(r.stderr, "--start") {
		t.Errorf("it doesn't ask which: exit %d", r.code)
	}
	for _, rec := range both {
		st := w.prove("--id", "7", "--start", rec.Start.Format(time.RFC3339)).convinces("intent", "outcome")
		if st.Copy[0].Name != filepath.Base(key(vbctest.Recording{Kind: vbctest.Company, ID: 7, Start: rec.Start}, "mp3")) {
			t.Errorf("%+v", st)
		}
	}
	for args, code := range map[string]int{"--id 8": 2, "--id 7 --kind on-demand --user 745249": 2, "--id 7 --kind on-demand": 2, "": 2, "--id 7 --start 2020-01-01": 3} {
		if r := w.run(append([]string{"prove", "--out", out}, strings.Fields(args)...)...); r.code != code {
			t.Errorf("%s: exit %d", args, r.code)
		}
	}
	if _, err := os.Lstat(out); err == nil {
		t.Error("something was written")
	}
}

// A copy that isn't what its receipt says has no proof, and leaves nothing behind.
func TestProofOfADamagedCopy(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		all := w.someRecordings(4)
		w.account.Transcribe(all[2].ID, plain)
		w.want(w.archive("--older-than", "90d", "--delete", "--workers", "1", "--max-deletes", "3"), 0, map[string]int{"deleted": 3})
		w.flip(key(all[0], "mp3"))
		w.flip(key(all[1], "json"))
		w.remove(key(all[2], "transcript.txt"))
		w.flip(key(all[3], "mp3"))
		for i, ending := range []string{"mp3", "json", "transcript.txt", "mp3"} {
			out := filepath.Join(t.TempDir(), "proof")
			r := w.run("prove", "--id", []string{"100001", "100002", "100003", "100004"}[i], "--out", out)
			if r.code != 1 || !strings.Contains(r.stderr, key(all[i], ending)) || !strings.Contains(r.stderr, "vbcvault verify --deep") {
				t.Errorf("%s: exit %d", ending, r.code)
			}
			if left, _ := filepath.Glob(out + "*"); len(left) != 0 {
				t.Errorf("it leaves %q", left)
			}
		}
		w.want(w.run("audit", "--json"), 0, map[string]int{"entries": 6})
	}, vbctest.Config{})
}

// What lies in cold storage is not asked for.
func TestProofFromColdStorage(t *testing.T) {
	t.Parallel()
	w, g, all := newGlacier(t, "GLACIER", "")
	r := w.run("prove", "--id", "100001", "--out", filepath.Join(t.TempDir(), "proof"))
	if r.code != 1 || !strings.Contains(r.stderr, "cold storage") || !strings.Contains(r.stderr, "vbcvault restore --id 100001 --thaw") || len(g.requests()) != 0 {
		t.Errorf("exit %d", r.code)
	}
	g.set("ready", key(all[0], "mp3"))
	w.prove("--id", "100001").convinces("intent", "outcome")
}

// A manifest that was made anew knows what the lost one's log says, where somebody has
// said that its key is to be trusted; it vouches for nothing that nobody has signed.
func TestProofWithARebuiltManifest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inS3(nil)
	w.someRecordings(3)
	w.want(w.archive("--older-than", "90d", "--delete", "--workers", "1", "--max-deletes", "2"), 0, map[string]int{"deleted": 2})
	lost := w.key()
	w.remade()
	for _, id := range []string{"100001", "100003"} {
		r := w.run("prove", "--id", id, "--out", filepath.Join(t.TempDir(), "proof"))
		if r.code != 1 || !strings.Contains(r.stderr, "no signed receipt vouches for it") {
			t.Errorf("%s: exit %d", id, r.code)
		}
	}
	w.change("INSERT INTO trusted (verifier, reason, by, at) VALUES ('" + lost + "', 'lost', 'me', 0)")
	p := w.prove("--id", "100001")
	if r, _ := p.check(); r.code != 1 || !strings.Contains(r.stderr, "/checkpoint: no key that you have given has signed it") {
		t.Errorf("with the new manifest's key alone: exit %d", r.code)
	}
	p.key = lost
	p.convinces("intent", "outcome")
	w.change("UPDATE recording SET unvouched = 0") // as a run leaves what it has compared with VBC's
	w.prove("--id", "100003").convinces("archived")
}

// remade loses manifest and key, and makes a manifest anew, with a new key.
func (w *world) remade() {
	w.t.Helper()
	file := w.manifest() + ".key"
	w.loseAll()
	_ = os.Remove(file) // it may be gone with the manifest
	if r := w.run("rebuild", "--from", w.to, "--json"); r.code > 1 {
		w.t.Fatal("rebuild")
	}
}

// A manifest that was made anew with the key of the lost one knows its log without
// being told.
func TestProofWithTheSameKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	w.someRecordings(2)
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 2})
	file := w.manifest() + ".key"
	secret, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	w.loseAll()
	if err := os.WriteFile(file, secret, 0o600); err != nil {
		t.Fatal(err)
	}
	if r := w.run("rebuild", "--from", w.to, "--json"); r.code > 1 {
		t.Fatal("rebuild")
	}
	w.prove("--id", "100001").convinces("intent", "outcome")
}

// Without the key, what is stored and signed is proven, and nothing else.
func TestProofWithoutTheKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	w.someRecordings(2)
	w.want(w.archive("--older-than", "90d", "--delete", "--workers", "1", "--max-deletes", "1"), 0, map[string]int{"deleted": 1})
	file, key := w.manifest()+".key", w.key()
	secret, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	p := proofDir{w, filepath.Join(t.TempDir(), "proof"), key}
	w.nth(1, isDelete, func() *vbctest.Fault { // the second's receipts are not stored yet
		if err := os.Remove(file); err != nil {
			t.Error(err)
		}
		if r := w.run("prove", "--id", "100001", "--out", p.dir); r.code != 0 {
			t.Errorf("what is signed: exit %d", r.code)
		}
		r := w.run("prove", "--id", "100002", "--out", filepath.Join(t.TempDir(), "proof"))
		if r.code != 3 || !strings.Contains(r.stderr, key) || !strings.Contains(r.stderr, "not signed yet") {
			t.Errorf("what isn't: exit %d", r.code)
		}
		if err := os.WriteFile(file, secret, 0o600); err != nil {
			t.Error(err)
		}
		return nil
	})
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 1})
	p.convinces("intent", "outcome")
}

// What a bucket says behind the last signature of another log proves nothing.
func TestProofOfAnUnsignedEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	w.someRecordings(2)
	for range 2 {
		w.want(w.archive("--older-than", "90d", "--delete", "--workers", "1", "--max-deletes", "1"), 0, map[string]int{"deleted": 1})
	}
	signed, unsigned := fmt.Sprint(w.account.Deleted()[0].ID), fmt.Sprint(w.account.Deleted()[1].ID)
	lost := w.key()
	bundles := slices.DeleteFunc(w.receipts(), func(key string) bool { return !strings.HasSuffix(key, ".jsonl") })
	last := w.file(bundles[len(bundles)-1])
	text, err := os.ReadFile(last)
	if err != nil {
		t.Fatal(err)
	}
	at := strings.LastIndex(strings.TrimSuffix(string(text), "\n"), "\n")
	if err := os.WriteFile(last, text[:at+1], 0o600); err != nil {
		t.Fatal(err)
	}
	w.remade()
	w.change("UPDATE recording SET unvouched = 1")
	w.change("INSERT INTO trusted (verifier, reason, by, at) VALUES ('" + lost + "', 'lost', 'me', 0)")
	p := w.prove("--id", signed)
	p.key = lost
	p.convinces("intent", "outcome")
	r := w.run("prove", "--id", unsigned, "--out", filepath.Join(t.TempDir(), "proof"))
	if r.code != 1 || !strings.Contains(r.stderr, "no signed receipt vouches for it") {
		t.Errorf("what nobody has signed: exit %d", r.code)
	}
}

// A copy that may be another recording's is not vouched for.
func TestProofOfADoubtedCopy(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	w.someRecordings(1)
	w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 1})
	w.change("UPDATE recording SET alike = 1")
	r := w.run("prove", "--id", "100001", "--out", filepath.Join(t.TempDir(), "proof"))
	if r.code != 1 || !strings.Contains(r.stderr, "another recording has the same audio") {
		t.Errorf("exit %d", r.code)
	}
	w.want(w.run("audit", "--json"), 0, map[string]int{"entries": 0})
}

// A manifest that was restored from before a deletion learns of it first.
func TestProofWithARestoredManifest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	w.someRecordings(2)
	w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 2})
	saved := w.backup()
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 2})
	w.restore(saved)
	w.prove("--id", "100001").convinces("intent", "outcome")
	w.want(w.run("audit", "--json"), 0, map[string]int{"entries": 4, "stored": 4})
}

// A manifest that says something else than its receipts proves nothing.
func TestProofOfAChangedManifest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	w.someRecordings(2)
	w.want(w.archive("--older-than", "90d", "--delete", "--workers", "1"), 0, map[string]int{"deleted": 2})
	saved := w.backup()
	for name, statement := range map[string]string{
		"another's audio":    "UPDATE recording SET audio = (SELECT audio FROM recording WHERE id = 100002) WHERE id = 100001",
		"a changed receipt":  `UPDATE receipt SET entry = replace(entry, '"deleted"', '"not there"') WHERE seq = 2`,
		"the last's content": `UPDATE receipt SET entry = replace(entry, '"status":204', '"status":200') WHERE seq = 4`,
		"a missing receipt":  "DELETE FROM receipt WHERE seq = 4",
	} {
		w.change(statement)
		out := filepath.Join(t.TempDir(), "proof")
		if r := w.run("prove", "--id", "100001", "--out", out); r.code != 1 && r.code != 3 || !strings.Contains(r.stderr, "vbcvault audit") {
			t.Errorf("%s: exit %d", name, r.code)
		}
		if _, err := os.Lstat(out); err == nil {
			t.Errorf("%s: it is written", name)
		}
		w.restore(saved)
	}
}

// A proof comes into being whole, in a place of its own.
func TestProofNeedsANewDirectory(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	w.someRecordings(1)
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 1})
	out := filepath.Join(t.TempDir(), "proof")
	put := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(filepath.Join(out, "mine.txt"), "mine")
	if r := w.run("prove", "--id", "100001", "--out", out); r.code != 2 || !strings.Contains(r.stderr, "is not empty") {
		t.Errorf("into a directory that isn't empty: exit %d", r.code)
	}
	if err := os.Remove(filepath.Join(out, "mine.txt")); err != nil {
		t.Fatal(err)
	}
	foreign := filepath.Join(out+".unfinished", "letter.txt")
	put(foreign, "dear reader")
	if r := w.run("prove", "--id", "100001", "--out", out); r.code != 2 || !strings.Contains(r.stderr, "letter.txt") {
		t.Errorf("beside somebody else's directory: exit %d", r.code)
	}
	if _, err := os.Stat(foreign); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(foreign, filepath.Join(filepath.Dir(foreign), "index.html")); err != nil {
		t.Fatal(err)
	}
	put(filepath.Join(out+".unfinished", "receipts", "ABC", "000000000001.json"), "what a crash has left")
	put(filepath.Join(out+".unfinished", ".vbcvault-tmp-1"), "what a crash has left")
	if r := w.run("prove", "--id", "100001", "--out", out); r.code != 0 { // which is empty
		t.Errorf("after a crash: exit %d", r.code)
	}
	proofDir{w, out, w.key()}.convinces("intent", "outcome")
	if left, _ := filepath.Glob(out + ".*"); len(left) != 0 {
		t.Errorf("it leaves %q", left)
	}
	if err := filepath.WalkDir(out, func(path string, d fs.DirEntry, err error) error {
		info, e := d.Info()
		if err != nil || e != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v, %v, %v: others may read it", path, info.Mode(), err, e)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	inside := filepath.Join(strings.TrimPrefix(w.to, "file://"), "proof")
	if r := w.run("prove", "--id", "100001", "--out", inside); r.code != 2 || slices.ContainsFunc(storagetest.Keys(t, w.open()), func(k string) bool { return strings.HasPrefix(k, "proof") }) {
		t.Errorf("into the archive: exit %d", r.code)
	}
}
