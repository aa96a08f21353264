package main_test

import (
	"bytes"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// verifierOf is the verifier of a manifest's key.
func (w *world) verifierOf(manifest string) string {
	w.t.Helper()
	secret, err := os.ReadFile(manifest + ".key")
	if err != nil {
		w.t.Fatal(err)
	}
	key, err := receipt.ParseKey(string(secret))
	if err != nil {
		w.t.Fatal(err)
	}
	return key.Verifier()
}

// lines are the entries in files of receipts.
func (w *world) lines(keys []string) (lines []string) {
	w.t.Helper()
	for _, key := range keys {
		for line := range bytes.Lines(w.read(key)) {
			if !bytes.HasPrefix(line, []byte(`{"checkpoint":`)) {
				lines = append(lines, strings.TrimSuffix(string(line), "\n"))
			}
		}
	}
	return lines
}

// chainsOf are the chains of files of receipts.
func chainsOf(keys []string) map[string]bool {
	chains := map[string]bool{}
	for _, key := range keys {
		chains[path.Base(path.Dir(key))] = true
	}
	return chains
}

// loseKey loses what loseAll has left: the key that signs receipts.
func (w *world) loseKey(lost string) {
	w.t.Helper()
	if err := os.Remove(filepath.Join(w.state, filepath.Base(lost)) + ".key"); err != nil {
		w.t.Fatal(err)
	}
}

// forge stores a log that somebody else has written, without a signature.
func (w *world) forge(chain string, entries ...receipt.Entry) {
	w.t.Helper()
	c := receipt.Chain{ID: chain}
	var lines []byte
	for _, e := range entries {
		e.Account = "549825"
		line, err := c.Seal(e)
		if err != nil {
			w.t.Fatal(err)
		}
		lines = append(append(lines, line...), '\n')
	}
	w.place(layout.Bundle{Chain: chain, First: 1, Last: c.Last, Head: c.Head}.Key("549825"), string(lines))
}

// entryAbout is an entry about a recording and what lies under its name.
func (w *world) entryAbout(what receipt.Type, r vbctest.Recording) receipt.Entry {
	w.t.Helper()
	object := func(ending string) *storage.Object {
		body := w.read(key(r, ending))
		return &storage.Object{Key: key(r, ending), Content: storage.Content{Size: int64(len(body)), SHA256: storage.SumOf(body)}}
	}
	e := receipt.New(what, 9, vbc.Recording{Kind: vbc.Company, ID: r.ID, Start: r.Start})
	e.Audio, e.Sidecar, e.Verified = object("mp3"), object("json"), time.Now().UTC()
	if what == receipt.Erasing {
		e.Digest = storage.SumOf([]byte("why"))
	}
	return e
}

// outcomeAbout is the outcome of a deletion.
func outcomeAbout(r vbctest.Recording) receipt.Entry {
	e := receipt.New(receipt.Result, 9, vbc.Recording{Kind: vbc.Company, ID: r.ID, Start: r.Start})
	e.Outcome, e.Status = receipt.Deleted, 204
	return e
}

// plant puts audio and metadata where a recording will lie, with what VBC says of it,
// as somebody could who may add objects.
func (w *world) plant(r vbctest.Recording, audio string) {
	w.t.Helper()
	elsewhere := newWorld(w.t, vbctest.Config{}).inDir()
	elsewhere.account.Add(r)
	elsewhere.want(elsewhere.archive("--older-than", "90d"), 0, map[string]int{"archived": 1})
	sum := storage.SumOf([]byte(audio))
	text := string(elsewhere.read(key(r, "json")))
	text = strings.Replace(text, storage.Digest(r.SHA256()).String(), sum.String(), 1)
	text = strings.Replace(text, fmt.Sprintf(`"size":%d`, r.Size), fmt.Sprintf(`"size":%d`, len(audio)), 1)
	w.place(key(r, "mp3"), audio)
	w.place(key(r, "json"), text)
}

// endsUpWhole fails unless the archive has what VBC sends for a recording, under
// whatever name.
func (w *world) endsUpWhole(r vbctest.Recording) {
	w.t.Helper()
	stem := strings.TrimSuffix(key(r, ""), ".")
	for _, k := range w.keys() {
		if strings.HasPrefix(k, stem) && storage.SumOf(w.read(k)) == storage.Digest(r.SHA256()) {
			return
		}
	}
	w.t.Errorf("LOST: the archive hasn't got recording %d", r.ID)
}

// Who may add objects puts a recording where one will lie that isn't archived yet, with
// just the length that VBC declares or another, and the manifest is lost. What VBC
// sends is what the archive has before it is deleted there.
func TestRebuildDoesNotBelieveWhatIsPlanted(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		all := w.someRecordings(3)
		slices.SortFunc(all, func(a, b vbctest.Recording) int { return a.Start.Compare(b.Start) })
		exact, short := all[1], all[2]
		w.want(w.archive("--before", exact.Start.UTC().Format(time.RFC3339)), 0, map[string]int{"archived": 1})
		w.plant(exact, "ID3"+strings.Repeat("x", int(exact.Size)-3))
		w.plant(short, "ID3 this is not the call")
		w.loseAll()
		r := w.run("rebuild", "--from", w.to, "--json")
		w.want(r, 1, map[string]int{"damaged": 1, "unvouched": 2})
		w.mustSay(r, "damaged", key(short, "json"), "the metadata contradicts itself")
		w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 3, "failed": 0})
		for _, rec := range all {
			w.endsUpWhole(rec)
		}
		if r := w.run("verify", "--deep"); r.code != 0 {
			t.Error("verify")
		}
	}, vbctest.Config{})
}

