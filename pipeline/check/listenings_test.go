package check_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vbcvault/vbcvault/pipeline/check"
	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/storagetest"
)

const account = "549825"

// What was written down lies beside the archive after the next run, in a file of its
// own, with receipts that name nobody; and a run with nothing new stores nothing.
func TestListeningsAreStored(t *testing.T) {
	t.Parallel()
	at, dir := openDir(t)
	k := newListener(t, at)
	k.quiet(1)
	k.listens("eve", 1, 2)
	if a := k.audits(code.ListeningPending); a.Pending != 2 || !a.Intact() {
		t.Errorf("%+v", a)
	}
	k.quiet(1)
	k.listens("bob", 1)
	k.quiet(0)
	k.quiet(0)
	if a := k.audits(); a.Listened != 3 || a.Pending != 0 || a.Stored != a.Entries || a.Entries != 5 {
		t.Errorf("%+v", a)
	}
	files := listeningFiles(t, dir)
	if len(files) != 2 {
		t.Fatalf("%q", files)
	}
	text, err := os.ReadFile(files[0])
	if err != nil || strings.Count(string(text), `"who":"eve"`) != 2 || strings.Count(string(text), "\n") != 2 {
		t.Errorf("%s, %v", text, err)
	}
	receipts, err := filepath.Glob(filepath.Join(dir, "receipts/*/*/*.jsonl"))
	if err != nil || len(receipts) != 3 {
		t.Fatal(receipts, err)
	}
	for _, file := range receipts {
		if text, err := os.ReadFile(file); err != nil || strings.Contains(string(text), "eve") || strings.Contains(string(text), "hear it") || strings.Contains(string(text), "192.0.2.7") {
			t.Errorf("a receipt names somebody: %s, %v", text, err)
		}
	}
}

// The store fails whenever it is to keep or to confirm something in the night in which listenings are stored, having done
// what it was asked or not: the next night stores what is missing, once, and no more.
func TestListeningsThroughFaults(t *testing.T) {
	t.Parallel()
	for at := 1; ; at++ {
		for _, fault := range []storagetest.Fault{storagetest.NotApplied, storagetest.AppliedButFailed} {
			dest, dir := openDir(t)
			n, hit := 0, false
			store := &storagetest.Faulty{Destination: dest, Hook: func(op storagetest.Op, _ string) storagetest.Fault {
				if op != storagetest.OpPut && op != storagetest.OpStat {
					return storagetest.None
				}
				if n++; n == at {
					hit = true
					return fault
				}
				return storagetest.None
			}}
			n = -1 << 30
			k := newListener(t, store)
			k.quiet(1)
			k.listens("eve", 1, 2)
			n = 0
			_, _ = k.try(1)
			n = -1 << 30
			if !hit {
				return
			}
			k.listens("bob", 3)
			for range 2 {
				if doubts, err := k.try(0); err != nil || len(doubts) > 0 {
					t.Errorf("step %d: %q, %v", at, doubts, err)
				}
			}
			if a := k.audits(); a.Listened != 3 || a.Pending != 0 || a.Stored != a.Entries {
				t.Errorf("step %d, %v: %+v", at, fault, a)
			}
			texts := 0
			for _, file := range listeningFiles(t, dir) {
				text, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				texts += strings.Count(string(text), "\n")
			}
			if texts != 3 {
				t.Errorf("step %d, %v: %d texts lie beside the archive", at, fault, texts)
			}
		}
	}
}

// What somebody changes in the manifest's file is found, whatever it is: entries that
// nobody with the key has written are never given a receipt, and are said once.
func TestListeningsThatWereTamperedWith(t *testing.T) {
	t.Parallel()
	forged := `{"prev":"","nonce":"n","account":"549825","kind":"company","id":9,"start":"2026-05-12T10:15:00Z","at":"2026-06-01T00:00:00Z","who":"alice","how":"play","from":""}`
	insert := fmt.Sprintf(`INSERT INTO listening (digest, text, kind, owner, id, nth, who, at, how, session) VALUES ('%s', '%s', 'company', '', 9, 0, 'alice', 1780272000000, 'play', '')`,
		storage.SumOf([]byte(forged)), forged)
	for name, c := range map[string]struct {
		change string
		before string // what an audit says before the next run,
		after  string // and after it; "" = nothing
		doubt  bool   // the run says so
	}{
		"a forged entry":                {insert, code.ListeningUnsigned, code.ListeningUnsigned, true},
		"a text without a receipt":      {"UPDATE listening SET text = replace(text, 'bob', 'rob') WHERE number = 3", code.ListeningChanged, code.ListeningChanged, true},
		"a text with one":               {"UPDATE listening SET text = replace(text, 'eve', 'bob') WHERE number = 1", code.ListeningChanged, code.ListeningChanged, false},
		"what it is found by":           {"UPDATE listening SET who = 'bob' WHERE number = 1", code.ListeningChanged, code.ListeningChanged, false},
		"its digest too":                {"UPDATE listening SET who = 'rob', text = replace(text, 'bob', 'rob'), digest = '" + storage.SumOf([]byte("x")).String() + "' WHERE number = 3", code.ListeningChanged, code.ListeningChanged, true},
		"one with a receipt is removed": {"DELETE FROM listening WHERE number = 1", code.ListeningMissing, code.ListeningMissing, false},
		"one without is removed":        {"DELETE FROM listening WHERE number = 3", code.ListeningMissing, code.ListeningMissing, false},
		"a receipt is only claimed":     {"UPDATE listening SET seq = 1, run = 1 WHERE number = 4", code.ListeningUnsigned, code.ListeningUnsigned, false},
		"the text is taken away":        {"UPDATE listening SET text = '' WHERE number = 2", code.ListeningMissing, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at, _ := openDir(t)
			k := newListener(t, at)
			k.quiet(1)
			k.listens("eve", 1, 2)
			k.quiet(1)
			k.listens("bob", 1, 2)
			k.change("%s", c.change)
			k.mustFind(c.before)
			for i := range 2 {
				doubts, err := k.try(0)
				if err != nil || (len(doubts) > 0) != (c.doubt && i == 0) {
					t.Errorf("run %d: %q, %v", i, doubts, err)
				}
			}
			k.mustFind(c.after)
			if got := fmt.Sprint(k.heard()); strings.Contains(got, "rob") || strings.Contains(got, "alice") || !strings.Contains(got, "eve") {
				t.Error(got)
			}
		})
	}
}

