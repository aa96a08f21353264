package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// plantWhole puts a recording into the archive that VBC never had there: all that
// there is of it fits together.
func (w *world) plantWhole(r vbctest.Recording) {
	w.t.Helper()
	elsewhere := newWorld(w.t, vbctest.Config{}).inDir()
	elsewhere.account.Add(r)
	elsewhere.want(elsewhere.archive("--older-than", "90d"), 0, map[string]int{"archived": 1})
	for _, ending := range []string{"mp3", "json"} {
		w.place(key(r, ending), string(elsewhere.read(key(r, ending))))
	}
}

// Who may add objects puts a whole recording into the archive that VBC never had, and
// the manifest is lost. The log says that it was found, and vouches for nothing: nobody
// is convinced of it. That it was erased can be proven all the same.
func TestPlantedCopyHasNoProof(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	all := w.someRecordings(3)
	w.want(w.archive("--older-than", "90d", "--delete", "--max-deletes", "1"), 0, map[string]int{"deleted": 1})
	w.plantWhole(vbctest.Recording{ID: 777, Kind: vbctest.Company, Start: all[0].Start.Add(time.Second), Size: 20_000})
	w.loseAll()
	w.want(w.run("rebuild", "--from", w.to, "--json"), 0, map[string]int{"unvouched": 3})
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"failed": 0})
	dir := filepath.Join(t.TempDir(), "proof")
	r := w.run("prove", "--id", "777", "--out", dir)
	if r.code != 1 || !strings.Contains(r.stderr, "VBC no longer has the recording") {
		t.Errorf("what was planted is proven: exit %d", r.code)
	}
	if _, err := os.Lstat(dir); err == nil {
		t.Error("something was written")
	}
	w.audited(nil)
	if r := w.erase("--id", "777"); r.code != 0 {
		t.Fatal("not erased")
	}
	w.audited(nil)
	st := w.prove("--id", "777").convinces("intent", "outcome", "erasing", "erased")
	if !strings.Contains(st.Events[0].Says, "nobody has compared it") {
		t.Errorf("%+v", st.Events[0])
	}
	w.loseAll()
	w.want(w.run("rebuild", "--from", w.to, "--json"), 0, map[string]int{"erased": 1})
	w.audited(nil)
	w.nothingLost(all)
}

// VBC has lost a recording, and who may add and remove objects puts something else in
// the place of its only copy. The archive had that copy once, so this isn't taken for
// it: it is named, again and again, until the copy is back.
func TestPlantedCopyIsNotTheOnlyOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	one := w.someRecordings(3)[1]
	w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 3})
	audio, side := string(w.read(key(one, "mp3"))), string(w.read(key(one, "json")))
	w.account.Remove(one.ID)
	w.remove(key(one, "mp3"))
	w.remove(key(one, "json"))
	w.plant(one, "ID3"+strings.Repeat("x", int(one.Size)-3))
	w.want(w.archive("--older-than", "90d", "--delete"), 1, map[string]int{"deleted": 2, "failed": 1})
	if r := w.run("verify", "--deep"); r.code != 1 {
		t.Errorf("verify --deep: exit %d", r.code)
	}
	if r := w.run("prove", "--id", fmt.Sprint(one.ID), "--out", filepath.Join(t.TempDir(), "proof")); r.code != 1 {
		t.Errorf("prove: exit %d", r.code)
	}
	for ending, text := range map[string]string{"mp3": audio, "json": side} {
		w.remove(key(one, ending))
		w.place(key(one, ending), text)
	}
	w.want(w.archive("--older-than", "90d", "--delete", "--retry-failed"), 0, map[string]int{"failed": 0})
	w.mustHold(one)
	if r := w.run("verify", "--deep"); r.code != 0 {
		t.Errorf("verify --deep: exit %d", r.code)
	}
	w.audited(nil)
}

