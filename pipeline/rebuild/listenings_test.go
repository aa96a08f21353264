package rebuild_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/check"
	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// listenedTo is the receipt and the text of somebody's listening, where the recording had
// another count.
func listenedTo(t *testing.T, r vbc.Recording, who string) (receipt.Entry, string) {
	t.Helper()
	l := manifest.Listening{
		Nonce: who, Account: account, Kind: r.Kind, ID: r.ID, Nth: 5, Start: r.Start,
		At: day.AddDate(0, 2, 0), Who: who, How: manifest.Played, From: "192.0.2.7",
	}
	text, err := json.Marshal(l)
	must(t, err)
	e := receipt.New(receipt.Listened, 1, r)
	e.Digest = storage.SumOf(text)
	return e, string(text) + "\n"
}

// heardIn stores texts as those of entries of a chain.
func (s *shelf) heardIn(chain string, first, last int64, texts string) {
	f := layout.ListeningFile{Chain: chain, ListeningBundle: manifest.ListeningBundle{First: first, Last: last, Sum: storage.SumOf([]byte(texts))}}
	s.put(f.Key(account), texts)
}

// Who has listened is brought back as far as signed receipts name the texts, in the order
// of the receipts, and gets none in the new log. What nobody known has signed isn't, nor
// is a text that no receipt names; a text that is missing is said.
func TestListeningsAreBroughtBack(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	r := call(1, "one", "")
	c := s.keep(r, "one", "")
	eve, eves := listenedTo(t, r, "eve")
	bob, bobs := listenedTo(t, r, "bob")
	zoe, _ := listenedTo(t, r, "zoe")
	mallory, mallorys := listenedTo(t, r, "mallory")
	_, alices := listenedTo(t, r, "alice")
	b := s.log(start("B"), &s.known, eve)
	s.heardIn("B", 1, 1, eves)
	s.log(b, &s.known, intent(r, c), bob, zoe)
	s.heardIn("B", 3, 4, bobs+alices)
	s.log(start("A"), nil, mallory)
	s.heardIn("A", 1, 1, mallorys)
	s.put(layout.Listenings(account)+"odd", "odd")

	m := s.rebuild()
	var who []string
	for _, l := range m.heard {
		who = append(who, fmt.Sprint(l.Who, l.Nth, l.Doubtful))
	}
	if !slices.Equal(who, []string{"bob0 false", "eve0 false"}) || m.Listenings != 2 || m.UnsignedListenings != 1 {
		t.Errorf("%q, %+v", who, m.Result)
	}
	if m.found(check.Missing, "listenings/", "1 texts") != 1 || m.found(check.Unknown, "listenings/", "odd") != 1 {
		t.Errorf("%+v", m.findings)
	}
	for i, r := range m.texts {
		if r.Log != "B" || r.Seq != int64(1+2*i) || !r.Stored {
			t.Errorf("%+v", r)
		}
	}
	if slices.ContainsFunc(m.entries, func(e receipt.Entry) bool { return e.Type == receipt.Listened }) {
		t.Errorf("the new log has %+v", m.entries)
	}
	if m := s.rebuild(trusting); m.Listenings != 3 || m.UnsignedListenings != 0 || len(m.heard) != 3 {
		t.Errorf("%+v", m.Result)
	}
}

// A file of texts that isn't what its name says is said; what receipts name in it counts
// all the same.
func TestDamagedListenings(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	r := call(1, "one", "")
	eve, eves := listenedTo(t, r, "eve")
	bob, _ := listenedTo(t, r, "bob")
	s.log(start("B"), &s.known, eve, bob)
	f := layout.ListeningFile{Chain: "B", ListeningBundle: manifest.ListeningBundle{First: 1, Last: 2, Sum: storage.SumOf([]byte("x"))}}
	s.put(f.Key(account), eves+"{\"torn")
	m := s.rebuild()
	if m.Listenings != 1 || len(m.heard) != 1 || m.found(check.Damaged, "listenings/") != 1 || m.found(check.Missing, "1 texts") != 1 || m.Whole() {
		t.Errorf("%+v, %+v", m.Result, m.findings)
	}
	if !m.heard[0].At.Equal(day.AddDate(0, 2, 0).Truncate(time.Millisecond)) {
		t.Errorf("%+v", m.heard[0])
	}
}
