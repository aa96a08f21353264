package manifest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// Listenings are the log of who has listened to archived recordings. Entries are
// only ever added. Each has the digest of the one before it and is signed with the
// manifest's key as it is written: whoever can change the file, and doesn't have the
// key, can't add one, and none can be taken out of the middle unseen. From the next run
// on the chain of receipts has them too.
type Listenings interface {
	// AddListening writes down that somebody is about to hear a recording or to get
	// it, and returns what it wrote. Not a byte may be sent before that. It may be
	// called beside a run. It is a *KeyError if the key that signs it can't be had, and
	// ErrUnbound if the manifest has no account yet. The
	// same session of the same person, with the same recording, is one entry however
	// often it is called.
	AddListening(ctx context.Context, l Listening) (Listening, error)
	// Listenings yields the entries that a query selects, the newest first.
	Listenings(ctx context.Context, q ListeningQuery) iter.Seq2[Listening, error]
	// Listened counts by whom and how recordings were listened to since a moment and
	// until another, which is excluded; zero bounds nothing.
	Listened(ctx context.Context, since, until time.Time) ([]ListenerMonth, error)

	// NoteListenings adds to the chain of receipts those that it lacks and that are
	// signed with the manifest's key. It is called by runs alone, as NoteHolds.
	NoteListenings(ctx context.Context, run int64) error
	// RefuseListenings writes down of those without a receipt that aren't signed with
	// the manifest's key, or aren't what it has signed, that they never get one, and
	// counts them.
	RefuseListenings(ctx context.Context) (int, error)
	// ListeningTexts yields all that is written down, in the order of numbers.
	ListeningTexts(ctx context.Context) iter.Seq2[ListeningRecord, error]
	// NotedListenings yields those of the manifest's own whose receipts are the entries
	// from first to last of its chain, in their order.
	NotedListenings(ctx context.Context, first, last int64) iter.Seq2[ListeningRecord, error]
	// UnstoredListenings yields those of the manifest's own that the chain has and
	// that aren't beside the archive yet, in the order of their receipts.
	UnstoredListenings(ctx context.Context) iter.Seq2[ListeningRecord, error]
	// ListeningsStored writes down that an object with the texts of all of the manifest's
	// own whose receipts it names is beside the archive. ListeningBundles are all these.
	ListeningsStored(ctx context.Context, b ListeningBundle) error
	ListeningBundles(ctx context.Context) ([]ListeningBundle, error)
	// UnreadListenings are the entries of the manifest's own chain that name texts which
	// it lacks: receipts that were taken over.
	UnreadListenings(ctx context.Context) (seqs []int64, err error)
	// LearnListenings writes down texts that the archive has, each with the entry of a
	// chain that is its receipt, and counts those that are new. What is known already
	// stays, and what can't be read is left out. In the manifest's own chain, only what
	// UnreadListenings is about is filled in.
	LearnListenings(ctx context.Context, chain string, texts ...ListeningRecord) (n int64, err error)
}

// Listening is that somebody has played or downloaded an archived recording, or read
// what was said in it. Its
// JSON is the text that lies beside the archive: it names who listened, and no
// caller.
type Listening struct {
	Number int64          `json:"-"`    // in this manifest, 1, 2, 3, …
	Digest storage.Digest `json:"-"`    // of the text
	Prev   storage.Digest `json:"prev"` // of the entry before; "" in the first
	Nonce  string         `json:"nonce"`

	// Doubtful says that nobody with the manifest's key has written it as it is, or that
	// its text isn't known: then the other fields are what it is found by. vbcvault audit says so too.
	Doubtful bool `json:"-"`

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

// How somebody got to know what was said.
type How string

const (
	Played     How = "play"
	Downloaded How = "download" // one file
	Exported   How = "export"   // among others, in one ZIP
	Read       How = "read"     // its transcript
)

// Hows are all of them.
var Hows = []How{Played, Downloaded, Exported, Read}

// ListeningRecord is a listening as it is written down.
type ListeningRecord struct {
	Number int64
	Digest storage.Digest
	Text   []byte // empty: only its receipt is known
	Signed string // the manifest's signature; see receipt.Key
	Log    string // the chain that has its receipt; "" = the manifest's own
	Seq    int64  // of its receipt; 0 = there is none yet, -1 = it was refused
	Run    int64  // that has added it
	Stored bool   // it is beside the archive
	Intact bool   // what it is found by is what its text says
}

// ListeningBundle is an object with texts: the first and the last entry of the chain
// that it has the texts of, and the SHA-256 of all of it.
type ListeningBundle struct {
	First, Last int64
	Sum         storage.Digest
}

// Listening is what a record says. It is an error if that isn't what it was.
func (r ListeningRecord) Listening() (l Listening, err error) {
	if storage.SumOf(r.Text) != r.Digest {
		return l, errors.New("its text was changed")
	}
	if err := json.Unmarshal(r.Text, &l); err != nil {
		return l, err
	}
	l.Number, l.Digest = r.Number, r.Digest
	return l, l.Check()
}

// Check reports what is wrong with a listening.
func (l Listening) Check() error {
	switch {
	case l.ID <= 0 || l.Account == "" || l.Kind != vbc.Company && l.Kind != vbc.OnDemand || l.Nth < 0:
		return errors.New("it names no recording")
	case l.Who == "":
		return errors.New("it doesn't say who listens")
	case !slices.Contains(Hows, l.How):
		return fmt.Errorf("it doesn't say how: %.20q", string(l.How))
	case l.At.IsZero():
		return errors.New("it doesn't say when")
	}
	return nil
}

// ListenerMonth counts what somebody has listened to in one month.
type ListenerMonth struct {
	Month string `json:"month"` // as 2026-05, UTC
	Who   string `json:"who"`
	How   How    `json:"how"`
	Times int64  `json:"times"`
}

// MaxWhy is how much of a reason is kept, in bytes.
const MaxWhy = 2000

// ListeningQuery selects listenings. Fields that are zero select nothing.
type ListeningQuery struct {
	Key          *vbc.Key // of one recording
	Nth          int64    // with Key: just this one of those that have had the id
	IDs          []int64  // any of these, whatever their kind and owner
	Who          string   // exactly
	How          How
	Since, Until time.Time // Until excluded
	Scope        Scope     // of recordings that are in it now
	Before       int64     // numbers below it, for the next page
	Limit        int       // 0 = all
}
