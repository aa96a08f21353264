package postgres

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"iter"
	"strconv"

	"github.com/jackc/pgx/v5"

	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// newChain begins the manifest's chain of receipts, unless somebody else just has.
func newChain(tx *txn) error {
	_, err := tx.Exec("INSERT INTO vbcvault.meta (account, key, value) VALUES ($1, 'chain', $2) ON CONFLICT DO NOTHING", rand.Text())
	return err
}

// chain is the manifest's chain up to its last entry.
func chain(q reader) (c receipt.Chain, err error) {
	var last *int64
	var line []byte
	err = q.QueryRow(`SELECT value, seq, entry FROM vbcvault.meta LEFT JOIN
		(SELECT seq, entry FROM vbcvault.receipt WHERE account = $1 ORDER BY seq DESC LIMIT 1) AS end_of_it ON true
		WHERE account = $1 AND key = 'chain'`).Scan(&c.ID, &last, &line)
	if err == nil && last != nil {
		c.Last, c.Head = *last, storage.SumOf(line)
	}
	return c, err
}

// addEntry adds an entry to the end of the chain, with the lease under which that is done.
func addEntry(tx *txn, e receipt.Entry) error {
	c, err := chain(tx)
	if err != nil {
		return writeError(err)
	}
	if tx.m.lease != nil {
		e.Fence, e.Holder = tx.m.lease.Fence()
	}
	line, err := c.Seal(e)
	if err != nil {
		return err
	}
	return putLine(tx, c.Last, line, e)
}

// foundBy is what a line is found by.
type foundBy struct {
	kind, owner string
	id          int64
	start       int64 // seconds, 0 = it says none
	departed    bool  // an outcome: VBC has the recording no more
}

func foundByOf(e receipt.Entry) foundBy {
	return foundBy{
		kind: Storable(string(e.Kind)), owner: Storable(e.Owner), id: e.ID, start: second(e.Start),
		departed: e.Type == receipt.Result && (e.Outcome == receipt.Deleted || e.Outcome == receipt.NotThere),
	}
}

// putLine writes a line down, and what of its entry it is found by.
func putLine(tx *txn, seq int64, line []byte, e receipt.Entry) error {
	if _, err := tx.Exec(putLineText, lineArgs(seq, line, e)...); err != nil {
		return writeError(err)
	}
	return nil
}

const putLineText = "INSERT INTO vbcvault.receipt (account, seq, entry, kind, owner, id, start, departed) VALUES ($1, $2, $3, $4, $5, $6, nullif($7::bigint, 0), $8)"

func lineArgs(seq int64, line []byte, e receipt.Entry) []any {
	by := foundByOf(e)
	return []any{seq, line, by.kind, by.owner, by.id, by.start, by.departed}
}

// Chain says where the manifest's chain of receipts ends. It is not checked.
func (m *Manifest) Chain(ctx context.Context) (receipt.Chain, error) {
	c, err := chain(reading{ctx, m})
	if err != nil {
		return receipt.Chain{}, fmt.Errorf("read receipts: %w", err)
	}
	return c, nil
}

const receiptsPage = 1000 // lines read at once

// line is an entry of the chain as it was written down.
type line struct {
	seq  int64
	text []byte
}

func scanLine(row pgx.CollectableRow) (l line, err error) {
	err = row.Scan(&l.seq, &l.text)
	return l, err
}

// texts yields what lines say.
func texts(lines iter.Seq2[line, error]) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for l, err := range lines {
			if !yield(l.text, err) {
				return
			}
		}
	}
}

// Receipts yields the lines of the chain behind entry after, oldest first, as they are:
// whoever needs them to be a chain checks that.
func (m *Manifest) Receipts(ctx context.Context, after int64) iter.Seq2[[]byte, error] {
	return texts(pages(receiptsPage, func(after int64) ([]line, error) {
		return query(ctx, m, scanLine, "SELECT seq, entry FROM vbcvault.receipt WHERE account = $1 AND seq > $2 ORDER BY seq LIMIT $3", after, receiptsPage)
	}, func(l line) int64 { return l.seq }, after))
}

// ReceiptsAbout yields the lines about the recordings that have had a key, oldest first.
func (m *Manifest) ReceiptsAbout(ctx context.Context, key vbc.Key) iter.Seq2[[]byte, error] {
	return texts(pages(receiptsPage, func(after int64) ([]line, error) {
		return query(ctx, m, scanLine, `SELECT seq, entry FROM vbcvault.receipt WHERE account = $1 AND id = $2 AND id > 0 AND kind = $3 AND owner = $4 AND seq > $5
			ORDER BY seq LIMIT $6`, key.ID, Storable(string(key.Kind)), Storable(key.Owner), after, receiptsPage)
	}, func(l line) int64 { return l.seq }, 0))
}

// ReceiptsStored says up to which entry the chain is stored beside the archive.
func (m *Manifest) ReceiptsStored(ctx context.Context) (seq int64, err error) {
	text, err := m.meta(ctx, "receipts_stored")
	if err != nil || text == "" {
		return 0, err
	}
	return strconv.ParseInt(text, 10, 64)
}

// Tree is the Merkle tree over the entries that are stored there.
func (m *Manifest) Tree(ctx context.Context) (t receipt.Tree, err error) {
	text, err := m.meta(ctx, "tree")
	if err == nil && text != "" {
		err = json.Unmarshal([]byte(text), &t)
	}
	if err != nil {
		err = fmt.Errorf("read receipts: %w", err)
	}
	return t, err
}

// SetReceiptsStored writes down what ReceiptsStored and Tree say.
func (m *Manifest) SetReceiptsStored(ctx context.Context, t receipt.Tree, checkpoint []byte) error {
	return m.do(ctx, func(tx *txn) error { return setReceiptsStored(tx, t, checkpoint) })
}

func setReceiptsStored(tx *txn, t receipt.Tree, checkpoint []byte) error {
	text, err := json.Marshal(t)
	if err != nil {
		return writeError(err)
	}
	keys, values := []string{"receipts_stored", "tree"}, []string{strconv.FormatInt(t.Size(), 10), string(text)}
	if checkpoint != nil {
		keys, values = append(keys, "checkpoint"), append(values, Storable(string(checkpoint)))
	}
	_, err = tx.Exec(`INSERT INTO vbcvault.meta (account, key, value) SELECT $1, * FROM unnest($2::text[], $3::text[])
		ON CONFLICT (account, key) DO UPDATE SET value = excluded.value`, keys, values)
	if err != nil {
		return writeError(err)
	}
	return nil
}
