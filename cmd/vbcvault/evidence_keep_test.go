package main_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// What somebody has kept elsewhere, whichever form it has, proves for ever that the log
// still is what it was, and shows when it isn't.
func TestKeptCheckpoints(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inS3(nil)
	all := history(w)
	dir := t.TempDir()
	witness := filepath.Join(dir, "checkpoint")
	if r := w.run("audit", "--witness", witness); r.code != 0 || !strings.Contains(r.stdout, witness) {
		t.Fatalf("exit %d", r.code)
	}
	st, err := os.Stat(witness)
	if err != nil || runtime.GOOS != "windows" && st.Mode().Perm() != 0o644 {
		t.Errorf("%v, %v", st, err)
	}
	signed := string(readFile(t, witness))
	if signed != w.ask("SELECT value FROM meta WHERE key = 'checkpoint'") {
		t.Errorf("it is another checkpoint than the one that is stored: %s", signed)
	}
	if r := w.run("audit", "--witness", witness); r.code != 2 || string(readFile(t, witness)) != signed {
		t.Errorf("it is overwritten: exit %d", r.code)
	}
	r := w.archive("--older-than", "90d", "--delete", "--max-deletes", "1")
	log, _ := r.summary["log"].(map[string]any)
	line := fmt.Sprintf("%s %.0f %s", log["origin"], log["size"], log["root"])
	saved := w.backup()
	w.want(w.archive("--older-than", "90d", "--delete"), 0, nil)
	empty := fmt.Sprintf("%s 0 %s", log["origin"], receipt.Tree{}.Root())
	w.remarked(nil, []string{"proven"}, "--expect", witness, "--expect", line, "--expect", strings.ReplaceAll(line, " ", "\n")+"\n", "--expect", empty)
	w.remarked(nil, []string{"proven"}, "--expect", witness, "--offline")
	if r := w.run("audit", "--expect", "nonsense"); r.code != 2 || !strings.Contains(r.stderr, "--witness") {
		t.Errorf("exit %d; it doesn't say what a checkpoint is", r.code)
	}

	other := fmt.Sprintf("%s %.0f %s", log["origin"], log["size"], receipt.Tree{}.Root())
	longer := fmt.Sprintf("%s 99 %s", log["origin"], log["root"])
	absent := fmt.Sprintf("vbcvault/ANOTHER 3 %s", log["root"])
	for text, says := range map[string]string{other: "the root of its first", longer: "only 9 entries", absent: "no such log"} {
		f := w.audited([]string{"not-proven"}, "--expect", text)
		if !strings.Contains(f.Breaks[0], says) {
			t.Errorf("%q doesn't say %q", f.Breaks, says)
		}
	}
	if f := w.audited([]string{"not-proven"}, "--expect", absent, "--offline"); !strings.Contains(f.Breaks[0], "offline") {
		t.Errorf("%q", f.Breaks)
	}

	// Whoever empties the manifest and the bucket leaves nothing that speaks against
	// it, save what was kept.
	w.restore(saved)
	w.change(`DELETE FROM receipt; DELETE FROM hold; DELETE FROM meta WHERE key IN ('checkpoint', 'tree', 'tips', 'receipts_stored'); UPDATE recording SET state = 'verified'`)
	for _, k := range append(w.of("receipts/"), w.of("holds/")...) {
		w.remove(k)
	}
	w.audited(nil)
	w.audited([]string{"not-proven"}, "--expect", witness)
	if r := w.run("audit", "--witness", witness+"2"); r.code != 2 {
		t.Errorf("a witness of an empty log: exit %d", r.code)
	}
	w.nothingLost(all)
}

// A checkpoint says who has signed it; whose signature isn't known proves nothing, and
// one in a known key's name is named.
func TestKeptCheckpointsOfOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	history(w)
	c, err := receipt.ParseCheckpoint(w.ask("SELECT value FROM meta WHERE key = 'checkpoint'"))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "c")
	for as, want := range map[string][2][]string{
		"":          {nil, {"proven", "unknown-signer"}},
		w.keyName(): {{"wrong-signature"}, {"proven"}},
	} {
		if err := os.WriteFile(file, by(t, as)(c), 0o600); err != nil {
			t.Fatal(err)
		}
		w.remarked(want[0], want[1], "--expect", file)
	}
}

// After a rebuild, what was kept of the lost manifest's log is looked for beside the
// archive.
func TestKeptCheckpointOfALostManifest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	history(w)
	kept := w.ask("SELECT value FROM meta WHERE key = 'checkpoint'")
	c, err := receipt.ParseCheckpoint(kept)
	if err != nil {
		t.Fatal(err)
	}
	w.loseAll()
	w.run("rebuild", "--from", w.to)
	f := w.audited(nil, "--expect", c.String())
	if !slices.Contains(f.codes(false), "proven") {
		t.Errorf("%+v", f.Findings)
	}
	c.Size--
	if f = w.audited([]string{"not-proven"}, "--expect", c.String()); !strings.Contains(f.Breaks[0], "others now") {
		t.Errorf("%q", f.Breaks)
	}
	c.Size += 7
	if f = w.audited([]string{"not-proven"}, "--expect", c.String()); !strings.Contains(f.Breaks[0], "only") {
		t.Errorf("%q", f.Breaks)
	}
}

