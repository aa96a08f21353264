package rebuild

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/archive"
	"github.com/vbcvault/vbcvault/pipeline/check"
	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/ledger"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
)

// openLogs notes whose word counts, for good, and finds all logs of receipts that lie
// beside the archive.
func (b *rebuild) openLogs(ctx context.Context) error {
	for _, verifier := range b.given {
		t := manifest.Trusted{Verifier: verifier, Reason: "given to rebuild", By: "rebuild", At: time.Now().UTC()}
		if err := b.manifest.Trust(ctx, t); err != nil {
			return err
		}
	}
	var err error
	if b.keys, err = archive.Keys(ctx, b.manifest); err != nil {
		return err
	}
	if b.logs, err = ledger.Read(ctx, b.store, b.account, b.keys, nil); err != nil {
		return err
	}
	for _, s := range b.logs.Strays {
		switch s.Kind {
		case ledger.Foreign:
			b.found.Add(check.Unknown, s.Key, check.None, "it "+s.Why)
		case ledger.Forged:
			b.found.Add(check.Unsigned, s.Key, check.None, "it "+s.Why)
		default:
			b.found.Add(check.Damaged, s.Key, check.None, "it "+s.Why+"; later entries are not trusted, so the next run asks VBC")
		}
	}
	return b.foreignKeys(ctx)
}

// printable is what is shown of keys that anybody may have put beside the archive.
var printable = regexp.MustCompile(`^[!-~]{1,300}$`)

// foreignKeys notes which keys say of themselves, beside the archive, that they have
// signed logs. Nobody believes them: somebody may know one of them again.
func (b *rebuild) foreignKeys(ctx context.Context) error {
	for _, g := range b.logs.Logs {
		if g.Signed == g.Last || g.Claims == "" || b.keys.HasName(g.Claims) {
			continue
		}
		text, err := layout.Read(ctx, b.store, storage.Object{Key: layout.VerifierKey(b.account, g.Chain)}, 4<<10)
		if layout.Unreadable(err) || errors.Is(err, storage.ErrCold) {
			continue
		}
		if err != nil {
			return err
		}
		verifier := strings.TrimSpace(string(text))
		keys, err := receipt.NewKeys(verifier)
		if err == nil && keys.HasName(g.Claims) && printable.MatchString(verifier) && !slices.Contains(b.sum.ForeignKeys, verifier) {
			b.sum.ForeignKeys = append(b.sum.ForeignKeys, verifier)
		}
	}
	return nil
}

// branch is what one log has that no other one of its chain has, which comes before
// it: those with the most that is signed come first.
type branch struct {
	*ledger.Log
	after int64 // entries that others have too
}

// branches are the logs, each entry in one of them.
func (b *rebuild) branches(ctx context.Context) (all []branch, err error) {
	logs := slices.Clone(b.logs.Logs)
	slices.SortStableFunc(logs, func(x, y *ledger.Log) int {
		if c := strings.Compare(x.Chain, y.Chain); c != 0 {
			return c
		}
		return int(y.Signed - x.Signed)
	})
	for i, g := range logs {
		one := branch{Log: g}
		for _, other := range logs[:i] {
			if other.Chain != g.Chain {
				continue
			}
			n, err := b.shared(ctx, g, other)
			if err != nil {
				return nil, err
			}
			one.after = max(one.after, n)
		}
		all = append(all, one)
	}
	return all, nil
}

// shared is how many entries two logs begin with alike.
func (b *rebuild) shared(ctx context.Context, x, y *ledger.Log) (n int64, err error) {
	var lines []storage.Digest
	for line, err := range b.logs.Lines(ctx, x) {
		if err != nil {
			return 0, err
		}
		lines = append(lines, storage.SumOf(line.Text))
	}
	for line, err := range b.logs.Lines(ctx, y) {
		if err != nil {
			return 0, err
		}
		if n == int64(len(lines)) || storage.SumOf(line.Text) != lines[n] {
			break
		}
		n++
	}
	return n, nil
}

// claim is what one log says of another.
type claim struct {
	by  string // chain
	log receipt.SeenLog
}

// compareSeen looks whether all that signed logs have seen of others is there still.
func (b *rebuild) compareSeen(ctx context.Context) error {
	for _, c := range b.seenLogs {
		there, err := b.isThere(ctx, c.log)
		if err != nil {
			return err
		}
		if !there {
			b.found.Add(check.Missing, layout.Receipts(b.account)+"chain="+c.log.Chain, check.None,
				fmt.Sprintf("receipts are missing: the log %s had %d entries when the manifest of the log %s saw it, and has become shorter or another one since", c.log.Chain, c.log.Size, c.by))
		}
	}
	return nil
}

// isThere reports whether a log has come as far as somebody has seen it.
func (b *rebuild) isThere(ctx context.Context, seen receipt.SeenLog) (bool, error) {
	for _, g := range b.logs.Logs {
		if g.Chain != seen.Chain || g.Last < seen.Size {
			continue
		}
		if g.Last == seen.Size && g.Head == seen.Head {
			return true, nil
		}
		for line, err := range b.logs.Lines(ctx, g) {
			if err != nil {
				return false, err
			}
			if line.Seq == seen.Size && storage.SumOf(line.Text) == seen.Head {
				return true, nil
			}
		}
	}
	return false, nil
}

// crossSign writes down how far all logs had come, in the manifest and in its own
// log, whoever has signed them: none of them can become shorter from now on.
func (b *rebuild) crossSign(ctx context.Context) error {
	var chains []string
	var tips []manifest.Tip
	for _, g := range b.logs.Logs {
		chains = append(chains, g.Chain)
		tips = append(tips, manifest.Tip{Chain: g.Chain, Last: g.Last, Head: g.Head, First: true, Known: true})
		seen := receipt.SeenLog{Chain: g.Chain, Size: g.Last, Head: g.Head, Root: g.Tree.Root()}
		if g.Signed == g.Last {
			seen.Verifier = g.Verifier
		}
		e := receipt.Entry{Type: receipt.Seen, At: time.Now().UTC(), Account: b.account, Log: &seen}
		if err := b.manifest.AddReceipt(ctx, e); err != nil {
			return err
		}
	}
	return b.manifest.SeeTips(ctx, slices.Compact(chains), tips)
}