// Who may write to the manifest's file, and not to the bucket, has a hold cover
// something else, or nothing. What was held when it was made is held, and its text
// comes back from the archive.
func TestHoldIsReadAgainFromTheArchive(t *testing.T) {
	t.Parallel()
	for statement, code := range map[string]int{
		`DELETE FROM hold`: 0,
		`UPDATE hold SET made = replace(made, '100001', '100007')`: 1,
		`UPDATE hold SET made = 'nothing'`:                         1,
	} {
		w := newWorld(t, vbctest.Config{}).inDir()
		all := history(w)
		w.change(statement)
		r := w.archive("--older-than", "90d", "--delete")
		w.want(r, code, map[string]int{"deleted": 2})
		if code == 1 {
			w.says(r, "the text of hold 1 in the manifest was changed")
		}
		w.wantLeft(100001, 100002)
		w.want(w.archive("--older-than", "90d", "--delete"), 0, nil)
		w.audited(nil)
		w.nothingLost(all)
	}
}

// Who may write to the manifest's file, and doesn't have its key, ends no hold, neither
// as hold remove would have it nor as if the log had its release: the run has it in force
// again, says so once, and deletes nothing that it covers. What hold remove says counts.
func TestHoldEndsWithTheKeyAlone(t *testing.T) {
	t.Parallel()
	const ended = `ended = '{"hold":"' || digest || '","reason":"closed","by":"x","at":"2026-01-01T00:00:00Z"}'`
	for _, statement := range []string{
		`UPDATE hold SET ` + ended, `UPDATE hold SET noted = 2, stored = 2, ` + ended,
		`UPDATE hold SET signed = (SELECT value FROM meta WHERE key = 'checkpoint'), ` + ended,
	} {
		w := newWorld(t, vbctest.Config{}).inDir()
		all := history(w)
		w.change(statement)
		w.audited([]string{"hold-ended"})
		r := w.archive("--older-than", "90d", "--delete")
		w.want(r, 1, map[string]int{"deleted": 2})
		w.says(r, "this manifest's key has not signed that", "vbcvault hold remove again")
		w.wantLeft(100001, 100002)
		w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 0})
		w.audited(nil)
		w.hold(append([]string{"remove", "1"}, byCounsel...)...)
		w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 2})
		w.audited(nil)
		w.nothingLost(all)
	}
}

// A sibling's end counts with the sibling's key alone, too.
func TestSiblingEndsAHoldWithItsKeyAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	all := history(w)
	w.change(`UPDATE hold SET ended = '{"hold":"' || digest || '","reason":"closed","by":"x","at":"2026-01-01T00:00:00Z"}'`)
	w.inDirectory(t.TempDir()) // another destination, and a manifest of its own
	w.archive("--older-than", "90d", "--delete")
	w.wantLeft(100001, 100002)
	w.nothingLost(all[:2])
}