// Forged receipts say before a rebuild that a purged recording was erased, and that
// one that VBC has was deleted. The first stays a recording, the second is compared
// and deleted, and what is not believed is named.
func TestRebuildDoesNotBelieveForgedReceipts(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		all := w.someRecordings(3)
		w.want(w.archive("--older-than", "90d", "--delete", "--max-deletes", "2"), 0, map[string]int{"deleted": 2})
		gone, left := w.account.Deleted()[0], w.account.Recordings()[0]
		intent := w.entryAbout(receipt.Intent, left)
		w.forge("FORGED", w.entryAbout(receipt.Erasing, gone), w.entryAbout(receipt.Erased, gone), intent, outcomeAbout(left))
		w.loseAll()
		r := w.run("rebuild", "--from", w.to, "--json")
		w.want(r, 1, map[string]int{"recordings": 3, "purged": 3, "erased": 0, "unsigned": 1, "unsigned_erasures": 1, "receipts_signed": 4, "receipts_unsigned": 4, "lost": 0})
		w.mustSay(r, "unsigned", key(gone, "mp3"), "say that it was erased")
		if r := w.run("list", "--json"); !strings.Contains(r.stdout, fmt.Sprint(gone.ID)) || strings.Contains(r.stdout, "erased") {
			t.Error("the recording that was called erased is not listed")
		}
		w.account.ResetCounts()
		w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 1, "downloads": 1, "failed": 0})
		w.mustHold(all...)
		w.want(w.run("verify", "--json"), 0, map[string]int{"whole": 3})
	}, vbctest.Config{})
}

// Whoever may remove objects removes the last file of the old log after a rebuild: the
// next run names it.
func TestOldLogCantBecomeShorterAfterARebuild(t *testing.T) {
	t.Parallel()
	for _, keyLost := range []bool{false, true} {
		w := newWorld(t, vbctest.Config{}).inDir()
		w.someRecordings(3)
		w.want(w.archive("--older-than", "90d", "--delete", "--max-deletes", "1"), 0, map[string]int{"deleted": 1})
		w.want(w.archive("--older-than", "90d", "--delete", "--max-deletes", "1"), 0, map[string]int{"deleted": 1})
		old := w.receipts()
		lost := w.loseAll()
		if keyLost {
			w.loseKey(lost)
		}
		w.want(w.run("rebuild", "--from", w.to, "--json"), 0, map[string]int{"chains": 1})
		w.want(w.archive("--older-than", "90d"), 0, nil)
		w.remove(old[len(old)-1])
		r := w.archive("--older-than", "90d")
		chain := strings.TrimPrefix(path.Base(path.Dir(old[0])), "chain=")
		if r.code != 1 || !strings.Contains(r.stderr, chain) || !strings.Contains(r.stderr, "shorter") {
			t.Errorf("the key was lost: %v; the end of the old log is gone: exit %d", keyLost, r.code)
		}
		// One who makes the manifest anew once more is told by the log of the first.
		first := w.verifierOf(w.manifest())
		w.loseKey(w.loseAll())
		r = w.run("rebuild", "--from", w.to, "--json", "--key", first)
		w.want(r, 1, map[string]int{"missing": 1})
		w.mustSay(r, "missing", "receipts/account=549825/chain="+chain, "has become shorter")
	}
}

