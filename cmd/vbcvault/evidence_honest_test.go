package main_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// asFormat9 makes the manifest and its archive what the program before signatures has
// left.
func (w *world) asFormat9() {
	w.t.Helper()
	w.change(`DROP TABLE log; DROP TABLE trusted; DROP TABLE release; DROP INDEX IF EXISTS said; DROP INDEX IF EXISTS unvouched; ALTER TABLE recording DROP COLUMN said; ALTER TABLE recording DROP COLUMN unvouched; ALTER TABLE hold DROP COLUMN signed;
		DELETE FROM meta WHERE key IN ('verifier', 'checkpoint', 'tree', 'tips', 'taken_over'); PRAGMA user_version = 9`)
	if err := os.Remove(w.manifest() + ".key"); err != nil {
		w.t.Fatal(err)
	}
	for _, k := range w.of("/key.txt") {
		w.remove(k)
	}
	for _, k := range w.receipts() {
		body := w.read(k)
		if at := bytes.Index(body, []byte(`{"checkpoint"`)); at >= 0 {
			w.remove(k)
			w.place(k, string(body[:at]))
		}
	}
}

// A chain that an earlier program has kept stays checkable, and is continued: its
// first checkpoint vouches for all of it.
func TestUnsignedHistoryIsContinued(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inS3(nil)
	all := history(w)
	w.asFormat9()
	if r := w.run("verify"); r.code != 0 { // upgrades it, and settles nothing
		t.Fatalf("exit %d", r.code)
	}
	if f := w.remarked(nil, nil); f.Signed != 0 || f.Stored != f.Entries {
		t.Errorf("%+v", f)
	}
	w.want(w.archive("--older-than", "90d", "--delete", "--max-deletes", "1"), 0, map[string]int{"deleted": 1})
	if f := w.remarked(nil, nil); f.Signed != f.Entries || f.Stored != f.Entries || f.Entries != int64(1+4+1+2) {
		t.Errorf("%+v", f)
	}
	w.audited(nil, "--offline")
	w.hold(append([]string{"remove", "1"}, byCounsel...)...)
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 3})
	w.remarked(nil, nil)
	w.nothingLost(all)
}

// A program of then took receipts over after a restore without saying so: that rows are
// older than these speaks against nobody.
func TestUnsignedHistoryThatWasTakenOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	history(w)
	w.change(`UPDATE recording SET state = 'verified' WHERE id = (SELECT max(id) FROM recording WHERE state = 'purged')`)
	w.audited([]string{"row-state"})
	w.asFormat9()
	if r := w.run("verify"); r.code != 0 {
		t.Fatalf("exit %d", r.code)
	}
	w.remarked(nil, []string{"unsettled"})
	w.want(w.archive("--older-than", "90d", "--full-scan"), 0, nil)
	if f := w.remarked(nil, []string{"unsettled"}); f.Signed != f.Entries {
		t.Errorf("%+v", f)
	}
	w.want(w.archive("--older-than", "90d", "--delete"), 0, nil)
	w.remarked(nil, nil)
}

// One that was restored from before the last entries has unsigned ones of its own in
// the archive: anybody may have put them there, and somebody has to say that he hasn't.
func TestUnsignedHistoryOfARestoredManifest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inS3(nil)
	all := history(w)
	before := w.backup()
	w.want(w.archive("--older-than", "90d", "--delete", "--max-deletes", "1"), 0, map[string]int{"deleted": 1})
	if err := os.Remove(before + ".key"); err != nil {
		t.Fatal(err)
	}
	w.restore(before)
	w.asFormat9()
	if r := w.run("verify"); r.code != 0 {
		t.Fatalf("exit %d", r.code)
	}
	w.audited([]string{"unsigned-receipts"})
	r := w.archive("--older-than", "90d", "--delete")
	w.want(r, 3, map[string]int{"deleted": 0})
	w.says(r, "--trust-archive")
	w.want(w.archive("--older-than", "90d", "--trust-archive"), 0, nil)
	w.audited(nil)
	w.want(w.archive("--older-than", "90d", "--delete"), 0, nil)
	w.audited(nil)
	w.nothingLost(all)
}

// A manifest that was restored from a backup is called older until the next run, and
// nothing after it, whatever that run is about.
func TestRestoredManifestIsHonest(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{"delete": {"--delete"}, "archive": {"--full-scan"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, vbctest.Config{}).inS3(nil)
			all := history(w)
			before := w.backup()
			w.want(w.archive("--older-than", "90d", "--delete", "--max-deletes", "1"), 0, map[string]int{"deleted": 1})
			w.restore(before)
			w.audited([]string{"older"})
			w.audited(nil, "--offline")
			w.want(w.archive(append([]string{"--older-than", "90d"}, args...)...), 0, map[string]int{"failed": 0})
			if name == "archive" {
				w.remarked(nil, []string{"unsettled"})
			}
			w.audited(nil)
			w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"failed": 0})
			w.remarked(nil, nil)
			w.nothingLost(all)
		})
	}
}

