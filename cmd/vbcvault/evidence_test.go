package main_test

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// found is what an audit prints with --json.
type found struct {
	Chain, Origin, Root, Key string
	Entries, Signed, Stored  int64
	Breaks, Remarks          []string
	Findings                 []struct {
		Code, Means, Chain string
		Wrong              bool
	}
}

// codes are those of what an audit has found, each once.
func (f found) codes(wrong bool) (codes []string) {
	for _, one := range f.Findings {
		if one.Wrong == wrong {
			codes = append(codes, one.Code)
		}
	}
	slices.Sort(codes)
	return slices.Compact(codes)
}

// audited runs audit, which must find just this wrong.
func (w *world) audited(wrong []string, args ...string) (f found) {
	w.t.Helper()
	r := w.run(append([]string{"audit", "--json"}, args...)...)
	if err := json.Unmarshal([]byte(r.stdout), &f); err != nil {
		w.t.Fatal(err)
	}
	want := 0
	if len(wrong) > 0 {
		want = 1
	}
	if got := f.codes(true); r.code != want || !slices.Equal(got, wrong) {
		w.t.Errorf("exit %d, it finds %q, want %q", r.code, got, wrong)
	}
	if len(f.Breaks) != len(slices.DeleteFunc(slices.Clone(f.Findings), func(one struct {
		Code, Means, Chain string
		Wrong              bool
	}) bool {
		return !one.Wrong
	})) {
		w.t.Errorf("%q are not what is wrong", f.Breaks)
	}
	return f
}

// remarked is audited for what is worth a word.
func (w *world) remarked(wrong, remarks []string, args ...string) (f found) {
	w.t.Helper()
	f = w.audited(wrong, args...)
	if got := f.codes(false); !slices.Equal(got, remarks) {
		w.t.Errorf("it remarks %q, want %q", got, remarks)
	}
	return f
}

// ask asks a manifest for one text.
func (w *world) ask(query string) (text string) {
	w.t.Helper()
	db, err := sql.Open("sqlite", w.manifest())
	if err != nil {
		w.t.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRow(query).Scan(&text); err != nil {
		w.t.Fatal(err)
	}
	return text
}

// history is an archive with two recordings that were deleted at VBC, two that are
// held, and two others.
func history(w *world) (all []vbctest.Recording) {
	w.t.Helper()
	all = w.someRecordings(6)
	w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 6})
	w.hold(append([]string{"add", "--id", "100001,100002"}, byCounsel...)...)
	w.want(w.archive("--older-than", "90d", "--delete", "--max-deletes", "2"), 0, map[string]int{"deleted": 2})
	w.audited(nil)
	return all
}

// some is a recording in a state.
func (w *world) some(state string) int64 {
	w.t.Helper()
	var id int64
	if _, err := fmt.Sscan(w.ask("SELECT id FROM recording WHERE state = '"+state+"' ORDER BY id DESC"), &id); err != nil {
		w.t.Fatal(err)
	}
	return id
}

// log is what the archive has of a chain, as its names put it in order.
type forger struct {
	w    *world
	c    receipt.Chain
	tree receipt.Tree
}

// forger goes on where the log of the manifest ends in the archive.
func (w *world) forger() *forger {
	w.t.Helper()
	f := &forger{w: w, c: receipt.Chain{ID: w.ask("SELECT value FROM meta WHERE key = 'chain'")}}
	for _, k := range w.receipts() {
		if !strings.Contains(k, "/chain="+f.c.ID+"/") {
			continue
		}
		for line := range bytes.Lines(w.read(k)) {
			line = bytes.TrimSuffix(line, []byte("\n"))
			if bytes.HasPrefix(line, []byte(`{"checkpoint"`)) {
				continue
			}
			if _, err := f.c.Next(line); err != nil {
				w.t.Fatal(err)
			}
			f.tree.Add(line)
		}
	}
	return f
}

// about begins an entry about a recording that the manifest has a copy of.
func (f *forger) about(kind receipt.Type, id int64) receipt.Entry {
	f.w.t.Helper()
	row := fmt.Sprintf(" FROM recording WHERE id = %d", id)
	var audio, side storage.Object
	var start int64
	for query, to := range map[string]any{"SELECT audio" + row: &audio, "SELECT sidecar" + row: &side, "SELECT start" + row: &start} {
		if err := json.Unmarshal([]byte(f.w.ask(query)), to); err != nil {
			f.w.t.Fatal(err)
		}
	}
	e := receipt.New(kind, 99, vbc.Recording{Account: "549825", Kind: vbc.Company, ID: id, Start: time.UnixMilli(start).UTC()})
	switch kind {
	case receipt.Result:
		e.Outcome, e.Status = receipt.Deleted, 204
	case receipt.Intent:
		e.Destination, e.Audio, e.Sidecar, e.Verified = f.w.to, &audio, &side, time.Now().UTC()
	case receipt.Erasing:
		e.Digest = storage.SumOf([]byte("no reason"))
		fallthrough
	default:
		e.Audio, e.Sidecar = &audio, &side
	}
	return e
}

// put stores entries as the next ones of a log; sign makes the checkpoint, nil = none.
func (f *forger) put(sign func(receipt.Checkpoint) []byte, entries ...receipt.Entry) (key string) {
	f.w.t.Helper()
	b := layout.Bundle{Chain: f.c.ID, First: f.c.Last + 1}
	var body []byte
	for _, e := range entries {
		line, err := f.c.Seal(e)
		if err != nil {
			f.w.t.Fatal(err)
		}
		f.tree.Add(line)
		body = append(append(body, line...), '\n')
	}
	b.Last, b.Head = f.c.Last, f.c.Head
	if sign != nil {
		var err error
		if body, err = layout.Body(body, sign(receipt.CheckpointOf(f.c.ID, f.tree))); err != nil {
			f.w.t.Fatal(err)
		}
	}
	f.w.place(b.Key("549825"), string(body))
	return b.Key("549825")
}

// by signs with a key of the attacker's own; as is the name that it bears, "" = its own.
func by(t *testing.T, as string) func(receipt.Checkpoint) []byte {
	t.Helper()
	key, err := receipt.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return func(c receipt.Checkpoint) []byte {
		signed, err := key.Sign(c)
		if err != nil {
			t.Fatal(err)
		}
		if as != "" {
			signed = bytes.ReplaceAll(signed, []byte(receipt.SignerOf(signed)), []byte(as))
		}
		return signed
	}
}

// keyName is the name of the manifest's key.
func (w *world) keyName() string {
	name, _, _ := strings.Cut(w.ask("SELECT value FROM meta WHERE key = 'verifier'"), "+")
	return name
}

// states are those of all recordings, by id.
func (w *world) states() string {
	return w.ask("SELECT group_concat(id || ' ' || state, ', ') FROM (SELECT id, state FROM recording ORDER BY id)")
}
