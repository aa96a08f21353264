package manifesttest

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// sealed are the lines of entries that follow on a chain.
func sealed(t testing.TB, c *receipt.Chain, entries ...receipt.Entry) []byte {
	t.Helper()
	var all bytes.Buffer
	for _, e := range entries {
		line, err := c.Seal(e)
		must(t, err)
		all.Write(append(line, '\n'))
	}
	return all.Bytes()
}

// treeOf is a tree of so many lines.
func treeOf(n int64) (tree receipt.Tree) {
	for range n {
		tree.Add([]byte("a line"))
	}
	return tree
}

// What the archive has of the chain is added if it continues it, and what it says
// of holds, erasures and transcripts counts.
func takeOver(t *testing.T, places Places) {
	m := fresh(t, places)
	r, other := recording(1, day), recording(2, day)
	add(t, m, 1, r, other)
	take(t, m, r, manifest.StepStored, manifest.StepPurging, manifest.StepPurged)
	take(t, m, other, manifest.StepStored)
	begun, err := m.Chain(t.Context())
	must(t, err)

	gap := begun
	sealed(t, &gap, outcomeOf(r, receipt.Deleted)) // which is left out
	_, broken := errors.AsType[*receipt.Break](m.TakeOver(t.Context(), sealed(t, &gap, outcomeOf(r, receipt.Deleted)), treeOf(gap.Last), nil))
	if c, err := m.Chain(t.Context()); !broken || err != nil || c != begun {
		t.Errorf("a chain with a gap was taken over: %+v, %v", c, err)
	}

	c := begun
	lost := receipt.Entry{Type: receipt.Held, At: day, Account: account, Hold: 1, Digest: storage.SumOf([]byte("a hold"))}
	intent := intentOf(other)
	transcript := object("t")
	intent.Transcript = &transcript
	lines := sealed(t, &c, erasureOf(r, receipt.Erasing), erasureOf(r, receipt.Erased), lost, intent)
	must(t, m.TakeOver(t.Context(), lines, treeOf(c.Last), []byte("signed")))
	if signed, err := m.Checkpoint(t.Context()); err != nil || string(signed) != "signed" {
		t.Errorf("the checkpoint is %q, %v", signed, err)
	}
	if now, err := m.Chain(t.Context()); err != nil || now != c {
		t.Errorf("%+v, %v; want %+v", now, err, c)
	}
	if n, err := m.ReceiptsStored(t.Context()); err != nil || n != c.Last {
		t.Errorf("%d are stored, %v", n, err)
	}
	if row := state(t, m, 1); row.State != manifest.Erased || string(row.Raw) != string(manifest.Bare(1, day, 1000)) {
		t.Errorf("what was erased is %+v", row)
	}
	unknown := recording(9, day)
	must(t, m.TakeOver(t.Context(), sealed(t, &c, erasureOf(unknown, receipt.Erasing), erasureOf(unknown, receipt.Erased)), treeOf(c.Last), nil))
	if row := state(t, m, 9); row.State != manifest.Erased || !row.Start.Equal(day) || row.Copy.Audio != copyOf(unknown).Audio {
		t.Errorf("what was erased and wasn't known is %+v", row)
	}
	if l, err := m.Learned(t.Context()); err != nil || !l.Transcripts {
		t.Errorf("VBC has listed transcripts: %+v, %v", l, err)
	}
	_, held := errors.AsType[*manifest.HeldError](stepsOf(m, other)[manifest.StepPurging](t.Context()))
	if !held {
		t.Error("of a hold that nobody can read any more, not everything is held")
	}
	if p, err := m.TakenOver(t.Context()); err != nil || !slices.Equal(p, []manifest.Piece{{First: begun.Last + 1, Last: c.Last - 2}, {First: c.Last - 1, Last: c.Last}}) {
		t.Errorf("it was taken over: %v, %v", p, err)
	}
	ended := receipt.Entry{Type: receipt.Released, At: day.Add(time.Hour), Account: account, Hold: 1, Digest: lost.Digest, Removal: storage.SumOf([]byte("its end"))}
	must(t, m.TakeOver(t.Context(), sealed(t, &c, ended), treeOf(c.Last), nil))
	if _, held := errors.AsType[*manifest.HeldError](m.Deletable(t.Context(), other)); !held {
		t.Error("an entry alone ends a hold")
	}
	if p, err := m.TakenOver(t.Context()); err != nil || len(p) != 3 || p[2] != (manifest.Piece{First: c.Last, Last: c.Last}) {
		t.Errorf("it was taken over: %v, %v", p, err)
	}
}

// The lines behind an entry come in order and whole, as they were sealed.
func receiptsBehindAnEntry(t *testing.T, places Places) {
	m := fresh(t, places)
	c, err := m.Chain(t.Context())
	must(t, err)
	if c.ID == "" || c.Last != 0 {
		t.Errorf("a new chain is %+v", c)
	}
	var entries []receipt.Entry
	for range 2100 {
		entries = append(entries, outcomeOf(recording(1, day), receipt.NotSent))
	}
	lines := sealed(t, &c, entries...)
	must(t, m.TakeOver(t.Context(), lines, treeOf(c.Last), nil))
	want := bytes.Split(bytes.TrimSpace(lines), []byte("\n"))
	for _, after := range []int{0, 1, 1000, 2099, 2100} {
		n := after
		for line, err := range m.Receipts(t.Context(), int64(after)) {
			must(t, err)
			if !bytes.Equal(line, want[n]) {
				t.Fatalf("behind entry %d comes %s", n, line)
			}
			n++
		}
		if n != len(want) {
			t.Errorf("behind entry %d the last is %d", after, n)
		}
	}
	must(t, m.SetReceiptsStored(t.Context(), treeOf(7), nil))
	if n, err := m.ReceiptsStored(t.Context()); err != nil || n != 7 {
		t.Errorf("%d, %v", n, err)
	}
	ofUser := recording(2, day)
	ofUser.Kind, ofUser.Owner = vbc.OnDemand, "7"
	must(t, m.TakeOver(t.Context(), sealed(t, &c, outcomeOf(recording(2, day), receipt.Deleted), outcomeOf(recording(22, day), receipt.Deleted),
		outcomeOf(ofUser, receipt.NotThere)), treeOf(c.Last), nil))
	about := func(key vbc.Key) (outcomes []receipt.Outcome) {
		for line, err := range m.ReceiptsAbout(t.Context(), key) {
			must(t, err)
			var e receipt.Entry
			must(t, json.Unmarshal(line, &e))
			outcomes = append(outcomes, e.Outcome)
		}
		return outcomes
	}
	if got := about(recording(2, day).Key()); !slices.Equal(got, []receipt.Outcome{receipt.Deleted}) {
		t.Errorf("about a recording there are %v", got)
	}
	if got := about(ofUser.Key()); !slices.Equal(got, []receipt.Outcome{receipt.NotThere}) {
		t.Errorf("about one of a user with the same id there are %v", got)
	}
	if n := len(about(recording(1, day).Key())); n != 2100 {
		t.Errorf("about a recording there are %d", n)
	}
	if got := about(recording(3, day).Key()); got != nil {
		t.Errorf("about a recording without receipts there are %v", got)
	}
	must(t, m.SetReceiptsStored(t.Context(), treeOf(7), nil))
	if tree, err := m.Tree(t.Context()); err != nil || tree.Size() != 7 || tree.Root() != treeOf(7).Root() {
		t.Errorf("the tree is %+v, %v", tree, err)
	}
}