// Two machines that work on one archive and trust each other's keys have nothing to
// say against each other; without that, each names the other's log.
func TestTwoMachinesTrustEachOther(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inS3(nil)
	all := history(w)
	first, other := w.manifest(), filepath.Join(t.TempDir(), "other.manifest")
	night := []string{"--older-than", "90d", "--delete", "--max-deletes", "1"}
	w.want(w.archive(append(night, "--manifest", other)...), 0, map[string]int{"deleted": 1})
	w.audited([]string{"unknown-log"})
	w.remarked(nil, []string{"unvouched-log"}, "--manifest", other) // which was there before
	w.trust(first, other)
	w.trust(other, first)
	w.remarked(nil, nil)
	w.remarked(nil, nil, "--manifest", other)
	w.want(w.archive(night...), 0, nil)
	w.want(w.archive(append(night, "--manifest", other)...), 0, nil)
	w.remarked(nil, nil)
	w.remarked(nil, nil, "--manifest", other)
	if r := w.run("manifest", "trust", "--manifest", other); r.code != 0 || !strings.Contains(r.stdout, w.keyName()) || !strings.Contains(r.stdout, "Smith v. Acme") {
		t.Error("the list doesn't say whom it trusts, and why")
	}
	w.nothingLost(all)
}

// A manifest and its copy that take turns continue one log.
func TestCopiedManifestTakesTurns(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inS3(nil)
	all := w.someRecordings(6)
	w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 6})
	other := filepath.Join(t.TempDir(), "other.manifest")
	if r := w.run("manifest", "backup", other); r.code != 0 {
		t.Fatal("no copy")
	}
	night := []string{"--older-than", "90d", "--delete", "--max-deletes", "1"}
	for range 3 {
		w.want(w.archive(night...), 0, map[string]int{"failed": 0})
		w.audited(nil)
		w.want(w.archive(append(night, "--manifest", other)...), 0, map[string]int{"failed": 0})
		w.audited(nil, "--manifest", other)
	}
	w.nothingLost(all)
}

// A manifest and its copy that are both in use before either sees the other's
// receipts make a fork, which is named for what it is.
func TestForkIsNamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inS3(nil)
	all := w.someRecordings(6)
	w.want(w.archive("--older-than", "90d", "--delete", "--max-deletes", "1"), 0, map[string]int{"archived": 6, "deleted": 1})
	other := filepath.Join(t.TempDir(), "other.manifest")
	if r := w.run("manifest", "backup", other); r.code != 0 {
		t.Fatal("no copy")
	}
	night := []string{"--older-than", "90d", "--delete", "--max-deletes", "1"}
	w.want(w.archive(append(night, "--manifest", other)...), 0, map[string]int{"deleted": 1})
	away := map[string]string{}
	for _, k := range w.receipts()[1:] { // the first machine doesn't see them
		away[k] = string(w.read(k))
		w.remove(k)
	}
	w.want(w.archive(night...), 0, nil)
	w.audited(nil)
	for k, text := range away {
		w.place(k, text)
	}
	w.audited([]string{"fork"})
	w.audited([]string{"fork"}, "--manifest", other)
	third := filepath.Join(t.TempDir(), "third.manifest")
	w.want(w.archive("--older-than", "90d", "--manifest", third), 0, nil)
	w.trust(third, w.manifest())
	w.audited([]string{"fork"}, "--manifest", third)
	w.nothingLost(all)
}

// Two recordings with one id and start, one that VBC has corrected, and one that came
// back after its deletion are no contradictions.
func TestOddRecordingsAreHonest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	start := time.Now().UTC().Truncate(time.Second).AddDate(-1, 0, 0)
	one := vbctest.Recording{ID: 7, Start: start, Size: 20_000}
	w.account.Add(one, vbctest.Recording{ID: 8, Start: start, Size: 30_000}, vbctest.Recording{ID: 9, Start: start, Size: 40_000})
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 3})
	w.account.Add(one,
		vbctest.Recording{ID: 8, Start: start, Size: 30_500},
		vbctest.Recording{ID: 9, Start: start.Add(time.Second), Size: 40_000})
	w.archive("--older-than", "90d")
	w.remarked(nil, nil)
	for range 2 {
		w.archive("--older-than", "90d", "--delete")
		w.remarked(nil, nil)
	}
	if s := w.states(); strings.Count(s, "purged") != 5 {
		t.Error(s)
	}
	w.change(fmt.Sprintf(`UPDATE recording SET audio = json_set(audio, '$.sha256', printf('%%064d', 7)) WHERE id = 8 AND nth = 0`))
	w.audited([]string{"row-changed"})
}

// A run that is going on, and adds to everything that an audit looks at, is no
// contradiction either.
func TestAuditDuringARun(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	all := w.someRecordings(12)
	w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 12})
	w.want(w.archive("--older-than", "90d", "--delete", "--max-deletes", "4"), 0, map[string]int{"deleted": 4})
	path := w.manifest()
	var audits atomic.Int64
	w.account.Inject(func(r *http.Request) *vbctest.Fault {
		if isDelete(r) {
			audits.Add(1)
			w.audited(nil, "--manifest", path)
		}
		return nil
	})
	w.want(w.archive("--older-than", "90d", "--delete", "--workers", "2"), 0, map[string]int{"deleted": 8})
	if audits.Load() != 8 {
		t.Errorf("%d audits", audits.Load())
	}
	w.audited(nil)
	w.nothingLost(all)
}

// What an earlier program has written of holds that have ended counts when its manifest
// gets a key, and only then.
func TestHoldsOfAnEarlierProgram(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inS3(nil)
	all := history(w)
	w.hold(append([]string{"remove", "1"}, byCounsel...)...)
	w.want(w.archive("--older-than", "90d"), 0, nil)
	w.asFormat9()
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 4})
	w.audited(nil)
	w.nothingLost(all)
}
