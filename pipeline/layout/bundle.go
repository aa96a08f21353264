package layout

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
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
// makes the same object. Behind the entries, in a line of its own, is a checkpoint
// of the log up to the last of them; what programs of manifests older than format 10
// have stored has none.
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

// Read reads a bundle and checks that it holds as many entries as its name says,
// ending with the head that it says. Nobody has looked at the checkpoint yet, which
// is nil if there is none.
func (b Bundle) Read(ctx context.Context, store storage.Store) (lines, checkpoint []byte, err error) {
	body, err := Read(ctx, store, b.Object, MaxReceipts+maxCheckpoint)
	if err != nil && !errors.Is(err, ErrTooLarge) { // that is none of ours
		return nil, nil, err
	}
	lines, checkpoint = cutCheckpoint(body)
	trimmed := bytes.TrimSuffix(lines, []byte("\n"))
	last := trimmed[bytes.LastIndexByte(trimmed, '\n')+1:]
	if n := int64(bytes.Count(lines, []byte("\n"))); n != b.Last-b.First+1 || storage.SumOf(last) != b.Head {
		return nil, nil, &receipt.Break{Chain: b.Chain, Seq: b.First, Why: fmt.Sprintf("the content of %s doesn't match its name", b.Object.Key)}
	}
	return lines, checkpoint, nil
}

const (
	maxCheckpoint  = 1 << 16 // bytes
	checkpointLine = `{"checkpoint":`
)

// Body is what a bundle's object holds: the lines, and the signed checkpoint.
func Body(lines, checkpoint []byte) ([]byte, error) {
	last, err := json.Marshal(map[string]string{"checkpoint": string(checkpoint)})
	if err != nil {
		return nil, fmt.Errorf("write receipts: %w", err)
	}
	return slices.Concat(lines, last, []byte("\n")), nil
}

// cutCheckpoint takes the checkpoint off the end of a bundle.
func cutCheckpoint(body []byte) (lines, checkpoint []byte) {
	trimmed := bytes.TrimSuffix(body, []byte("\n"))
	at := bytes.LastIndexByte(trimmed, '\n') + 1
	if !bytes.HasPrefix(trimmed[at:], []byte(checkpointLine)) {
		return body, nil
	}
	var last struct{ Checkpoint string }
	if json.Unmarshal(trimmed[at:], &last) != nil {
		return body, nil
	}
	return body[:at], []byte(last.Checkpoint)
}

// VerifierKey is where the verifier of the key that signs a chain lies, for people:
// no program believes it.
func VerifierKey(account, chain string) string {
	return Receipts(account) + "chain=" + chain + "/key.txt"
}

// VerifierOf is the chain whose file of that kind has a key, "" if it is none.
func VerifierOf(key string) string {
	m := verifierName.FindStringSubmatch(key)
	if m == nil {
		return ""
	}
	return m[1]
}

var verifierName = regexp.MustCompile(`/chain=([A-Z0-9]{1,40})/key\.txt$`)

// Missing are the pieces of a chain up to entry last, each from its first entry to
// its last, that none of its bundles has, going by their names.
func Missing(bundles []Bundle, last int64) (missing [][2]int64) {
	sorted := slices.SortedFunc(slices.Values(bundles), func(a, b Bundle) int { return cmp.Compare(a.First, b.First) })
	next := int64(1)
	for _, b := range append(sorted, Bundle{First: last + 1, Last: last + 1}) {
		if end := min(b.First-1, last); end >= next {
			missing = append(missing, [2]int64{next, end})
		}
		next = max(next, b.Last+1)
	}
	return missing
}

// Behind returns the lines after the first n.
func Behind(lines []byte, n int64) []byte {
	for ; n > 0 && len(lines) > 0; n-- {
		lines = lines[bytes.IndexByte(lines, '\n')+1:]
	}
	return lines
}
