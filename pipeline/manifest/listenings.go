package manifest

import (
	"context"
	"iter"
	"time"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// Listenings are the log of who has listened to archived recordings. Entries are
// only ever added. Each has the digest of the one before it, so that none can be
// taken out unseen until the chain of receipts has them.
type Listenings interface {
	// AddListening writes down that somebody is about to hear a recording or to get
	// it, and returns what it wrote. Not a byte may be sent before that. It may be
	// called beside a run.
	AddListening(ctx context.Context, l Listening) (Listening, error)
	// Listenings yields the entries that a query selects, the newest first.
	Listenings(ctx context.Context, q ListeningQuery) iter.Seq2[Listening, error]

	// NoteListenings adds to the chain of receipts those that it lacks. It is called
	// by runs alone, as NoteHolds.
	NoteListenings(ctx context.Context, run int64) error
	// UnstoredListenings yields the texts that aren't beside the archive yet, in
	// their order, and ListeningsStored writes down that all up to one are.
	UnstoredListenings(ctx context.Context) iter.Seq2[ListeningText, error]
	ListeningsStored(ctx context.Context, number int64) error
}

// Listening is that somebody has played or downloaded an archived recording. Its
// JSON is the text that lies beside the archive: it names who listened, and no
// caller.
type Listening struct {
	Number int64          `json:"-"`    // in this manifest, 1, 2, 3, …
	Digest storage.Digest `json:"-"`    // of the text
	Prev   storage.Digest `json:"prev"` // of the entry before; "" in the first
	Nonce  string         `json:"nonce"`

	Account string    `json:"account"`
	Kind    vbc.Kind  `json:"kind"`
	Owner   string    `json:"owner,omitempty"`
	ID      int64     `json:"id"`
	Nth     int64     `json:"nth,omitempty"`
	Start   time.Time `json:"start"` // of the recording, UTC

	At      time.Time `json:"at"`                // UTC
	Who     string    `json:"who"`               // the name by which they signed in
	How     How       `json:"how"`               // play, download, export or read
	Why     string    `json:"why,omitempty"`     // in their own words
	From    string    `json:"from"`              // their address
	Session string    `json:"session,omitempty"` // of playing: so that one session is one entry
}

// Key is the key of the recording.
func (l Listening) Key() vbc.Key { return vbc.Key{Kind: l.Kind, Owner: l.Owner, ID: l.ID} }

// How somebody got to hear a recording.
type How string

const (
	Played     How = "play"
	Downloaded How = "download" // one file
	Exported   How = "export"   // among others, in one ZIP
	Read       How = "read"     // its transcript
)

// ListeningText is a listening in writing.
type ListeningText struct {
	Number int64
	Digest storage.Digest
	Text   []byte
}

// ListeningQuery selects listenings. Fields that are zero select nothing.
type ListeningQuery struct {
	Key          *vbc.Key // of one recording
	Nth          int64    // with Key
	Who          string   // exactly
	How          How
	Since, Until time.Time // Until excluded
	Before       int64     // numbers below it, for the next page
	Limit        int       // 0 = all
}
