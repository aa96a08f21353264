package rebuild_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/vbcvault/vbcvault/pipeline/check"
	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
)

// Of a log that forks the entries of all branches count, each once, and all that a
// known key has signed in any of them is signed.
func TestForksCountOnce(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	var calls []manifest.Copy
	for id := int64(1); id <= 3; id++ {
		audio := fmt.Sprint("audio ", id)
		calls = append(calls, s.keep(call(id, audio, ""), audio, ""))
	}
	gone := func(id int64) []receipt.Entry {
		r := call(id, "audio 1", "")
		return []receipt.Entry{intent(r, calls[id-1]), outcome(r, receipt.Deleted)}
	}
	both := s.log(start("A"), nil, gone(1)...)
	s.log(both, nil, gone(2)...)
	s.log(both, &s.known, gone(3)...)
	m := s.rebuild()
	if m.Receipts != 6 || m.Chains != 1 || m.ReceiptsSigned != 4 || m.ReceiptsUnsigned != 2 || m.Purged != 3 || !m.Whole() {
		t.Errorf("%+v, %+v", m.Result, m.findings)
	}
	for id, unvouched := range []bool{false, true, false} {
		if row := m.row(t, int64(id+1)); row.Unvouched != unvouched {
			t.Errorf("recording %d isn't vouched for: %v", id+1, row.Unvouched)
		}
	}
	if len(m.tips) != 2 || len(m.entries) != 2 {
		t.Errorf("%+v, %+v", m.tips, m.entries)
	}
}

// The new log begins with how far all others had come, whoever has signed them, as
// far as they are whole.
func TestNewLogSaysWhatItHasFound(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	other := newKey(t)
	r := call(1, "one", "")
	c := s.keep(r, "one", "")
	b := s.log(start("B"), &s.known, intent(r, c), outcome(r, receipt.StillThere))
	a := s.log(start("A"), &other, intent(r, c))
	unsigned := s.log(start("C"), nil, intent(r, c))
	s.put(layout.Bundle{Chain: "C", First: 2, Last: 2, Head: a.Head}.Key(account), "not a receipt\n")
	s.put(layout.VerifierKey(account, "A"), other.Verifier()+"\n")
	s.put(layout.VerifierKey(account, "C"), "vbcvault/evil\x1b[2J+00000000+AAAA\n")
	m := s.rebuild()
	if !slices.Equal(m.ForeignKeys, []string{other.Verifier()}) || m.found(check.Damaged, "chain=C/") != 1 {
		t.Errorf("%q, %+v", m.ForeignKeys, m.findings)
	}
	for i, want := range []struct {
		end
		verifier string
	}{{a, ""}, {b, s.known.Verifier()}, {unsigned, ""}} {
		seen := receipt.SeenLog{Chain: want.ID, Size: want.Last, Head: want.Head, Root: want.tree.Root(), Verifier: want.verifier}
		tip := manifest.Tip{Chain: want.ID, Last: want.Last, Head: want.Head, First: true, Known: true}
		if len(m.entries) != 3 || m.entries[i].Type != receipt.Seen || *m.entries[i].Log != seen || m.tips[i] != tip {
			t.Errorf("entry %d: %+v, %+v; want %+v", i+1, m.entries, m.tips, seen)
		}
	}
}

// A log that is shorter than a signed one has seen it, or another, is named; what
// nobody known has signed says nothing about others.
func TestShorterThanSomebodyHasSeen(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		unsigned bool
		size     int64 // as somebody has seen it; it has 3 entries, in bundles of 1 and 2
		other    bool  // and with another entry there
		want     int
	}{
		"as it was":                {size: 3},
		"grown since":              {size: 1},
		"grown within a bundle":    {size: 2},
		"shorter":                  {size: 4, want: 1},
		"another one":              {size: 3, other: true, want: 1},
		"another one, grown":       {size: 2, other: true, want: 1},
		"shorter, says a stranger": {size: 4, unsigned: true},
	} {
		s := newShelf(t)
		r := call(1, "one", "")
		heads := []storage.Digest{{}}
		log := s.log(start("A"), nil, intent(r, s.keep(r, "one", "")))
		s.log(log, nil, outcome(r, receipt.StillThere), outcome(r, receipt.StillThere))
		for _, b := range s.bundles("A") {
			for line := range bytes.Lines(b) {
				heads = append(heads, storage.SumOf(bytes.TrimSuffix(line, []byte("\n"))))
			}
		}
		seen := receipt.SeenLog{Chain: "A", Size: c.size, Head: storage.SumOf([]byte("another"))}
		if c.size < int64(len(heads)) && !c.other {
			seen.Head = heads[c.size]
		}
		signer := &s.known
		if c.unsigned {
			signer = nil
		}
		s.log(start("B"), signer, receipt.Entry{Type: receipt.Seen, Account: account, Log: &seen})
		if m := s.rebuild(); m.found(check.Missing, "the log A", "log B") != c.want || m.Whole() != (c.want == 0) {
			t.Errorf("%s: %+v", name, m.findings)
		}
	}
}
