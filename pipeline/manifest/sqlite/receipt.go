package sqlite

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"fmt"
	"iter"
	"strconv"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// newChain begins the manifest's chain of receipts.
func newChain(tx txn) error {
	_, err := tx.Exec("INSERT INTO meta (key, value) VALUES ('chain', ?)", rand.Text())
	return err
}

// queryer is what a database and a transaction have in common.
type queryer interface {
	QueryRow(query string, args ...any) *sql.Row
}

// chain is the manifest's chain up to its last entry. The connection that writes
// remembers it.
func chain(q queryer) (receipt.Chain, error) {
	w, writes := q.(*writes)
	if writes && w.head.known {
		return w.head.chain, nil
	}
	c, err := readChain(q)
	if writes && err == nil {
		w.head.keep(c)
	}
	return c, err
}

func readChain(q queryer) (c receipt.Chain, err error) {
	var last sql.NullInt64
	var line []byte
	err = q.QueryRow(`SELECT value, seq, entry FROM meta LEFT JOIN (SELECT seq, entry FROM receipt ORDER BY seq DESC LIMIT 1) WHERE key = 'chain'`).Scan(&c.ID, &last, &line)
	if err == nil && last.Valid {
		c.Last, c.Head = last.Int64, storage.SumOf(line)
	}
	return c, err
}

// addEntry adds an entry to the end of the chain.
func addEntry(tx txn, e receipt.Entry) error {
	c, err := chain(tx)
	if err != nil {
		return writeError(err)
	}
	line, err := c.Seal(e)
	if err != nil {
		return err
	}
	return putLine(tx, c, line)
}

// putLine writes down the line that is the end of c.
func putLine(tx txn, c receipt.Chain, line []byte) error {
	if _, err := tx.Exec("INSERT INTO receipt (seq, entry) VALUES (?, ?)", c.Last, string(line)); err != nil {
		return writeError(err)
	}
	if w, ok := tx.(*writes); ok {
		w.head.keep(c)
	}
	return nil
}

// Chain says where the manifest's chain of receipts ends. It is not checked.
func (m *Manifest) Chain(ctx context.Context) (receipt.Chain, error) {
	tx, err := m.reads.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return receipt.Chain{}, fmt.Errorf("read receipts: %w", err)
	}
	defer tx.Rollback()
	c, err := chain(tx)
	if err != nil {
		return receipt.Chain{}, fmt.Errorf("read receipts: %w", err)
	}
	return c, nil
}

const receiptsPage = 1000 // lines read at once

// aboutIndex leads from a recording's id to the lines about it.
const aboutIndex = `CREATE INDEX IF NOT EXISTS receipt_about ON receipt (` + aboutID + `);`

// aboutID is a line's id. Somebody may have written what is no JSON into the file: that
// is for audit to say, and not for a migration to fail on.
const aboutID = `CASE WHEN json_valid(entry) THEN entry ->> '$.id' END`

// ReceiptsAbout yields the lines about the recordings that have had a key, oldest first.
func (m *Manifest) ReceiptsAbout(ctx context.Context, key vbc.Key) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		lines, err := query(ctx, m, func(rows *sql.Rows) (line []byte, err error) {
			err = rows.Scan(&line)
			return line, err
		}, "SELECT entry FROM receipt WHERE "+aboutID+" = ? AND entry ->> '$.kind' = ? AND ifnull(entry ->> '$.owner', '') = ? ORDER BY seq", key.ID, string(key.Kind), key.Owner)
		if err != nil {
			yield(nil, err)
			return
		}
		for _, line := range lines {
			if !yield(line, nil) {
				return
			}
		}
	}
}

// Receipts yields the lines of the chain behind entry after, oldest first, as
// they are: whoever needs them to be a chain checks that.
func (m *Manifest) Receipts(ctx context.Context, after int64) iter.Seq2[[]byte, error] {
	type row struct {
		seq  int64
		line []byte
	}
	return func(yield func([]byte, error) bool) {
		for {
			page, err := query(ctx, m, func(rows *sql.Rows) (r row, err error) {
				err = rows.Scan(&r.seq, &r.line)
				return r, err
			}, "SELECT seq, entry FROM receipt WHERE seq > ? ORDER BY seq LIMIT ?", after, receiptsPage)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, r := range page {
				if !yield(r.line, nil) {
					return
				}
				after = r.seq
			}
			if len(page) < receiptsPage {
				return
			}
		}
	}
}

// ReceiptsStored says up to which entry the chain is stored beside the archive.
func (m *Manifest) ReceiptsStored(ctx context.Context) (seq int64, err error) {
	text, err := m.meta(ctx, "receipts_stored")
	if err != nil || text == "" {
		return 0, err
	}
	return strconv.ParseInt(text, 10, 64)
}

// Tree is the Merkle tree over the entries that are stored there. That of a manifest
// which an earlier program has kept is empty until it is set.
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
	return m.do(ctx, func(tx txn) error { return setReceiptsStored(tx, t, checkpoint) })
}

func setReceiptsStored(tx txn, t receipt.Tree, checkpoint []byte) error {
	text, err := json.Marshal(t)
	if err != nil {
		return writeError(err)
	}
	values := map[string]string{"receipts_stored": strconv.FormatInt(t.Size(), 10), "tree": string(text)}
	if checkpoint != nil {
		values["checkpoint"] = string(checkpoint)
	}
	for key, value := range values {
		if _, err := tx.Exec("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", key, value); err != nil {
			return writeError(err)
		}
	}
	return nil
}

// TakeOver adds entries that the archive has and this manifest, restored from
// an older copy, has not. The lines must continue its chain: else the error is
// a *receipt.Break, and nothing is added. They count as stored.
func (m *Manifest) TakeOver(ctx context.Context, lines []byte, t receipt.Tree, checkpoint []byte) error {
	return m.do(ctx, func(tx txn) error {
		c, err := chain(tx)
		if err != nil {
			return writeError(err)
		}
		before := c.Last
		for line := range bytes.Lines(lines) {
			line = bytes.TrimSuffix(line, []byte("\n"))
			e, err := c.Next(line)
			if err != nil {
				return err
			}
			if err := putLine(tx, c, line); err != nil {
				return err
			}
			if err := takeOverHold(tx, e); err != nil {
				return err
			}
			if err := takeOverErasure(tx, e); err != nil {
				return err
			}
			if err := takeOverListening(tx, e); err != nil {
				return err
			}
			if e.Transcript != nil {
				if err := learnTranscripts(tx); err != nil {
					return err
				}
			}
		}
		if err := noteTakenOver(tx, before+1, c.Last); err != nil {
			return err
		}
		return setReceiptsStored(tx, t, checkpoint)
	})
}

// noteTakenOver adds a piece to those that TakenOver returns.
func noteTakenOver(tx txn, first, last int64) error {
	if last < first {
		return nil
	}
	_, err := tx.Exec(`INSERT INTO meta (key, value) VALUES ('taken_over', json_array(json_object('First', ?1, 'Last', ?2)))
		ON CONFLICT (key) DO UPDATE SET value = json_insert(value, '$[#]', json_object('First', ?1, 'Last', ?2))`, first, last)
	if err != nil {
		return writeError(err)
	}
	return nil
}

// TakenOver are the pieces of the chain that TakeOver has added.
func (m *Manifest) TakenOver(ctx context.Context) (pieces []manifest.Piece, err error) {
	err = m.metaJSON(ctx, "taken_over", &pieces)
	return pieces, err
}
