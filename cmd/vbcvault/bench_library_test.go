package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	vbcvault "github.com/vbcvault/vbcvault/cmd/vbcvault"
	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// library is a directory with an archive of n recordings, one each half minute, half of
// which have been deleted at VBC, as their receipts say; and its manifest. It is written
// past the program, which would wait for the disk at each.
type library struct {
	*world
	n    int
	path string // of the manifest

	m       *sqlite.Manifest
	key     receipt.Key
	chain   receipt.Chain
	tree    receipt.Tree
	run     int64
	lines   []byte // of the bundle that is being filled
	from    int64  // its first entry
	rows    []manifest.Row
	madeDir string
}

const libraryAccount = "549825"

func newLibrary(t testing.TB, n int) *library {
	t.Helper()
	l := &library{world: newWorld(t, vbctest.Config{}).inDir(), n: n}
	if dir := os.Getenv(vbcvault.Profile); dir != "" {
		l.program, l.env = program(t), append(l.env, vbcvault.Profile+"="+dir)
	}
	l.path = filepath.Join(l.state, "m")
	err := sqlite.Create(t.Context(), l.path, l.fill)
	if err == nil {
		// Its entries are its own: nothing was taken over.
		l.execute(l.path, "DELETE FROM meta WHERE key = 'taken_over'")
	}
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func (l *library) dir() string { return l.to[len("file://"):] }

func (l *library) fill(m *sqlite.Manifest) (err error) {
	ctx := l.t.Context()
	l.m, l.from = m, 1
	if l.key, err = m.SigningKey(); err != nil {
		return err
	}
	if l.chain, err = m.Chain(ctx); err != nil {
		return err
	}
	store := l.open()
	identity, err := store.Probe(ctx, "")
	if err != nil {
		return err
	}
	if err := m.Bind(ctx, manifest.Binding{Account: libraryAccount, Destination: store.String(), Identity: identity}); err != nil {
		return err
	}
	first := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC).Add(-time.Duration(l.n) * 30 * time.Second)
	for i := range l.n {
		if err := l.add(int64(1_000_000+i), first.Add(time.Duration(i)*30*time.Second), i%2 == 0); err != nil {
			return err
		}
	}
	if err := m.Put(ctx, l.rows...); err != nil {
		return err
	}
	return l.bundle()
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
	row := manifest.Row{Recording: rec, State: manifest.Verified}
	if row.Copy.Audio, err = l.put(stem+".mp3", audio); err != nil {
		return err
	}
	if row.Copy.Sidecar, err = l.put(stem+".json", side); err != nil {
		return err
	}
	row.Copy.StoredAt, row.Copy.ArchivedAt = start.AddDate(0, 0, 91), start.AddDate(0, 0, 91)
	if purged {
		row.State = manifest.Purged
		if err := l.deletion(row); err != nil {
			return err
		}
	}
	if l.rows = append(l.rows, row); len(l.rows) < 500 {
		return nil
	}
	rows := l.rows
	l.rows = l.rows[:0]
	return l.m.Put(l.t.Context(), rows...)
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
func (l *library) deletion(row manifest.Row) error {
	intent, result := receipt.New(receipt.Intent, l.run, row.Recording), receipt.New(receipt.Result, l.run, row.Recording)
	intent.Destination, intent.Audio, intent.Sidecar, intent.Verified = l.to, &row.Copy.Audio, &row.Copy.Sidecar, row.Copy.ArchivedAt
	intent.At, result.At, result.Outcome = row.Copy.ArchivedAt, row.Copy.ArchivedAt.Add(time.Second), receipt.Deleted
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
	lines := l.lines
	l.lines, l.from, l.run = l.lines[:0], l.chain.Last+1, l.run+1
	return l.m.TakeOver(l.t.Context(), lines, l.tree, signed)
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
	n, whole := l.n, float64(l.n)
	verifier := filepath.Join(b.TempDir(), "key")
	if err := os.WriteFile(verifier, []byte(l.key.Verifier()+"\n"), 0o600); err != nil {
		b.Fatal(err)
	}
	quiet := []string{"--progress", "none", "--log-level", "warn"}
	run := func(what, unit string, units float64, args ...string) {
		c, _ := l.costOf(l.command(args...))
		s.note(b, what, unit, n, units, c)
	}
	again := filepath.Join(l.state, "again")
	run("rebuild", "recording", whole, append([]string{"rebuild", "--from", l.to, "--manifest", again, "--key", verifier}, quiet...)...)
	os.Remove(again)
	run("diff", "recording", whole, append([]string{"diff", "--manifest", l.path}, quiet...)...)
	run("audit", "recording", whole, "audit", "--manifest", l.path)
	for i, what := range []string{"prove"} {
		dir := filepath.Join(b.TempDir(), fmt.Sprint("proof", i))
		run(what, "proof", 1, "prove", "--manifest", l.path, "--id", fmt.Sprint(1_000_000+n/4*2), "--out", dir)
		run("check-proof", "proof", 1, "check-proof", dir, "--key", verifier)
	}
}
