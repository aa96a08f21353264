package ledger

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/dirstore"
	"github.com/vbcvault/vbcvault/vbc"
)

const account = "549825"

// writer writes logs into a directory, as manifests do.
type writer struct {
	t   *testing.T
	dir string
	key receipt.Key // none: it signs nothing
	receipt.Chain
	tree receipt.Tree
	run  int64
}

// bundle adds one of so many entries, and returns its file.
func (w *writer) bundle(entries int) string {
	w.t.Helper()
	b := layout.Bundle{Chain: w.ID, First: w.Last + 1}
	var lines []byte
	for range entries {
		e := receipt.New(receipt.Result, w.run, vbc.Recording{Account: account, Kind: vbc.Company, ID: w.Last + 1, Start: time.Unix(1_700_000_000, 0)})
		e.Outcome, e.At = receipt.NotSent, time.Unix(1_800_000_000, 0).UTC()
		line, err := w.Seal(e)
		if err != nil {
			w.t.Fatal(err)
		}
		w.tree.Add(line)
		lines = append(append(lines, line...), '\n')
	}
	b.Last, b.Head = w.Last, w.Head
	if w.key.Verifier() != "" {
		signed, err := w.key.Sign(receipt.CheckpointOf(w.ID, w.tree))
		if err == nil {
			lines, err = layout.Body(lines, signed)
		}
		if err != nil {
			w.t.Fatal(err)
		}
	}
	file := filepath.Join(w.dir, filepath.FromSlash(b.Key(account)))
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(file, lines, 0o600); err != nil {
		w.t.Fatal(err)
	}
	return file
}

