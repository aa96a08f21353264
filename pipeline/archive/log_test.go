package archive

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/ledger"
	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/pipeline/refusal"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/dirstore"
	"github.com/vbcvault/vbcvault/vbc"
)

const testAccount = "549825"

// keeper is a manifest that works on an archive, night by night.
type keeper struct {
	t    *testing.T
	path string
	at   storage.Destination
	runs int64
}

func newKeeper(t *testing.T, at storage.Destination) *keeper {
	return &keeper{t: t, path: filepath.Join(t.TempDir(), "m"), at: at}
}

func (k *keeper) open() *sqlite.Manifest {
	k.t.Helper()
	m, err := sqlite.Open(k.t.Context(), k.path)
	if err != nil {
		k.t.Fatal(err)
	}
	return m
}

// night adds so many entries, and returns what settling the archive has found.
func (k *keeper) night(entries int, o Options) ([]string, error) {
	k.t.Helper()
	m := k.open()
	defer m.Close()
	a, err := Settle(k.t.Context(), k.at, m, slog.New(slog.DiscardHandler), testAccount, o)
	if err != nil {
		return nil, err
	}
	k.runs++
	for n := range entries {
		if err := m.AddReceipt(k.t.Context(), notSent(k.runs, int64(n+1))); err != nil {
			k.t.Fatal(err)
		}
	}
	if err := a.StoreReceipts(k.t.Context(), k.runs); err != nil {
		k.t.Fatal(err)
	}
	return a.Doubts(), nil
}

func notSent(run, id int64) receipt.Entry {
	e := receipt.New(receipt.Result, run, vbc.Recording{Account: testAccount, Kind: vbc.Company, ID: id, Start: time.Unix(1_700_000_000, 0)})
	e.Outcome = receipt.NotSent
	return e
}

// quiet is a night in which nothing must be found.
func (k *keeper) quiet(entries int) {
	k.t.Helper()
	if doubts, err := k.night(entries, Options{}); err != nil || len(doubts) > 0 {
		k.t.Fatalf("%q, %v", doubts, err)
	}
}

// chain is where the manifest's log ends.
func (k *keeper) chain() receipt.Chain {
	k.t.Helper()
	m := k.open()
	defer m.Close()
	c, err := m.Chain(k.t.Context())
	if err != nil {
		k.t.Fatal(err)
	}
	return c
}