// The key that lay beside the lost manifest counts, and so does one that is given, as
// a text or in a file. Without it nothing is called forged, and the archive's own word
// for its key is shown, and not taken.
func TestRebuildKnowsTheKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	w.someRecordings(4)
	w.want(w.archive("--older-than", "90d", "--delete", "--max-deletes", "2"), 0, map[string]int{"deleted": 2})
	verifier := w.verifierOf(w.manifest())
	secret, err := os.ReadFile(w.manifest() + ".key")
	if err != nil {
		t.Fatal(err)
	}
	lost := w.loseAll()
	to := func() string { return filepath.Join(t.TempDir(), "new.manifest") }
	survived := to()
	if err := os.WriteFile(survived+".key", secret, 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "vault.key.txt")
	if err := os.WriteFile(file, []byte("our vault:\n"+verifier+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	signed := map[string]int{"receipts_signed": 4, "receipts_foreign": 0, "unvouched": 2, "purged": 2}
	w.want(w.run("rebuild", "--from", w.to, "--json", "--manifest", survived), 0, signed)
	w.want(w.run("rebuild", "--from", w.to, "--json", "--manifest", to(), "--key", verifier), 0, signed)
	w.want(w.run("rebuild", "--from", w.to, "--json", "--manifest", to(), "--key", file), 0, signed)
	w.env = append(w.env, "VBCVAULT_SIGNING_KEY="+strings.TrimSpace(string(secret)))
	w.want(w.run("rebuild", "--from", w.to, "--json", "--manifest", to()), 0, signed)
	w.env = w.env[:len(w.env)-1]
	w.loseKey(lost)
	w.want(w.run("rebuild", "--from", w.to, "--json", "--manifest", to()), 0, map[string]int{"receipts_signed": 0, "receipts_foreign": 4, "unvouched": 2, "purged": 2, "unsigned": 0})
	r := w.run("rebuild", "--from", w.to, "--manifest", to())
	if r.code != 0 || !strings.Contains(r.stdout, verifier) || !strings.Contains(r.stdout, "--key KEY") || strings.Contains(r.stdout, "forged") {
		t.Error("it doesn't say which key the archive names, or what to do")
	}
	r = w.run("rebuild", "--from", w.to, "--manifest", to(), "--key", strings.TrimSpace(string(secret)))
	if r.code != 2 || !strings.Contains(r.stderr, "must stay secret") || strings.Contains(r.stderr+r.stdout, strings.TrimSpace(string(secret))) {
		t.Error("a signing key on the command line")
	}
	for _, bad := range []string{"vbcvault/x", file + ".not"} {
		if r := w.run("rebuild", "--from", w.to, "--manifest", to(), "--key", bad); r.code != 2 {
			t.Errorf("--key %s: exit %d", bad, r.code)
		}
	}
}

// withoutSignatures makes the archive one of a program that signed nothing.
func (w *world) withoutSignatures() {
	w.t.Helper()
	for _, k := range w.of("receipts/") {
		text := w.read(k)
		w.remove(k)
		if at := bytes.LastIndex(text, []byte(`{"checkpoint":`)); at > 0 {
			w.place(k, string(text[:at]))
		}
	}
}

// An archive that an earlier program has made without signing anything is honest:
// nothing of it is called forged, nothing is done twice, and each recording that VBC
// has is compared once, unless somebody vouches for the archive.
func TestRebuildOfAnArchiveWithoutSignatures(t *testing.T) {
	t.Parallel()
	for _, trusted := range []bool{false, true} {
		w := newWorld(t, vbctest.Config{}).inDir()
		all := w.someRecordings(6)
		w.want(w.archive("--older-than", "90d", "--delete", "--max-deletes", "2"), 0, map[string]int{"deleted": 2})
		erased := w.account.Deleted()[0]
		if r := w.erase("--id", fmt.Sprint(erased.ID)); r.code != 0 {
			t.Fatal("not erased")
		}
		w.withoutSignatures()
		w.loseKey(w.loseAll())
		args := []string{"rebuild", "--from", w.to}
		want := map[string]int{"recordings": 5, "purged": 1, "unvouched": 4, "erased": 0, "unsigned_erasures": 1, "receipts_unsigned": 6, "unsigned": 0, "lost": 0}
		compared := 4
		if trusted {
			args, compared = append(args, "--trust-archive"), 0
			want["unvouched"], want["erased"], want["unsigned_erasures"] = 0, 1, 0
		}
		w.want(w.run(append(args, "--json", "--manifest", filepath.Join(t.TempDir(), "first"))...), 0, want)
		r := w.run(args...)
		if r.code != 0 || strings.Contains(r.stdout, "--trust-archive") == trusted || strings.Contains(r.stdout, "forged") {
			t.Error("it doesn't say what to do about receipts without a signature")
		}
		if r := w.run("status"); strings.Contains(r.stdout, "Stored, not by us: 4 recordings") == trusted {
			t.Error("status doesn't say what isn't vouched for")
		}
		if r := w.run("status", "--id", fmt.Sprint(w.account.Recordings()[0].ID)); strings.Contains(r.stdout, "stored, not by us") == trusted {
			t.Error("status of one doesn't say that it isn't vouched for")
		}
		w.want(w.archive("--older-than", "90d"), 0, map[string]int{"downloads": 0, "archived": 0})
		r = w.archive("--older-than", "90d", "--delete", "--dry-run")
		w.want(r, 0, map[string]int{"to_archive": 0, "to_delete": 4, "to_compare": compared})
		if got, want := fmt.Sprint(r.summary["requests"].(map[string]any)["direct"]), fmt.Sprint(2+compared+4); got != want {
			t.Errorf("it would take %s requests, want %s", got, want)
		}
		w.account.ResetCounts()
		w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 4, "downloads": compared, "archived": 0, "failed": 0})
		if c := w.account.Counts().ByKind; c[vbctest.Audio] != compared || c[vbctest.Delete] != 4 {
			t.Errorf("%v", c)
		}
		w.mustHold(slices.DeleteFunc(all, func(r vbctest.Recording) bool { return r.ID == erased.ID })...)
		w.want(w.run("verify", "--json"), 0, map[string]int{"whole": 5})
		w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"downloads": 0, "deleted": 0})
	}
}
