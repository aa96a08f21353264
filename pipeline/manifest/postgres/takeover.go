package postgres

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
)

// TakeOver adds entries that the archive has and this manifest, restored from
// an older copy, has not. The lines must continue its chain: else the error is
// a *receipt.Break, and nothing is added. They count as stored.
func (m *Manifest) TakeOver(ctx context.Context, lines []byte, t receipt.Tree, checkpoint []byte) error {
	return m.do(ctx, func(tx *txn) error {
		c, err := chain(tx)
		if err != nil {
			return writeError(err)
		}
		before := c.Last
		transcripts, batch := false, &pgx.Batch{}
		put := func() error {
			if err := tx.tx.SendBatch(tx.ctx, batch).Close(); err != nil {
				return writeError(err)
			}
			batch = &pgx.Batch{}
			return nil
		}
		for text := range bytes.Lines(lines) {
			text = bytes.TrimSuffix(text, []byte("\n"))
			e, err := c.Next(text)
			if err != nil {
				return err
			}
			batch.Queue(putLineText, tx.args(lineArgs(e.Seq, text, e))...)
			transcripts = transcripts || e.Transcript != nil
			if e.Type == receipt.Intent || e.Type == receipt.Result {
				continue // mostly: thousands of exchanges would take longer than a transaction may
			}
			if err := put(); err != nil {
				return err
			}
			if err := takeOver(tx, e); err != nil {
				return err
			}
		}
		if err := put(); err != nil {
			return err
		}
		if transcripts {
			if err := learnTranscripts(tx); err != nil {
				return err
			}
		}
		if err := noteTakenOver(tx, before+1, c.Last); err != nil {
			return err
		}
		return setReceiptsStored(tx, t, checkpoint)
	})
}

// takeOver has the manifest know what an entry of the archive's chain says.
func takeOver(tx *txn, e receipt.Entry) error {
	for _, know := range []func(*txn, receipt.Entry) error{takeOverHold, takeOverErasure, takeOverListening} {
		if err := know(tx, e); err != nil {
			return err
		}
	}
	return nil
}

// noteTakenOver adds a piece to those that TakenOver returns.
func noteTakenOver(tx *txn, first, last int64) error {
	if last < first {
		return nil
	}
	pieces, err := takenOver(tx)
	if err != nil {
		return writeError(err)
	}
	text, err := json.Marshal(append(pieces, manifest.Piece{First: first, Last: last}))
	if err != nil {
		return writeError(err)
	}
	if _, err := tx.Exec(setMeta, "taken_over", string(text)); err != nil {
		return writeError(err)
	}
	return nil
}

// TakenOver are the pieces of the chain that TakeOver has added.
func (m *Manifest) TakenOver(ctx context.Context) ([]manifest.Piece, error) {
	pieces, err := takenOver(reading{ctx, m})
	if err != nil {
		err = fmt.Errorf("read manifest: %w", err)
	}
	return pieces, err
}

func takenOver(q reader) (pieces []manifest.Piece, err error) {
	var text []byte
	err = q.QueryRow("SELECT coalesce((SELECT value FROM vbcvault.meta WHERE account = $1 AND key = 'taken_over'), '[]')").Scan(&text)
	if err == nil {
		err = json.Unmarshal(text, &pieces)
	}
	return pieces, err
}