// Whatever somebody mistakes the key that signs for, nothing of it is ever shown or
// stored.
func TestSigningKeyIsNeverShown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	history(w)
	text, err := os.ReadFile(w.manifest() + ".key")
	if err != nil {
		t.Fatal(err)
	}
	secret := strings.TrimSpace(string(text))
	seed := strings.SplitN(secret, "+", 5)[4] // which may have a plus in it
	hidden := func(what string, shown string) {
		if strings.Contains(shown, seed[:12]) {
			t.Errorf("the key is shown: %s", what)
		}
	}
	file, dir := filepath.Join(t.TempDir(), "key"), t.TempDir()
	if err := os.WriteFile(file, []byte(secret+" more\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	by := []string{"--reason", "test", "--by", "somebody"}
	for _, wrong := range []string{secret, secret + "x"} {
		for _, args := range [][]string{
			append([]string{"manifest", "trust", wrong}, by...), {"audit", "--expect", wrong}, {"check-proof", dir, "--key", wrong},
			{"rebuild", "--from", w.to, "--manifest", filepath.Join(dir, "new"), "--key", wrong},
		} {
			r := w.run(args...)
			hidden(args[0], r.stdout+r.stderr)
			if r.code == 0 {
				t.Errorf("%s takes it", args[0])
			}
		}
	}
	env := w.env
	for _, given := range []string{"=" + secret + "x", "=x" + secret, "=" + seed, "_FILE=" + secret, "_FILE=" + file} {
		w.env = append(slices.Clone(env), "VBCVAULT_SIGNING_KEY"+given)
		for _, args := range [][]string{
			{"archive", "--to", w.to, "--older-than", "90d", "--full-scan", "--log-level", "debug"}, {"audit", "--key"}, {"doctor", "--to", w.to},
			{"manifest", "backup", filepath.Join(dir, "backup")}, {"rebuild", "--from", w.to, "--manifest", filepath.Join(dir, "new")},
		} {
			r := w.run(args...)
			hidden(args[0]+" with VBCVAULT_SIGNING_KEY"+given[:2], r.stdout+r.stderr)
		}
	}
	w.env = env
	hidden("in the manifest", string(w.manifestFilesBut(".key")))
	for _, k := range w.of("") {
		hidden(k, string(w.read(k)))
	}
}

// manifestFilesBut is all that lies beside the manifest, save what ends so.
func (w *world) manifestFilesBut(ending string) (all []byte) {
	w.t.Helper()
	files, err := filepath.Glob(w.manifest() + "*")
	if err != nil {
		w.t.Fatal(err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, ending) {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			w.t.Fatal(err)
		}
		all = append(all, text...)
	}
	return all
}

// Who may add objects gives a recording that is deleted at VBC other metadata, and the
// manifest is lost. Its signed receipt names what it was: making the manifest anew says
// so, until that is back, and nobody proves what it says now.
func TestOtherMetadataOfADeletedRecording(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	w.someRecordings(2)
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 2})
	one := w.account.Deleted()[0]
	side := key(one, "json")
	text := string(w.read(side))
	w.remove(side)
	w.place(side, strings.Replace(text, `"recording"`, `"note":1,"recording"`, 1))
	w.loseAll()
	r := w.run("rebuild", "--from", w.to, "--json")
	w.want(r, 1, map[string]int{"damaged": 1, "purged": 2})
	w.mustSay(r, "damaged", side, "signed receipt")
	if r := w.run("prove", "--id", fmt.Sprint(one.ID), "--out", filepath.Join(t.TempDir(), "proof")); r.code != 1 {
		t.Errorf("prove: exit %d", r.code)
	}
	w.remove(side)
	w.place(side, text)
	w.loseAll()
	w.want(w.run("rebuild", "--from", w.to, "--json"), 0, map[string]int{"damaged": 0, "purged": 2})
	w.audited(nil)
}

// What is held costs no request, also where nobody vouches for its copy: it is compared
// when the hold has ended, once.
func TestHeldCopyIsComparedWhenItsHoldEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	all := history(w)
	w.loseAll()
	w.want(w.run("rebuild", "--from", w.to, "--json"), 0, map[string]int{"unvouched": 4})
	for range 2 { // what is left is held at first, and not then
		w.account.ResetCounts()
		w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 2, "downloads": 2})
		if n := w.account.Counts().ByKind[vbctest.Audio]; n != 2 {
			t.Errorf("%d downloads", n)
		}
		if len(w.atVBC()) > 0 {
			w.wantLeft(100001, 100002)
			w.hold(removeHold("1")[1:]...)
		}
	}
	w.audited(nil)
	w.nothingLost(all)
}

// A night on which there is nothing to delete is no trouble, also where its plan is
// confirmed and receipts are to be stored: a plan that lists nothing needs no account.
func TestPlanOfNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	all := w.someRecordings(2)
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 2})
	plan := filepath.Join(t.TempDir(), "plan.jsonl")
	w.want(w.archive("--older-than", "90d", "--delete", "--dry-run", "--plan", plan), 0, map[string]int{"to_delete": 0})
	w.want(w.archive("--older-than", "90d", "--delete", "--confirm-plan", plan), 0, map[string]int{"deleted": 0})
	w.mustHold(all...)
}
