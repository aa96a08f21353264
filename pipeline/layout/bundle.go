package layout

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"

	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
)

// MaxReceipts is how many bytes of receipts one object may have.
const MaxReceipts = 4 << 20

// Receipts is where those of an account lie: beside the archive, as JSON lines, in
// objects such as
//
//	receipts/account=549825/chain=GX3…/000000000001-000000000024_9f86d0….jsonl
//
// named after the first and the last entry and the SHA-256 of the last line.
// An object holds entries of one run, so that storing them again after a crash
// makes the same object.
func Receipts(account string) string { return "receipts/account=" + account + "/" }

// Bundle is one such object.
type Bundle struct {
	Chain       string
	First, Last int64
	Head        storage.Digest
	Object      storage.Object
}

var bundleName = regexp.MustCompile(`/chain=([A-Z0-9]{1,40})/([0-9]{12})-([0-9]{12})_([0-9a-f]{64})\.jsonl$`)

// Key is its name.
func (b Bundle) Key(account string) string {
	return fmt.Sprintf("%schain=%s/%012d-%012d_%s.jsonl", Receipts(account), b.Chain, b.First, b.Last, b.Head)
}

// ParseBundle reads what an object's name says.
func ParseBundle(o storage.Object) (b Bundle, ok bool) {
	m := bundleName.FindStringSubmatch(o.Key)
	if m == nil {
		return b, false
	}
	b.Chain, b.Object = m[1], o
	b.First, _ = strconv.ParseInt(m[2], 10, 64)
	b.Last, _ = strconv.ParseInt(m[3], 10, 64)
	b.Head, _ = storage.ParseDigest(m[4])
	return b, b.First > 0 && b.Last >= b.First
}

// Lines reads a bundle and checks that it holds as many entries as its name
// says, ending with the head that it says.
func (b Bundle) Lines(ctx context.Context, store storage.Store) ([]byte, error) {
	body, err := Read(ctx, store, b.Object, MaxReceipts)
	if err != nil && !errors.Is(err, ErrTooLarge) { // that is none of ours
		return nil, err
	}
	trimmed := bytes.TrimSuffix(body, []byte("\n"))
	last := trimmed[bytes.LastIndexByte(trimmed, '\n')+1:]
	if n := int64(bytes.Count(body, []byte("\n"))); n != b.Last-b.First+1 || storage.SumOf(last) != b.Head {
		return nil, &receipt.Break{Chain: b.Chain, Seq: b.First, Why: fmt.Sprintf("the content of %s doesn't match its name", b.Object.Key)}
	}
	return body, nil
}

// Behind returns the lines after the first n.
func Behind(lines []byte, n int64) []byte {
	for ; n > 0 && len(lines) > 0; n-- {
		lines = lines[bytes.IndexByte(lines, '\n')+1:]
	}
	return lines
}
