package rebuild_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/check"
	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
	"github.com/vbcvault/vbcvault/pipeline/rebuild"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/dirstore"
	"github.com/vbcvault/vbcvault/vbc"
)

const account = "549825"

var day = time.Date(2026, 5, 12, 10, 15, 0, 0, time.UTC)

// shelf is an archive that is written by hand.
type shelf struct {
	t     *testing.T
	store storage.Destination
	known receipt.Key // which rebuild is given
}

func newShelf(t *testing.T) *shelf {
	t.Helper()
	store, err := dirstore.Open(t.TempDir())
	must(t, err)
	t.Cleanup(func() { store.Close() })
	return &shelf{t, store, newKey(t)}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newKey(t *testing.T) receipt.Key {
	t.Helper()
	key, err := receipt.NewKey()
	must(t, err)
	return key
}

// put stores an object.
func (s *shelf) put(key, body string) storage.Object {
	s.t.Helper()
	_, err := s.store.Put(s.t.Context(), key, storage.Body{Reader: strings.NewReader(body), Size: int64(len(body))}, storage.Attrs{})
	must(s.t, err)
	return storage.Object{Key: key, Content: storage.Content{Size: int64(len(body)), SHA256: storage.SumOf([]byte(body))}}
}

// call is a recording with this audio, as VBC shows it, at a minute of the day.
func call(id int64, audio string, more string) vbc.Recording {
	start := day.Add(time.Duration(id) * time.Minute)
	r := vbc.ParseRecording(vbc.Company, "", fmt.Appendf(nil, `{"id":%d,"start":%q,"file_size_in_bytes":%d%s}`, id, vbc.FormatTime(start), len(audio), more))
	r.Account = account
	return r
}

// keep stores a recording's audio and metadata, under its own name with beside behind
// it.
func (s *shelf) keep(r vbc.Recording, audio, beside string, change ...func(*layout.Sidecar)) manifest.Copy {
	s.t.Helper()
	stem, err := layout.Stem(r)
	must(s.t, err)
	side := layout.Sidecar{Format: 1, Account: account, Kind: r.Kind, ContentType: "audio/mpeg", Size: int64(len(audio)), SHA256: storage.SumOf([]byte(audio)),
		ArchivedAt: day.AddDate(0, 1, len(beside)), Recording: r.Raw}
	for _, f := range change {
		f(&side)
	}
	text, err := side.Encode()
	must(s.t, err)
	return manifest.Copy{Audio: s.put(stem+beside+".mp3", audio), Sidecar: s.put(stem+beside+".json", string(text))}
}

// About entries.
func intent(r vbc.Recording, c manifest.Copy) receipt.Entry {
	e := receipt.New(receipt.Intent, 1, r)
	e.Audio, e.Sidecar, e.Verified = &c.Audio, &c.Sidecar, day
	return e
}

func outcome(r vbc.Recording, o receipt.Outcome) receipt.Entry {
	e := receipt.New(receipt.Result, 1, r)
	e.Outcome = o
	return e
}

func of(what receipt.Type, r vbc.Recording, c manifest.Copy) receipt.Entry {
	e := intent(r, c)
	if e.Type = what; what == receipt.Erasing {
		e.Digest = storage.SumOf([]byte("why"))
	}
	return e
}

// end is how far a log has come.
type end struct {
	receipt.Chain
	tree receipt.Tree
}

// log stores a bundle of entries that goes on from an end, signed with a key or not.
func (s *shelf) log(from end, signer *receipt.Key, entries ...receipt.Entry) end {
	s.t.Helper()
	first := from.Last + 1
	var lines []byte
	for i, e := range entries {
		e.At = day.AddDate(0, 2, int(from.Last)).Add(time.Duration(i) * time.Second)
		line, err := from.Seal(e)
		must(s.t, err)
		from.tree.Add(line)
		lines = append(append(lines, line...), '\n')
	}
	body := lines
	if signer != nil {
		signed, err := signer.Sign(receipt.CheckpointOf(from.ID, from.tree))
		must(s.t, err)
		body, err = layout.Body(lines, signed)
		must(s.t, err)
	}
	s.put(layout.Bundle{Chain: from.ID, First: first, Last: from.Last, Head: from.Head}.Key(account), string(body))
	return from
}

// bundles are the texts of a chain's bundles, in their order.
func (s *shelf) bundles(chain string) (all [][]byte) {
	s.t.Helper()
	for o, err := range s.store.List(s.t.Context(), layout.Receipts(account)+"chain="+chain+"/") {
		must(s.t, err)
		text, err := layout.Read(s.t.Context(), s.store, o, layout.MaxReceipts)
		must(s.t, err)
		all = append(all, text)
	}
	return all
}

func start(chain string) end { return end{Chain: receipt.Chain{ID: chain}} }

// made is what a rebuilding has come to.
type made struct {
	rebuild.Result
	findings []check.Finding
	rows     []manifest.Row
	entries  []receipt.Entry // of its own log
	tips     []manifest.Tip
	holds    []manifest.Hold
	heard    []manifest.Listening // the newest first
	texts    []manifest.ListeningRecord
}

// rebuild makes a manifest, which is given the known key.
func (s *shelf) rebuild(change ...func(*rebuild.Options)) (m made) {
	s.t.Helper()
	o := rebuild.Options{Account: account, Workers: 2, Keys: []string{s.known.Verifier()}, Tell: func(f check.Finding) { m.findings = append(m.findings, f) }}
	for _, f := range change {
		f(&o)
	}
	path := filepath.Join(s.t.TempDir(), "m")
	must(s.t, sqlite.Create(s.t.Context(), path, func(into *sqlite.Manifest) (err error) {
		m.Result, err = rebuild.Into(s.t.Context(), s.store, into, slog.New(slog.DiscardHandler), o)
		return err
	}))
	made, err := sqlite.OpenReadOnly(context.Background(), path)
	must(s.t, err)
	defer made.Close()
	for row, err := range made.InOrder(s.t.Context()) {
		must(s.t, err)
		m.rows = append(m.rows, row)
	}
	c := receipt.Chain{}
	for line, err := range made.Receipts(s.t.Context(), 0) {
		must(s.t, err)
		e, err := c.Next(bytes.TrimSuffix(line, []byte("\n")))
		must(s.t, err)
		m.entries = append(m.entries, e)
	}
	m.tips, _, err = made.Tips(s.t.Context())
	must(s.t, err)
	m.holds, err = made.Holds(s.t.Context())
	must(s.t, err)
	for l, err := range made.Listenings(s.t.Context(), manifest.ListeningQuery{}) {
		must(s.t, err)
		m.heard = append(m.heard, l)
	}
	for r, err := range made.ListeningTexts(s.t.Context()) {
		must(s.t, err)
		m.texts = append(m.texts, r)
	}
	if wrong, err := made.Check(s.t.Context()); err != nil || len(wrong) > 0 {
		s.t.Errorf("the manifest: %q, %v", wrong, err)
	}
	return m
}

// found counts the findings of a kind whose key or meaning has all the words.
func (m made) found(what check.Kind, words ...string) (n int) {
	for _, f := range m.findings {
		if f.Kind == what && !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(f.Key+" "+f.Means, w) }) {
			n++
		}
	}
	return n
}

// row is the only one of a recording.
func (m made) row(t *testing.T, id int64) manifest.Row {
	t.Helper()
	all := slices.DeleteFunc(slices.Clone(m.rows), func(r manifest.Row) bool { return r.ID != id })
	if len(all) != 1 {
		t.Fatalf("%d rows of recording %d: %+v; findings %+v", len(all), id, all, m.findings)
	}
	return all[0]
}
