package proof

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// folder is a directory without what makes it durable.
type folder struct{ dir string }

func (f folder) Create(_ context.Context, name string, body storage.Body, _ time.Time) error {
	text, err := io.ReadAll(body.Reader)
	if err == nil {
		err = body.Seal(storage.Object{Content: storage.Content{Size: int64(len(text)), SHA256: storage.SumOf(text)}})
	}
	file := filepath.Join(f.dir, filepath.FromSlash(name))
	if err == nil {
		err = os.MkdirAll(filepath.Dir(file), 0o700)
	}
	if err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o600)
}

func (folder) Close() error { return nil }

func inFolder(dir string) (Folder, error) { return folder{dir}, os.MkdirAll(dir, 0o700) }

func newKey(t testing.TB) receipt.Key {
	t.Helper()
	key, err := receipt.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

var start = time.Date(2025, 5, 12, 10, 15, 0, 0, time.UTC)

// entries are receipts of one recording, a second apart: of each kind that has to do
// with it.
func entries() map[string]receipt.Entry {
	at := start
	make := func(t receipt.Type, id int64) receipt.Entry {
		at = at.Add(time.Second)
		e := receipt.New(t, 1, vbc.Recording{Kind: vbc.Company, Account: "549825", ID: id, Start: start})
		e.At = at
		return e
	}
	object := func(name string) *storage.Object {
		return &storage.Object{Key: "account=549825/" + name, Content: storage.Content{Size: int64(len(name)), SHA256: storage.SumOf([]byte(name))}}
	}
	all := map[string]receipt.Entry{}
	for _, name := range []string{"hold", "archived", "intent", "outcome", "release", "erasing", "erased", "foreign hold", "another"} {
		var e receipt.Entry
		switch name {
		case "hold", "foreign hold":
			e = receipt.Entry{Type: receipt.Held, At: at, Account: "549825", Hold: 1, Digest: storage.SumOf([]byte("hold"))}
			if name != "hold" {
				e.Account = "1"
			}
		case "release":
			e = receipt.Entry{Type: receipt.Released, At: at, Account: "549825", Hold: 1, Digest: storage.SumOf([]byte("hold")), Removal: storage.SumOf([]byte("end"))}
		case "archived", "intent", "erasing", "erased", "another":
			id, kind := int64(7), receipt.Type(name)
			if name == "another" {
				id, kind = 8, receipt.Archived
			}
			e = make(kind, id)
			e.Audio, e.Sidecar = object("20250512T101500Z_7.mp3"), object("20250512T101500Z_7.json")
			if e.Vouches() {
				e.Verified = at
			}
			if name == "erasing" {
				e.Digest = storage.SumOf([]byte("why"))
			}
		case "outcome":
			e = make(receipt.Result, 7)
			e.Outcome, e.Status = receipt.Deleted, 204
		}
		all[name] = e
	}
	return all
}

// logOf is a log of these entries, all of which are in the proof.
func logOf(t testing.TB, key receipt.Key, chain string, all ...receipt.Entry) Log {
	t.Helper()
	l := Log{Name: chain, Verifier: key.Verifier()}
	c := receipt.Chain{ID: chain}
	var texts [][]byte
	var seqs []int64
	for _, e := range all {
		text, err := c.Seal(e)
		if err != nil {
			t.Fatal(err)
		}
		e.Seq, e.Chain = c.Last, chain
		texts, seqs = append(texts, text), append(seqs, c.Last)
		l.Lines = append(l.Lines, Line{Entry: e, Text: text})
	}
	lines := func(yield func([]byte, error) bool) {
		for _, text := range texts {
			if !yield(text, nil) {
				return
			}
		}
	}
	proofs, tree, err := receipt.Prove(lines, c.Last, seqs...)
	if err == nil {
		l.Checkpoint, err = key.Sign(receipt.CheckpointOf(chain, tree))
	}
	if err != nil {
		t.Fatal(err)
	}
	for i := range l.Lines {
		l.Lines[i].Proof = proofs[i]
	}
	return l
}

// written writes a proof of logs, with the copy that they name.
func written(t testing.TB, logs ...Log) string {
	t.Helper()
	c := Contents{Recording: vbc.Recording{Account: "549825", Kind: vbc.Company, ID: 7, Start: start}, Logs: logs, Program: "test"}
	var all [][]told
	for _, l := range logs {
		var lines []told
		for _, line := range l.Lines {
			lines = append(lines, told{Entry: line.Entry})
		}
		all = append(all, lines)
	}
	if s := storyOf(merged(all)); s.voucher != nil && !s.erased {
		c.Copy = CopyOf(s.voucher.Entry)
		for i := range c.Copy {
			name := []byte(c.Copy[i].Name())
			c.Copy[i].Open = func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(name)), nil }
		}
	}
	dir := filepath.Join(t.TempDir(), "proof")
	if _, _, err := Write(t.Context(), dir, c, inFolder); err != nil {
		t.Fatal(err)
	}
	return dir
}

