package manifest

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
)

// What every implementation has in common of the log of who has listened.

// NewListening is l as it is written down now, of a recording of this account.
func NewListening(account string, l Listening) (Listening, error) {
	l.Account, l.Nonce, l.At, l.Start = account, rand.Text(), time.Now().UTC(), l.Start.UTC()
	l.Why = cut(l.Why, MaxWhy)
	if err := l.Check(); err != nil {
		return l, fmt.Errorf("write down who listens: %w", err)
	}
	return l, nil
}

// Seal has l follow on the entry before it, and returns its text and the signature of
// that.
func (l *Listening) Seal(prev storage.Digest, key receipt.Key) (text []byte, signed string, err error) {
	l.Prev = prev
	if text, err = json.Marshal(l); err != nil {
		return nil, "", err
	}
	l.Digest = storage.SumOf(text)
	signed, err = key.SignListening(l.Digest)
	return text, signed, err
}

// Receipt is the entry of the chain that says that l was written down.
func (l Listening) Receipt(run int64) receipt.Entry {
	return receipt.Entry{Type: receipt.Listened, At: l.At, Run: run, Account: l.Account, Kind: l.Kind, Owner: l.Owner, ID: l.ID, Start: l.Start, Digest: l.Digest}
}

// ReadListening is what a text says that the archive has.
func ReadListening(text []byte) (l Listening, ok bool) {
	ok = json.Unmarshal(text, &l) == nil && l.Check() == nil
	return l, ok
}

// ListeningRow is a listening as it is written down, with what it is found by.
type ListeningRow struct {
	ListeningRecord
	By Listening
}

// Read is the row once all that is written down has been read into it: whether it is
// intact is said then.
func (r ListeningRow) Read(digest string, at time.Time) (ListeningRow, error) {
	var err error
	if r.Digest, err = storage.ParseDigest(digest); err != nil {
		return r, err
	}
	r.By.Number, r.By.Digest, r.By.At = r.Number, r.Digest, at
	l, e := r.Listening()
	r.Intact = e == nil && r.fits(l)
	return r, nil
}

// fits reports whether a row is found by what its text says. The count of recordings
// that have had an id is each manifest's own.
func (r ListeningRow) fits(l Listening) bool {
	b := r.By
	return b.Key() == l.Key() && (b.Nth == l.Nth || r.Signed == "") && b.Who == l.Who && b.At.UnixMilli() == l.At.UnixMilli() && b.How == l.How && b.Session == l.Session
}

// Says is what a row says, as far as that is known. What has no receipt must be signed
// with one of the manifest's own keys.
func (r ListeningRow) Says(account string, own receipt.Keys) Listening {
	l, err := r.Listening()
	if err != nil {
		l = r.By
		l.Account = account
	}
	l.Nth, l.Doubtful = r.By.Nth, !r.Intact || r.Seq < 0 || r.Seq == 0 && !own.Listening(r.Digest, r.Signed)
	return l
}

// Signs is what a row says, if one of the manifest's own keys has signed just that.
func (r ListeningRow) Signs(account string, own receipt.Keys) (Listening, bool) {
	l, err := r.Listening()
	return l, err == nil && r.Intact && l.Account == account && own.Listening(r.Digest, r.Signed)
}

// cut is the beginning of a text, in whole runes.
func cut(text string, bytes int) string {
	text = strings.ToValidUTF8(strings.TrimSpace(text), "\ufffd")
	if len(text) <= bytes {
		return text
	}
	for bytes > 0 && !utf8.RuneStart(text[bytes]) {
		bytes--
	}
	return text[:bytes]
}
