package main_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	vbcvault "github.com/vbcvault/vbcvault/cmd/vbcvault"
	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// library is a directory with an archive of n recordings, one each half minute, half of
// which have been deleted at VBC, as their receipts say. It is written past the program,
// which would wait for the disk at each.
type library struct {
	*world
	n    int
	path string // where its manifest is to be, beside the key that has signed the receipts

	key     receipt.Key
	chain   receipt.Chain
	tree    receipt.Tree
	run     int64
	lines   []byte // of the bundle that is being filled
	from    int64  // its first entry
	madeDir string
}

const libraryAccount = "549825"

// libraries is where they are kept for other benchmarks of the same.
var libraries = flag.String("libraries", "", "directory in which BenchmarkLibrary keeps its archives, and looks for them")

func newLibrary(t testing.TB, n int) *library {
	t.Helper()
	l := &library{world: newWorld(t, vbctest.Config{}), n: n, from: 1}
	if *libraries != "" {
		l.state = filepath.Join(*libraries, fmt.Sprint(n))
	} else if n > 100_000 { // more than there is memory for
		dir, err := os.MkdirTemp("/var/tmp", "vbcvault-library-*")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(dir) })
		l.state = dir
	}
	to := filepath.Join(l.state, "archive")
	if err := os.MkdirAll(to, 0o700); err != nil {
		t.Fatal(err)
	}
	l.inDirectory(to)
	l.env = append(l.env, "VBCVAULT_STATE_DIR="+l.state)
	if dir := os.Getenv(vbcvault.Profile); dir != "" {
		l.program, l.env = program(t), append(l.env, vbcvault.Profile+"="+dir)
	}
	l.path = filepath.Join(l.state, "m")
	text, err := os.ReadFile(sqlite.KeyFile(l.path))
	if err == nil { // it was kept
		l.key, err = receipt.ParseKey(string(text))
	} else {
		err = l.fill()
	}
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func (l *library) dir() string { return l.to[len("file://"):] }

// fill makes the archive, and the key at last.
func (l *library) fill() (err error) {
	if l.key, err = receipt.NewKey(); err != nil {
		return err
	}
	l.chain.ID = rand.Text()
	if _, err := l.open().Probe(l.t.Context(), ""); err != nil { // which gives it an identity
		return err
	}
	first := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC).Add(-time.Duration(l.n) * 30 * time.Second)
	for i := range l.n {
		if err := l.add(int64(1_000_000+i), first.Add(time.Duration(i)*30*time.Second), i%2 == 0); err != nil {
			return err
		}
	}
	if err := l.bundle(); err != nil {
		return err
	}
	return os.WriteFile(sqlite.KeyFile(l.path), []byte(l.key.Secret()+"\n"), 0o600)
}

// adopt makes the archive's log that of the manifest that was rebuilt of it, as if it had
// never been lost.
func (l *library) adopt() error {
	files, err := filepath.Glob(filepath.Join(l.dir(), filepath.FromSlash(layout.Receipts(libraryAccount)), "*", "*.jsonl"))
	if err != nil {
		return err
	}
	var tree receipt.Tree
	for i, name := range files { // they are in the order of their entries
		body, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		lines := body[:bytes.LastIndexByte(body[:len(body)-1], '\n')+1]
		for line := range bytes.Lines(lines) {
			tree.Add(bytes.TrimSuffix(line, []byte("\n")))
		}
		var last struct{ Checkpoint string }
		if err := json.Unmarshal(body[len(lines):], &last); err != nil {
			return err
		}
		if i == 0 {
			chain := strings.TrimPrefix(filepath.Base(filepath.Dir(name)), "chain=")
			l.execute(l.path, "DELETE FROM receipt; DELETE FROM log; DELETE FROM meta WHERE key IN ('receipts_stored', 'tree', 'checkpoint');"+
				"UPDATE meta SET value = '"+chain+"' WHERE key = 'chain'")
		}
		m, err := sqlite.Open(l.t.Context(), l.path)
		if err != nil {
			return err
		}
		if err := errors.Join(m.TakeOver(l.t.Context(), lines, tree, []byte(last.Checkpoint)), m.Close()); err != nil {
			return err
		}
	}
	l.execute(l.path, "DELETE FROM meta WHERE key = 'taken_over'")
	return nil
}

