package manifest

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// Kept is what a database keeps of a row in another form than Row has it. What is empty
// there isn't known.
type Kept struct {
	Kind                       vbc.Kind
	Owner                      string
	Nth                        int64
	Raw                        []byte // VBC's JSON
	Audio, Sidecar, Transcript []byte // JSON, see EncodeObject
	Said                       string // see EncodeSaid
	Stored, Archived, Failed   int64  // Unix milliseconds, 0 = never
}

// Complete sets what it has in a row of an account.
func (k Kept) Complete(r *Row, account string) (err error) {
	r.Recording = vbc.ParseRecording(k.Kind, k.Owner, k.Raw)
	if r.Unreadable != "" && len(k.Raw) <= vbc.MaxRecording { // else an earlier version took it
		return fmt.Errorf("%s %s: %s", k.Kind, k.Owner, r.Unreadable)
	}
	r.Account, r.Owner, r.Nth = account, k.Owner, k.Nth
	r.Copy.StoredAt, r.Copy.ArchivedAt, r.Failure.At = fromMillis(k.Stored), fromMillis(k.Archived), fromMillis(k.Failed)
	if r.Said, err = DecodeSaid(k.Said); err != nil {
		return err
	}
	if r.Copy.Audio, err = DecodeObject(k.Audio); err != nil {
		return err
	}
	if r.Copy.Sidecar, err = DecodeObject(k.Sidecar); err != nil {
		return err
	}
	r.Copy.Transcript, err = DecodeObject(k.Transcript)
	return err
}

func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// DecodeObject reads what EncodeObject has written.
func DecodeObject[T []byte | string](text T) (o storage.Object, err error) {
	if len(text) > 0 {
		err = json.Unmarshal([]byte(text), &o)
	}
	return o, err
}

// EncodeObject is what a manifest keeps of an object, "" if there is none.
func EncodeObject(o storage.Object) string {
	if o.Key == "" {
		return ""
	}
	b, err := json.Marshal(o)
	if err != nil {
		panic(err) // strings and numbers only: can't fail
	}
	return string(b)
}
