package pipeline

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
)

// Receipts lie beside the archive, as JSON lines, in objects such as
//
//	receipts/account=549825/chain=GX3…/000000000001-000000000024_9f86d0….jsonl
//
// named after the first and the last entry and the SHA-256 of the last line.
// An object holds entries of one run, so that storing them again after a crash
// makes the same object.
const maxReceipts = 4 << 20 // bytes of one object

func receiptsPrefix(account string) string { return "receipts/account=" + account + "/" }

// bundle is one such object.
type bundle struct {
	chain       string
	first, last int64
	head        storage.Digest
	object      storage.Object
}

var bundleName = regexp.MustCompile(`/chain=([A-Z0-9]{1,40})/([0-9]{12})-([0-9]{12})_([0-9a-f]{64})\.jsonl$`)

func (b bundle) key(account string) string {
	return fmt.Sprintf("%schain=%s/%012d-%012d_%s.jsonl", receiptsPrefix(account), b.chain, b.first, b.last, b.head)
}

// parseBundle reads what an object's name says.
func parseBundle(o storage.Object) (b bundle, ok bool) {
	m := bundleName.FindStringSubmatch(o.Key)
	if m == nil {
		return b, false
	}
	b.chain, b.object = m[1], o
	b.first, _ = strconv.ParseInt(m[2], 10, 64)
	b.last, _ = strconv.ParseInt(m[3], 10, 64)
	b.head, _ = storage.ParseDigest(m[4])
	return b, b.first > 0 && b.last >= b.first
}

// lines reads a bundle and checks that it holds as many entries as its name
// says, ending with the head that it says.
func (b bundle) lines(ctx context.Context, store storage.Store) ([]byte, error) {
	body, err := readObject(ctx, store, b.object, maxReceipts)
	if err != nil && !errors.Is(err, errTooLarge) { // that is none of ours
		return nil, err
	}
	trimmed := bytes.TrimSuffix(body, []byte("\n"))
	last := trimmed[bytes.LastIndexByte(trimmed, '\n')+1:]
	if n := int64(bytes.Count(body, []byte("\n"))); n != b.last-b.first+1 || storage.SumOf(last) != b.head {
		return nil, &receipt.Break{Chain: b.chain, Seq: b.first, Why: fmt.Sprintf("the checksum of %s doesn't match its name", b.object.Key)}
	}
	return body, nil
}

// storeReceipts stores the entries of the chain that aren't stored yet. They
// are safe in the manifest; what can't be stored now, the next run stores.
func (r *run) storeReceipts(ended error) {
	if !r.probed || errors.Is(ended, storage.ErrRefused) {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.work), time.Minute)
	defer cancel()
	err := r.keepHolds(ctx)
	if err == nil {
		err = r.storeChain(ctx)
	}
	if err != nil {
		r.problems = append(r.problems, "the receipts could not be stored beside the archive: "+err.Error())
		r.log.Warn("the receipts are in the manifest but could not be stored beside the archive; the next run tries again", "reason", err)
	}
}

func (r *run) storeChain(ctx context.Context) error {
	after, err := r.manifest.ReceiptsStored(ctx)
	if err != nil {
		return err
	}
	var run int64
	var lines []byte
	c := receipt.Chain{Last: after}
	first := after + 1
	flush := func() error {
		if len(lines) == 0 {
			return nil
		}
		if err := r.putBundle(ctx, bundle{chain: c.ID, first: first, last: c.Last, head: c.Head}, lines); err != nil {
			return err
		}
		lines, first = nil, c.Last+1
		return r.manifest.SetReceiptsStored(ctx, c.Last)
	}
	for line, err := range r.manifest.Receipts(ctx, after) {
		if err != nil {
			return err
		}
		var e receipt.Entry
		if err := json.Unmarshal(line, &e); err != nil {
			return err
		}
		if e.Run != run || len(lines)+len(line) >= maxReceipts {
			if err := flush(); err != nil {
				return err
			}
		}
		run, c.ID, c.Last, c.Head = e.Run, e.Chain, e.Seq, storage.SumOf(line)
		lines = append(append(lines, line...), '\n')
	}
	return flush()
}

// putBundle stores lines.
func (r *run) putBundle(ctx context.Context, b bundle, lines []byte) error {
	return r.putProven(ctx, b.key(r.account), lines, "application/x-ndjson")
}

// putProven stores what belongs to the archive as a whole, or finds that an
// earlier try has, and has the store confirm it. The digest in its name says what
// must be there, so anything else is damaged, and replaced.
func (r *run) putProven(ctx context.Context, key string, body []byte, contentType string) error {
	_, err := r.putOver(ctx, key, body, contentType, func(storage.Object) storage.Resolution { return storage.Replace })
	return err
}

// putOver is putProven under a name that others may have as well: other decides
// about what isn't ours. What the store doesn't hold as it was given, it is given
// once more.
func (r *run) putOver(ctx context.Context, key string, body []byte, contentType string, other func(storage.Object) storage.Resolution) (storage.Object, error) {
	want := storage.Content{Size: int64(len(body)), SHA256: storage.SumOf(body)}
	for again := false; ; again = true {
		o, err := r.store.Put(ctx, key, storage.Body{
			Reader: bytes.NewReader(body), Size: want.Size,
			Occupied: func(has storage.Object) storage.Resolution {
				if again || has.Own {
					return storage.Replace
				}
				return other(has)
			},
		}, storage.Attrs{ContentType: contentType})
		if err != nil {
			return o, err
		}
		o.Content = want
		has, err := r.store.Stat(ctx, o)
		if err != nil || has.Content == want {
			return o, err
		}
		if again {
			return o, fmt.Errorf("%s in the destination differs from what was stored", o.Key)
		}
		r.log.Warn("an object that was just stored is damaged; storing it again", "key", o.Key, "bytes", has.Size, "should_be", want.Size)
	}
}

// takeOverReceipts adds to the manifest what the archive has of its chain and
// it hasn't: then it was restored from an older copy. A chain that can't be
// continued is left alone; vbcvault audit says where it breaks.
func (r *run) takeOverReceipts(ctx context.Context) error {
	c, err := r.manifest.Chain(ctx)
	if err != nil {
		return err
	}
	for o, err := range r.store.List(ctx, receiptsPrefix(r.account)+"chain="+c.ID+"/") {
		if err != nil {
			return fmt.Errorf("read the receipts in the destination: %w", err)
		}
		b, ok := parseBundle(o)
		if !ok || b.last <= c.Last {
			continue
		}
		lines, err := b.lines(ctx, r.store)
		if err == nil {
			lines = behind(lines, c.Last-b.first+1)
			err = r.manifest.TakeOver(ctx, lines)
		}
		if isA[*receipt.Break](err) {
			r.log.Warn("the receipts in the destination don't match those of this manifest; vbcvault audit shows details", "reason", err)
			return nil
		}
		if err != nil {
			return err
		}
		r.log.Info("this manifest is older than the archive; receipts were copied from the archive", "entries", b.last-c.Last)
		if c, err = r.manifest.Chain(ctx); err != nil {
			return err
		}
	}
	return nil
}

// behind returns the lines after the first n.
func behind(lines []byte, n int64) []byte {
	for ; n > 0 && len(lines) > 0; n-- {
		lines = lines[bytes.IndexByte(lines, '\n')+1:]
	}
	return lines
}