func newKey(t *testing.T) receipt.Key {
	t.Helper()
	key, err := receipt.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func read(t *testing.T, dir string, known ...receipt.Key) *Ledger {
	t.Helper()
	store, err := dirstore.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	var verifiers []string
	for _, k := range known {
		verifiers = append(verifiers, k.Verifier())
	}
	keys, err := receipt.NewKeys(verifiers...)
	if err != nil {
		t.Fatal(err)
	}
	l, err := Read(t.Context(), storage.Store(store), account, keys, nil)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// A known key vouches for all that comes before its checkpoint, whoever has written
// it, and for nothing behind it.
func TestKnownKeyVouchesForWhatIsBefore(t *testing.T) {
	t.Parallel()
	key, other := newKey(t), newKey(t)
	w := &writer{t: t, dir: t.TempDir(), Chain: receipt.Chain{ID: "A"}}
	w.bundle(2)
	w.key = key
	w.bundle(1)
	w.bundle(3)
	w.key = other
	w.bundle(2)
	l := read(t, w.dir, key)
	if len(l.Logs) != 1 || len(l.Strays) != 0 {
		t.Fatalf("%+v, %+v", l.Logs, l.Strays)
	}
	g := l.Logs[0]
	if g.Last != 8 || g.Signed != 6 || g.Verifier != key.Verifier() || g.Head != w.Head || g.Tree.Root() != w.tree.Root() {
		t.Errorf("%+v", g)
	}
	n := int64(0)
	for line, err := range l.Lines(t.Context(), g) {
		if n++; err != nil || line.Seq != n || line.Signed != (n <= 6) {
			t.Errorf("entry %d: %+v, %v", n, line, err)
		}
	}
	if n != 8 {
		t.Errorf("%d entries", n)
	}
	if g := read(t, w.dir, key, other).Logs[0]; g.Signed != 8 || g.Verifier != other.Verifier() {
		t.Errorf("with both keys: %+v", g)
	}
	if g := read(t, w.dir).Logs[0]; g.Signed != 0 || g.Claims == "" {
		t.Errorf("with none: %+v", g)
	}
}

// A log that forks is two, with the same beginning; what was stored twice, in pieces
// of other sizes, is one.
func TestFork(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	w := &writer{t: t, dir: t.TempDir(), key: key, Chain: receipt.Chain{ID: "A"}}
	w.bundle(2)
	piece := *w
	w.bundle(4)
	piece.bundle(2) // the first half of that
	if l := read(t, w.dir, key); len(l.Logs) != 1 || l.Logs[0].Last != 6 || len(l.Strays) != 0 {
		t.Errorf("pieces: %+v, %+v", l.Logs, l.Strays)
	}
	fork := *w
	w.bundle(1)
	fork.tree, fork.Chain, fork.run = piece.tree, piece.Chain, 1 // so that it says something else
	fork.bundle(7)
	l := read(t, w.dir, key)
	if len(l.Logs) != 2 || l.Logs[0].Last != 11 || l.Logs[1].Last != 7 || l.Logs[0].Signed != 11 || l.Logs[1].Signed != 7 {
		for _, g := range l.Logs {
			t.Errorf("%+v", g)
		}
	}
}

// What is damaged, has lost what it continues, or bears a name that isn't its own is
// named, and the rest is read.
func TestStrays(t *testing.T) {
	t.Parallel()
	key, thief := newKey(t), newKey(t)
	for what, c := range map[string]struct {
		spoil func(t *testing.T, w *writer, files []string)
		kind  StrayKind
		last  int64 // of the longest log
	}{
		"removed": {func(t *testing.T, _ *writer, files []string) {
			if err := os.Remove(files[1]); err != nil {
				t.Fatal(err)
			}
		}, Loose, 2},
		"changed": {func(t *testing.T, _ *writer, files []string) { rewrite(t, files[2], "not sent", "deleted") }, Damaged, 4},
		"changed in the middle": {func(t *testing.T, _ *writer, files []string) {
			body, err := os.ReadFile(files[2])
			if err != nil {
				t.Fatal(err)
			}
			first, _, _ := bytes.Cut(body, []byte("\n"))
			changed := bytes.Replace(first, []byte("not sent"), []byte("deleted"), 1)
			if err := os.WriteFile(files[2], append(changed, body[len(first):]...), 0o600); err != nil {
				t.Fatal(err)
			}
		}, Damaged, 4},
		"of another key": {func(t *testing.T, w *writer, files []string) {
			forged, err := thief.Sign(receipt.CheckpointOf(w.ID, w.tree))
			if err != nil {
				t.Fatal(err)
			}
			name := func(k receipt.Key) string {
				s, _ := k.Sign(receipt.CheckpointOf(w.ID, w.tree))
				return receipt.SignerOf(s)
			}
			body, err := os.ReadFile(files[2])
			if err != nil {
				t.Fatal(err)
			}
			body = body[:bytes.Index(body, []byte(`{"checkpoint"`))]
			body, err = layout.Body(body, bytes.ReplaceAll(forged, []byte(name(thief)), []byte(name(key))))
			if err == nil {
				err = os.WriteFile(files[2], body, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}, Forged, 6},
		"signed as something else": {func(t *testing.T, w *writer, files []string) {
			body, err := os.ReadFile(files[1])
			if err != nil {
				t.Fatal(err)
			}
			of := body[bytes.Index(body, []byte(`{"checkpoint"`)):]
			if body, err = os.ReadFile(files[2]); err == nil {
				err = os.WriteFile(files[2], append(body[:bytes.Index(body, []byte(`{"checkpoint"`))], of...), 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}, Forged, 6},
		"none of ours": {func(t *testing.T, w *writer, files []string) {
			if err := os.WriteFile(filepath.Join(filepath.Dir(files[0]), "notes.doc"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, Foreign, 6},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			w := &writer{t: t, dir: t.TempDir(), key: key, Chain: receipt.Chain{ID: "A"}}
			c.spoil(t, w, []string{w.bundle(2), w.bundle(2), w.bundle(2)})
			l := read(t, w.dir, key)
			if len(l.Strays) != 1 || l.Strays[0].Kind != c.kind || l.Strays[0].Why == "" || len(l.Logs) == 0 || l.Logs[0].Last != c.last {
				t.Errorf("%+v, %+v", l.Strays, l.Logs)
			}
			if signed := l.Logs[0].Signed; signed != min(c.last, map[bool]int64{true: 4, false: 6}[c.kind == Forged]) {
				t.Errorf("%d entries are vouched for", signed)
			}
		})
	}
}

func rewrite(t *testing.T, file, was, is string) {
	t.Helper()
	body, err := os.ReadFile(file)
	if err != nil || !bytes.Contains(body, []byte(was)) {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, bytes.ReplaceAll(body, []byte(was), []byte(is)), 0o600); err != nil {
		t.Fatal(err)
	}
}