// copyTo copies the manifest and its key.
func (k *keeper) copyTo(t *testing.T) *keeper {
	t.Helper()
	other := newKeeper(t, k.at)
	other.runs = k.runs
	for _, end := range []string{"", ".key"} {
		text, err := os.ReadFile(k.path + end)
		if err == nil {
			err = os.WriteFile(other.path+end, text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return other
}

// forge adds an object of entries that nobody has signed, behind a chain.
func forge(t *testing.T, at storage.Destination, c receipt.Chain, signed func(receipt.Checkpoint) []byte, entries int) layout.Bundle {
	t.Helper()
	first := c.Last + 1
	var lines []byte
	var tree receipt.Tree
	for n := range entries {
		line, err := c.Seal(notSent(99, int64(n+1)))
		if err != nil {
			t.Fatal(err)
		}
		tree.Add(line)
		lines = append(append(lines, line...), '\n')
	}
	b := layout.Bundle{Chain: c.ID, First: first, Last: c.Last, Head: c.Head}
	if signed != nil {
		var err error
		if lines, err = layout.Body(lines, signed(receipt.CheckpointOf(c.ID, tree))); err != nil {
			t.Fatal(err)
		}
	}
	a := &Archive{store: at, log: slog.New(slog.DiscardHandler)}
	if err := a.putProven(t.Context(), b.Key(testAccount), lines, "application/x-ndjson"); err != nil {
		t.Fatal(err)
	}
	return b
}

// A manifest that was restored from an older copy takes over what its own key has
// signed since, and goes on; one that was copied does the same, as long as the two
// take turns.
func TestRestoredManifestGoesOn(t *testing.T) {
	t.Parallel()
	k := newKeeper(t, open(t, "directory"))
	k.quiet(3)
	older := k.copyTo(t)
	k.quiet(2)
	k.quiet(0)
	k.quiet(4)
	older.runs = k.runs
	older.quiet(1)
	if ours, theirs := k.chain(), older.chain(); theirs.Last != ours.Last+1 || theirs.ID != ours.ID {
		t.Errorf("%+v, and restored %+v", ours, theirs)
	}
	k.runs = older.runs
	k.quiet(1)
	if c := k.chain(); c.Last != older.chain().Last+1 {
		t.Errorf("the copy's turn was not taken over: %+v", c)
	}
	logs := readLogs(t, k)
	if len(logs.Logs) != 1 || len(logs.Strays) != 0 || logs.Logs[0].Signed != logs.Logs[0].Last || logs.Logs[0].Last != k.chain().Last {
		t.Errorf("the archive has %+v, %+v", logs.Logs, logs.Strays)
	}
}

// Where both go on at once, the log forks: each goes on by itself, and the one whose
// log is shorter is told.
func TestCopiedManifestForks(t *testing.T) {
	t.Parallel()
	k := newKeeper(t, open(t, "directory"))
	k.quiet(3)
	other := k.copyTo(t)
	m := other.open() // it has entries that it couldn't store before the first goes on
	for n := range 3 {
		if err := m.AddReceipt(t.Context(), notSent(50, int64(n+1))); err != nil {
			t.Fatal(err)
		}
	}
	m.Close()
	k.quiet(2)
	other.quiet(1)
	if doubts, err := k.night(1, Options{}); err != nil || len(doubts) != 1 || !strings.Contains(doubts[0], "forks") {
		t.Errorf("%q, %v", doubts, err)
	}
	logs := readLogs(t, k)
	if len(logs.Logs) != 2 || len(logs.Strays) != 0 || logs.Logs[0].Signed != logs.Logs[0].Last || logs.Logs[1].Signed != logs.Logs[1].Last {
		t.Errorf("%+v, %+v", logs.Logs, logs.Strays)
	}
}

func readLogs(t *testing.T, k *keeper) *ledger.Ledger {
	t.Helper()
	m := k.open()
	defer m.Close()
	keys, err := Keys(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	logs, err := ledger.Read(t.Context(), k.at, testAccount, keys, nil)
	if err != nil {
		t.Fatal(err)
	}
	return logs
}

// What nobody known has signed is not taken over, whatever it says of itself, and
// the log goes on beside it.
func TestPlantedReceiptsAreIgnored(t *testing.T) {
	t.Parallel()
	stranger, err := receipt.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	for what, signed := range map[string]func(receipt.Checkpoint) []byte{
		"unsigned": nil,
		"signed by a stranger": func(c receipt.Checkpoint) []byte {
			s, err := stranger.Sign(c)
			if err != nil {
				t.Error(err)
			}
			return s
		},
		"signed with no signature": func(c receipt.Checkpoint) []byte { return []byte(c.Text()) },
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			k := newKeeper(t, open(t, "directory"))
			k.quiet(3)
			before := k.chain()
			forge(t, k.at, before, signed, 2)
			doubts, err := k.night(1, Options{})
			if err != nil || len(doubts) != 1 || !strings.Contains(doubts[0], "4 to 5") {
				t.Errorf("%q, %v", doubts, err)
			}
			if c := k.chain(); c.Last != before.Last+1 {
				t.Errorf("%+v, it was %+v", c, before)
			}
			if doubts, err = k.night(1, Options{TrustArchive: true}); err != nil || len(doubts) == 0 {
				t.Errorf("a log that is signed takes over what is not: %q, %v", doubts, err)
			}
			if c := k.chain(); c.Last != before.Last+2 {
				t.Errorf("%+v, it was %+v", c, before)
			}
		})
	}
}

// Where both happens, a restored manifest and a planted object, the one isn't taken for
// the other.
func TestPlantedBesideWhatIsTakenOver(t *testing.T) {
	t.Parallel()
	k := newKeeper(t, open(t, "directory"))
	k.quiet(2)
	older := k.copyTo(t)
	k.quiet(2)
	forge(t, k.at, receipt.Chain{ID: k.chain().ID, Last: 4, Head: storage.SumOf(nil)}, nil, 1)
	if doubts, err := older.night(0, Options{}); err != nil || len(doubts) != 1 || strings.Contains(doubts[0], "forks") || older.chain() != k.chain() {
		t.Errorf("%q, %v", doubts, err)
	}
}

// However many objects somebody plants, a night names some of them and counts the rest.
func TestManyPlantedObjects(t *testing.T) {
	t.Parallel()
	k := newKeeper(t, open(t, "directory"))
	k.quiet(2)
	for n := range 15 {
		forge(t, k.at, receipt.Chain{ID: k.chain().ID, Last: 4, Head: storage.SumOf([]byte{byte(n)})}, nil, 1)
	}
	doubts, err := k.night(0, Options{})
	if err != nil || len(doubts) != 11 || !strings.HasPrefix(doubts[10], "5 more files") {
		t.Errorf("%q, %v", doubts, err)
	}
}

// unsign makes a manifest and an archive what an earlier program has left.
func (k *keeper) unsign(t *testing.T, dir string) {
	t.Helper()
	m := k.open()
	defer m.Close()
	n, err := m.ReceiptsStored(t.Context())
	if err == nil {
		var tree receipt.Tree
		for line := range m.Receipts(t.Context(), 0) {
			if tree.Size() < n {
				tree.Add(line)
			}
		}
		err = m.SetReceiptsStored(t.Context(), tree, []byte(""))
	}
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "receipts/*/*/*"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		body, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(f, ".txt") {
			err = os.Remove(f)
		} else if at := bytes.Index(body, []byte(`{"checkpoint"`)); at >= 0 {
			err = errors.Join(os.Remove(f), os.WriteFile(f, body[:at], 0o600))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// A log that an earlier program has kept is continued, and its first checkpoint
// vouches for all of it. Where the archive has more of it than the manifest, that may
// be anybody's, and somebody has to say so.
func TestUnsignedLogIsContinued(t *testing.T) {
	t.Parallel()
	at, dir := openDir(t)
	k := newKeeper(t, at)
	k.quiet(3)
	k.unsign(t, dir)
	older := k.copyTo(t)
	forge(t, at, k.chain(), nil, 2) // or a later night's, which the manifest has forgotten
	before := k.chain()
	if _, err := k.night(1, Options{}); refusal.Code(err) != code.UnsignedReceipts || k.chain() != before {
		t.Fatalf("%v, and the log is %+v", err, k.chain())
	}
	if doubts, err := k.night(0, Options{TrustArchive: true}); err != nil || len(doubts) > 0 || k.chain().Last != before.Last+3 {
		t.Fatalf("%q, %v, %+v", doubts, err, k.chain()) // with the entry that says from where it is signed
	}
	k.quiet(1)
	logs := readLogs(t, k)
	if len(logs.Logs) != 1 || logs.Logs[0].Signed != k.chain().Last {
		t.Errorf("%+v", logs.Logs)
	}
	older.quiet(0)
	if older.chain() != k.chain() {
		t.Errorf("restored it is %+v, want %+v", older.chain(), k.chain())
	}
}

// openDir is a directory as a store, and where it is.
func openDir(t *testing.T) (storage.Destination, string) {
	t.Helper()
	at := t.TempDir()
	dir, err := dirstore.Open(at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dir.Close() })
	return dir, at
}
