package manifest

import (
	"context"
	"fmt"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
)

// Logs are what a manifest knows of logs of receipts: how its own is signed, whose
// word it takes, and how far all had come that it has seen beside its archive.
type Logs interface {
	// SigningKey is the key that signs the manifest's log. It is a *KeyError if that
	// can't be had.
	SigningKey() (receipt.Key, error)
	// Verifier is that of the key that the manifest was made with, whether the key
	// can be had or not.
	Verifier(ctx context.Context) (string, error)
	// Trusted are the keys of other manifests whose word is taken.
	Trusted(ctx context.Context) ([]Trusted, error)
	// Trust adds one of them, or changes what is said of it.
	Trust(ctx context.Context, t Trusted) error

	// Checkpoint is the latest signed checkpoint that was stored beside the archive,
	// nil if there is none yet.
	Checkpoint(ctx context.Context) ([]byte, error)
	// AddReceipt adds an entry that belongs to no step to the chain.
	AddReceipt(ctx context.Context, e receipt.Entry) error

	// Tips are the ends of logs that were seen beside the archive. looked says that
	// somebody has looked: else this is the first time.
	Tips(ctx context.Context) (tips []Tip, looked bool, err error)
	// SeeTips writes down ends of logs in place of those of the same chains. One
	// that was there from the first remains so.
	SeeTips(ctx context.Context, chains []string, tips []Tip) error
	// Release writes down that a receipt which is trusted has the end of a hold, by
	// the digests of both texts: from then on LearnHold takes that text.
	Release(ctx context.Context, hold, removal storage.Digest) error
}

// Trusted is a key whose signatures count as the manifest's own do.
type Trusted struct {
	Verifier string    `json:"verifier"`
	Reason   string    `json:"reason,omitempty"`
	By       string    `json:"by,omitempty"`
	At       time.Time `json:"at"` // UTC
}

// Tip is the end of a log: the last entry of a chain, as a name beside the archive
// has said it. A log that forks has several.
type Tip struct {
	Chain string
	Last  int64          // Seq of it
	Head  storage.Digest // of its line
	First bool           // it was there when the manifest saw its archive for the first time
	Known bool           // a known key had signed it then, or the manifest's own log confirms it
}

// KeyError says that the key that signs a manifest's log can't be had.
type KeyError struct {
	Verifier string // of the key that is needed
	File     string // where it should be; "" = it is no file, and must be given
	Why      string
}

func (e *KeyError) Error() string {
	const what = "the key that signs this manifest's receipts is not available: "
	if e.File == "" {
		return what + e.Why
	}
	return fmt.Sprint(what, e.File, " ", e.Why)
}

// OwnKeys are the key that a manifest was made with; none if it has none yet.
func OwnKeys(ctx context.Context, m interface {
	Verifier(ctx context.Context) (string, error)
}) (receipt.Keys, error) {
	verifier, err := m.Verifier(ctx)
	if err != nil || verifier == "" {
		return receipt.Keys{}, err
	}
	return receipt.NewKeys(verifier)
}
