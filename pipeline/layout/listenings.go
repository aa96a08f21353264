package layout

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"regexp"
	"strconv"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/storage"
)

// MaxListenings is how many bytes of texts one object may have.
const MaxListenings = 4 << 20

// Listenings is where the texts of an account's listenings lie: beside the archive, as
// JSON lines, in objects such as
//
//	listenings/account=549825/chain=GX3…/000000000012-000000000024_9f86d0….jsonl
//
// named after the chain that has their receipts, the first and the last of these, and
// the SHA-256 of the object. Receipts of other things may lie between those. An object
// holds what one run has added, so that storing it again after a crash makes the same
// object.
func Listenings(account string) string { return "listenings/account=" + account + "/" }

// ListeningFile is one such object.
type ListeningFile struct {
	Chain string
	manifest.ListeningBundle
	Object storage.Object
}

// ListeningName is the form of their names.
var ListeningName = regexp.MustCompile(`/chain=([A-Z0-9]{1,40})/([0-9]{12})-([0-9]{12})_([0-9a-f]{64})\.jsonl$`)

// Key is its name.
func (f ListeningFile) Key(account string) string {
	return fmt.Sprintf("%schain=%s/%012d-%012d_%s.jsonl", Listenings(account), f.Chain, f.First, f.Last, f.Sum)
}

// ParseListenings reads what an object's name says.
func ParseListenings(o storage.Object) (f ListeningFile, ok bool) {
	m := ListeningName.FindStringSubmatch(o.Key)
	if m == nil {
		return f, false
	}
	f.Chain, f.Object = m[1], o
	f.First, _ = strconv.ParseInt(m[2], 10, 64)
	f.Last, _ = strconv.ParseInt(m[3], 10, 64)
	f.Sum, _ = storage.ParseDigest(m[4])
	return f, f.First > 0 && f.Last >= f.First
}

// ErrNotAsNamed says that an object isn't what its name says.
var ErrNotAsNamed = errors.New("its content doesn't match its name")

// Read reads it. The error is ErrNotAsNamed (wrapped) if it is another one than its
// name says.
func (f ListeningFile) Read(ctx context.Context, store storage.Store) ([]byte, error) {
	body, err := Read(ctx, store, f.Object, MaxListenings)
	if err == nil && storage.SumOf(body) != f.Sum {
		err = fmt.Errorf("read %s: %w", f.Object.Key, ErrNotAsNamed)
	}
	return body, err
}

// Texts yields the texts of such an object, which are named by their digests.
func Texts(body []byte) iter.Seq2[storage.Digest, []byte] {
	return func(yield func(storage.Digest, []byte) bool) {
		for line := range bytes.Lines(body) {
			if text := bytes.TrimSuffix(line, []byte("\n")); len(text) > 0 && !yield(storage.SumOf(text), text) {
				return
			}
		}
	}
}