// add adds one recording.
func (l *library) add(id int64, start time.Time, purged bool) error {
	audio := fmt.Appendf(nil, "ID3\x04%060d", id)
	rec := vbc.ParseRecording(vbc.Company, "", fmt.Appendf(nil, `{"id":%d,"start":%q,"duration":60000,"file_size_in_bytes":%d,"call_direction":"INBOUND",`+
		`"call_id":"c91150a6-8cc4-4e73-9fef-%012d","caller_id":"%d","cnam":"CUSTOMER %d","dnis":"1212555%04d","extensions":["%d"],"rule_ids":[1989]}`,
		id, vbc.FormatTime(start), len(audio), id, 17320000000+id*7919%1000003, id*7919%300007, id%30, 100+id%200))
	rec.Account = libraryAccount
	stem, err := layout.Stem(rec)
	if err != nil {
		return err
	}
	side, err := layout.Sidecar{
		Format: layout.SidecarFormat, Program: "test", Account: libraryAccount, Kind: rec.Kind, ContentType: "audio/mpeg",
		Size: int64(len(audio)), SHA256: storage.SumOf(audio), ArchivedAt: start.AddDate(0, 0, 91), Recording: rec.Raw,
	}.Encode()
	if err != nil {
		return err
	}
	audioAt, err := l.put(stem+".mp3", audio)
	if err != nil {
		return err
	}
	sideAt, err := l.put(stem+".json", side)
	if err != nil || !purged {
		return err
	}
	return l.deletion(rec, audioAt, sideAt)
}

// put writes an object past the store: no disk is waited for.
func (l *library) put(key string, body []byte) (storage.Object, error) {
	name := filepath.Join(l.dir(), filepath.FromSlash(key))
	if dir := filepath.Dir(name); dir != l.madeDir {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return storage.Object{}, err
		}
		l.madeDir = dir
	}
	return storage.Object{Key: key, Content: storage.Content{Size: int64(len(body)), SHA256: storage.SumOf(body)}}, os.WriteFile(name, body, 0o600)
}

// deletion adds the receipts of one.
func (l *library) deletion(rec vbc.Recording, audio, side storage.Object) error {
	at := rec.Start.AddDate(0, 0, 91)
	intent, result := receipt.New(receipt.Intent, l.run, rec), receipt.New(receipt.Result, l.run, rec)
	intent.Destination, intent.Audio, intent.Sidecar, intent.Verified = l.to, &audio, &side, at
	intent.At, result.At, result.Outcome = at, at.Add(time.Second), receipt.Deleted
	for _, e := range []receipt.Entry{intent, result} {
		line, err := l.chain.Seal(e)
		if err != nil {
			return err
		}
		l.tree.Add(line)
		l.lines = append(append(l.lines, line...), '\n')
	}
	if len(l.lines) < layout.MaxReceipts-16<<10 {
		return nil
	}
	return l.bundle()
}

// bundle stores the entries that aren't yet.
func (l *library) bundle() error {
	if len(l.lines) == 0 {
		return nil
	}
	signed, err := l.key.Sign(receipt.CheckpointOf(l.chain.ID, l.tree))
	if err != nil {
		return err
	}
	body, err := layout.Body(l.lines, signed)
	if err != nil {
		return err
	}
	b := layout.Bundle{Chain: l.chain.ID, First: l.from, Last: l.chain.Last, Head: l.chain.Head}
	if _, err := l.put(b.Key(libraryAccount), body); err != nil {
		return err
	}
	if _, err := l.put(layout.VerifierKey(libraryAccount, l.chain.ID), []byte(l.key.Verifier()+"\n")); err != nil {
		return err
	}
	l.lines, l.from, l.run = l.lines[:0], l.chain.Last+1, l.run+1
	return nil
}

// BenchmarkLibrary says what it costs to look at an archive of so many recordings as a
// whole, and to prove one of them.
func BenchmarkLibrary(b *testing.B) {
	var s scale
	for _, n := range sizes() {
		if n > 1_000_000 {
			break // which takes 80 GB of small files
		}
		b.Run(fmt.Sprintf("recordings=%d", n), func(b *testing.B) {
			begin := time.Now()
			l := newLibrary(b, n)
			b.Logf("made in %s", time.Since(begin).Round(time.Second))
			for range b.N {
				l.costs(b, &s)
			}
		})
	}
	s.print()
}

func (l *library) costs(b *testing.B, s *scale) {
	whole := float64(l.n)
	verifier, proof := filepath.Join(b.TempDir(), "key"), filepath.Join(b.TempDir(), "proof")
	if err := os.WriteFile(verifier, []byte(l.key.Verifier()+"\n"), 0o600); err != nil {
		b.Fatal(err)
	}
	for _, end := range []string{"", "-wal", "-shm", ".lock"} {
		_ = os.Remove(l.path + end) // of an earlier benchmark
	}
	run := func(what, unit string, units float64, args ...string) {
		c, _ := l.costOf(l.command(args...))
		s.note(b, what, unit, l.n, units, c)
	}
	run("rebuild", "recording", whole, "rebuild", "--from", l.to, "--manifest", l.path, "--progress", "none", "--log-level", "warn")
	if err := l.adopt(); err != nil {
		b.Fatal(err)
	}
	run("diff", "recording", whole, "diff", "--manifest", l.path, "--progress", "none", "--log-level", "warn")
	run("audit", "recording", whole, "audit", "--manifest", l.path)
	run("prove", "proof", 1, "prove", "--manifest", l.path, "--id", fmt.Sprint(1_000_000+l.n/4*2), "--out", proof)
	run("check-proof", "proof", 1, "check-proof", proof, "--key", verifier)
}
