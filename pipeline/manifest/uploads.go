package manifest

import (
	"context"
	"encoding/json"
	"time"

	"github.com/vbcvault/vbcvault/storage"
)

// Uploads are what was put into the store and may not be whole: uploads in parts,
// and objects that turned out to be something else.
type Uploads interface {
	// UploadBegun is durable on nil; what has ended since the last one is forgotten
	// in the same commit. UploadEnded is written down with the next one that begins,
	// with the run's end, or by ForgetUploads; a crash before that has the next run
	// abort what is no more.
	storage.UploadJournal
	// ForgetUploads writes down which uploads have ended.
	ForgetUploads(ctx context.Context) error
	// Uploads are those that were begun and not ended, as far as is known, the
	// earliest first.
	Uploads(ctx context.Context) ([]Upload, error)
	// Refuse remembers objects until something whole is proven to be under their
	// keys: what is there may be replaced, though nothing else refers to it.
	Refuse(ctx context.Context, all ...Refused) error
	// RefusedAt is what is remembered of the objects that were put under a key, the
	// latest first, and no more than MaxRefused.
	RefusedAt(ctx context.Context, key string) ([]Refused, error)
}

// Upload is an upload in parts that was begun, and of which nobody knows that it
// has ended.
type Upload struct {
	Key, ID string
	Begun   time.Time
}

// Refused is an object of ours that was found not to be what was put there.
type Refused struct {
	Put    storage.Object `json:"put"`              // as it was stored, or was to be
	Has    storage.Object `json:"has,omitzero"`     // what was found, if that was looked at
	Proven bool           `json:"proven,omitempty"` // it was whole once, for sure
	Stored bool           `json:"stored,omitempty"` // Has was there right after the store had said that Put was
}

// Written is what a manifest keeps of it, and a name for that.
func (r Refused) Written() (name, text string, err error) {
	b, err := json.Marshal(r)
	return storage.SumOf(b).String()[:16], string(b), err
}

// ReadRefused reads what Written has returned.
func ReadRefused(text string) (r Refused, err error) {
	err = json.Unmarshal([]byte(text), &r)
	return r, err
}

// MaxRefused is how many are remembered of one key: the latest. Each takes a run of
// its own, or nearly.
const MaxRefused = 16