// mustFind has an audit find something that speaks against the manifest, or nothing.
func (k *listener) mustFind(want string) {
	k.t.Helper()
	m := k.open()
	defer m.Close()
	a, err := check.Audit(k.t.Context(), m, k.at)
	must(k.t, err)
	found := want == ""
	for _, f := range a.Findings {
		if f.Code == want && f.Wrong {
			found = true
		} else if f.Wrong && (want == "" || f.Code != code.ListeningMissing && f.Code != code.ListeningText) {
			k.t.Errorf("%s: %s", f.Code, f.Means)
		}
	}
	if !found {
		k.t.Errorf("%s is not found: %+v", want, a.Findings)
	}
}

// Texts that are gone from the archive, or not what they were, are found by an audit;
// those that are gone are stored again, and that they were gone is said once.
func TestMissingListeningsAreStoredAgain(t *testing.T) {
	t.Parallel()
	at, dir := openDir(t)
	k := newListener(t, at)
	k.quiet(0)
	for id := range int64(3) {
		k.listens("eve", id+1)
		k.quiet(0)
	}
	files := listeningFiles(t, dir)
	text, err := os.ReadFile(files[0])
	if len(files) != 3 || err != nil || os.Remove(files[0]) != nil || os.Remove(files[2]) != nil {
		t.Fatal(files, err)
	}
	k.audits(code.ListeningText)
	if doubts, err := k.try(0); err != nil || len(doubts) != 2 || !strings.Contains(doubts[0], "stored again") {
		t.Errorf("%q, %v", doubts, err)
	}
	k.quiet(0)
	k.audits()
	if again, err := os.ReadFile(files[0]); err != nil || string(again) != string(text) {
		t.Errorf("%s, %v", again, err)
	}
	if err := os.WriteFile(files[1], []byte(strings.Replace(string(text), "eve", "bob", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	k.audits(code.ListeningText, code.ListeningStrange)
}

// A manifest that is restored from an older copy reads from the archive who has listened
// since then; what was written down in it meanwhile stays. The archive's texts need not
// be there at once.
func TestListeningsOfARestoredManifest(t *testing.T) {
	t.Parallel()
	at, dir := openDir(t)
	k := newListener(t, at)
	k.quiet(0)
	k.listens("eve", 1)
	k.quiet(1)
	old := k.copyTo(t)
	k.listens("bob", 2, 3)
	k.quiet(1)
	old.listens("zoe", 4)
	files := listeningFiles(t, dir)
	if err := os.Rename(files[1], files[1]+".away"); err != nil {
		t.Fatal(err)
	}
	old.quiet(0)
	old.mustFind(code.ListeningMissing)
	if err := os.Rename(files[1]+".away", files[1]); err != nil {
		t.Fatal(err)
	}
	old.quiet(0)
	old.audits()
	if got := fmt.Sprint(old.heard()); got != "[bob3 bob2 zoe4 eve1]" {
		t.Error(got)
	}
}

// Two manifests of one archive have each their own, and an audit of either looks at the
// texts of both.
func TestListeningsOfTwoManifests(t *testing.T) {
	t.Parallel()
	at, dir := openDir(t)
	one, two := newListener(t, at), newListener(t, at)
	one.quiet(1)
	two.quiet(1)
	one.trust(two)
	two.listens("eve", 1)
	two.quiet(0)
	one.listens("bob", 1)
	one.quiet(0)
	one.audits()
	files := listeningFiles(t, dir)
	chain := two.chain()
	for _, file := range files {
		if strings.Contains(file, chain) && os.Remove(file) != nil {
			t.Fatal(file)
		}
	}
	a := one.audits(code.ListeningText)
	if got := fmt.Sprint(one.heard()); got != "[bob1]" || len(a.Findings) != 1 || a.Findings[0].Chain != chain {
		t.Errorf("%s, %+v", got, a.Findings)
	}
	if f := (layout.ListeningFile{Chain: chain, ListeningBundle: manifest.ListeningBundle{First: 1, Last: 2}}); strings.Contains(f.Key(account), "eve") {
		t.Error(f.Key(account))
	}
}