// What isn't signed yet is signed for a witness, if the key is there; what isn't intact
// gets none.
func TestWitnessNeedsTheKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inS3(nil)
	history(w)
	keyFile, file := w.manifest()+".key", filepath.Join(t.TempDir(), "c")
	// as where the last run could not store its receipts
	w.change(`DELETE FROM meta WHERE key IN ('checkpoint', 'tree', 'receipts_stored')`)
	for _, k := range w.receipts() {
		w.remove(k)
	}
	if err := os.Rename(keyFile, keyFile+".away"); err != nil {
		t.Fatal(err)
	}
	r := w.run("audit", "--witness", file)
	if r.code != 2 || !strings.Contains(r.stderr, "run vbcvault archive where the key is") {
		t.Errorf("exit %d; it doesn't say what to do", r.code)
	}
	w.remarked(nil, []string{"no-signing-key"})
	w.env = append(w.env, "VBCVAULT_SIGNING_KEY_FILE="+keyFile+".away")
	f := w.audited(nil, "--witness", file)
	keys, err := receipt.NewKeys(f.Key)
	if err != nil {
		t.Fatal(err)
	}
	if c, _, err := keys.Open(readFile(t, file)); err != nil || c.Size != f.Entries || c.Root.String() != f.Root {
		t.Errorf("%+v, %v", c, err)
	}
	w.change(`UPDATE recording SET state = 'purged'`)
	if r := w.run("audit", "--witness", file+"2"); r.code != 1 || !strings.Contains(r.stdout, "No checkpoint was written") {
		t.Errorf("exit %d", r.code)
	}
	if _, err := os.Stat(file + "2"); err == nil {
		t.Error("there is a witness of what isn't intact")
	}
}

// audit --key prints what everybody may know, and a backup brings along the secret.
func TestKeysOfManifests(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	history(w)
	secret := strings.TrimSpace(string(readFile(t, w.manifest()+".key")))
	key, err := receipt.ParseKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	if r := w.run("audit", "--key"); r.code != 0 || r.stdout != key.Verifier()+"\n" {
		t.Errorf("exit %d", r.code)
	}
	var printed struct{ Key string }
	if r := w.run("audit", "--key", "--json"); json.Unmarshal([]byte(r.stdout), &printed) != nil || printed.Key != key.Verifier() {
		t.Errorf("%+v", printed)
	}
	saved := w.backup()
	st, err := os.Stat(saved + ".key")
	if err != nil || runtime.GOOS != "windows" && st.Mode().Perm() != 0o600 || strings.TrimSpace(string(readFile(t, saved+".key"))) != secret {
		t.Errorf("the backup's key: %v, %v", st, err)
	}
	taken := filepath.Join(t.TempDir(), "b")
	if err := os.WriteFile(taken+".key", []byte("something"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := w.run("manifest", "backup", taken); r.code != 2 || string(readFile(t, taken+".key")) != "something" {
		t.Errorf("a key is overwritten: exit %d", r.code)
	}
	if err := os.Rename(w.manifest()+".key", taken+".key"); err != nil {
		t.Fatal(err)
	}
	if r := w.run("manifest", "backup", filepath.Join(t.TempDir(), "without")); r.code != 1 || !strings.Contains(r.stderr, "its key is not") {
		t.Errorf("a backup without its key: exit %d", r.code)
	}
	w.env = append(w.env, "VBCVAULT_SIGNING_KEY="+secret)
	if r := w.run("manifest", "backup", filepath.Join(t.TempDir(), "given")); r.code != 0 || !strings.Contains(r.stdout, "is not copied") {
		t.Errorf("exit %d", r.code)
	}
	for _, bad := range []string{"nonsense", secret, key.Verifier(), key.Verifier() + "x"} {
		r := w.run(append([]string{"manifest", "trust", bad}, byCounsel...)...)
		if r.code != 2 || !strings.Contains(r.stderr, "vbcvault audit --key") || strings.Contains(r.stderr+r.stdout, "PRIVATE") {
			t.Errorf("exit %d", r.code)
		}
	}
	other, err := receipt.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(taken, []byte(other.Verifier()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := w.run("manifest", "trust", taken); r.code != 2 || !strings.Contains(r.stderr, "--reason and --by") {
		t.Errorf("exit %d", r.code)
	}
	if r := w.run(append([]string{"manifest", "trust", taken}, byCounsel...)...); r.code != 0 {
		t.Errorf("exit %d", r.code)
	}
	if r := w.run("manifest", "trust", "--json"); !strings.Contains(r.stdout, `"verifier":"`+other.Verifier()+`"`) || !strings.Contains(r.stdout, "counsel@example.com") {
		t.Error("the list doesn't have it")
	}
}