func checked(t testing.TB, dir string, keys ...receipt.Key) Statement {
	t.Helper()
	var texts []string
	for _, k := range keys {
		texts = append(texts, k.Verifier())
	}
	known, err := receipt.NewKeys(texts...)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Check(t.Context(), dir, known)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// What a key has signed may still be no proof: receipts must be about one recording,
// follow one another, and lie where they belong.
func TestSignedReceiptsMustMakeSense(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	of := entries()
	for name, c := range map[string]struct {
		logs [][]string
		says string // "" = nothing is wrong
	}{
		"all":                          {[][]string{{"hold", "archived", "intent", "outcome", "release", "erasing", "erased"}}, ""},
		"a copy":                       {[][]string{{"archived"}}, ""},
		"two logs":                     {[][]string{{"intent"}, {"outcome"}}, ""},
		"two logs, the end in another": {[][]string{{"outcome", "erased"}, {"intent", "erasing"}}, ""},
		"a deletion from nowhere":      {[][]string{{"outcome", "archived"}}, "000000000001.json tells of the outcome of a deletion"},
		"an erasure from nowhere":      {[][]string{{"archived", "erased"}}, "000000000002.json says that the recording was erased"},
		"the end of no hold":           {[][]string{{"archived", "release"}}, "000000000002.json says that a hold was removed"},
		"another recording":            {[][]string{{"archived", "another", "intent"}}, "000000000002.json is about another recording"},
		"another account's hold":       {[][]string{{"foreign hold", "archived"}}, "000000000001.json is of account 1"},
		"no copy":                      {[][]string{{"outcome"}}, "none of these vouches for a copy"},
		"holds only":                   {[][]string{{"hold"}}, "no receipt there is about a recording"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var logs []Log
			for i, names := range c.logs {
				var all []receipt.Entry
				for _, n := range names {
					all = append(all, of[n])
				}
				logs = append(logs, logOf(t, key, string(rune('A'+i)), all...))
			}
			s := checked(t, written(t, logs...), key)
			if said := strings.Join(s.Problems, "\n"); s.Intact != (c.says == "") || !strings.Contains(said, c.says) || s.Intact == (s.Summary == "") {
				t.Errorf("%+v", s)
			}
		})
	}
	later := of["intent"]
	later.Start = start.Add(time.Hour)
	if s := checked(t, written(t, logOf(t, key, "A", of["archived"], later)), key); !strings.Contains(strings.Join(s.Problems, "\n"), "another recording of this id") {
		t.Errorf("%+v", s)
	}
}

// A name that leads elsewhere is no name of a copy, whoever has signed it.
func TestCopyStaysInTheProof(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	for _, name := range []string{"account=1/index.html", "account=1/..", "account=1/.hidden", "account=1/SHA256SUMS", "..\\20250512T101500Z_7.mp3"} {
		e := entries()["archived"]
		e.Audio.Key = name
		c := Contents{Logs: []Log{logOf(t, key, "A", e)}, Copy: CopyOf(e)}
		dir := filepath.Join(t.TempDir(), "proof")
		if _, _, err := Write(t.Context(), dir, c, inFolder); err == nil || !strings.Contains(err.Error(), "no name of a copy") {
			t.Errorf("%s is written: %v", name, err)
		}
		c.Copy = nil
		if _, _, err := Write(t.Context(), dir, c, inFolder); err != nil {
			t.Fatal(err)
		}
		if s := checked(t, dir, key); s.Intact || !strings.Contains(strings.Join(s.Problems, "\n"), "no name of a copy") {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

// Receipts of one log don't count in another, though one key has signed both, and not
// under another number.
func TestReceiptsStayInTheirLog(t *testing.T) {
	t.Parallel()
	key, of := newKey(t), entries()
	mine, theirs := logOf(t, key, "A", of["archived"]), logOf(t, key, "B", of["archived"])
	l := theirs
	l.Checkpoint, l.Name = mine.Checkpoint, "A"
	if s := checked(t, written(t, l), key); !strings.Contains(strings.Join(s.Problems, "\n"), "is of the log B") {
		t.Errorf("%+v", s)
	}
	// A checkpoint of one log over the receipts of the other
	var tree receipt.Tree
	tree.Add(theirs.Lines[0].Text)
	signed, err := key.Sign(receipt.CheckpointOf("A", tree))
	if err != nil {
		t.Fatal(err)
	}
	l.Checkpoint = signed
	if s := checked(t, written(t, l), key); !strings.Contains(strings.Join(s.Problems, "\n"), "is of the log B") {
		t.Errorf("%+v", s)
	}
	two := logOf(t, key, "A", of["archived"], of["intent"])
	two.Lines[0].Seq = 3
	if s := checked(t, written(t, two), key); !strings.Contains(strings.Join(s.Problems, "\n"), "000000000003.json is entry 1") {
		t.Errorf("%+v", s)
	}
	if s := checked(t, written(t, mine), newKey(t)); s.Intact || len(s.Logs) != 0 {
		t.Errorf("another key: %+v", s)
	}
}

// Links and other things that are no files are named, and not followed.
func TestProofHasFilesOnly(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	dir := written(t, logOf(t, key, "A", entries()["archived"]))
	page := filepath.Join(dir, "index.html")
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.Rename(page, outside); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, page); err != nil {
		t.Skip(err)
	}
	if s := checked(t, dir, key); !slices.Contains(s.Problems, "index.html is not a file") {
		t.Errorf("%+v", s)
	}
}

// What is read as a proof is what would be written.
func FuzzProof(f *testing.F) {
	l := logOf(f, newKey(f), "A", entries()["archived"], entries()["intent"], entries()["outcome"])
	for _, line := range l.Lines {
		f.Add(encodeProof(line.Proof, l.Checkpoint))
	}
	f.Add([]byte(proofHeader + "\nindex +1\n\n"))
	f.Add([]byte(proofHeader + "\nindex 1\n\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, checkpoint, err := parseProof(text)
		if err == nil && !bytes.Equal(encodeProof(p, checkpoint), text) {
			t.Errorf("%q is read as %+v", text, p)
		}
	})
}
