package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// unheld is a *HeldError if a recording is under a hold at this moment of the
// transaction. What VBC has said of it is read there too, whatever the caller knows.
func unheld(tx queryer, r vbc.Recording) error {
	holds, err := active(tx)
	if err != nil || len(holds) == 0 {
		return err
	}
	var raw, text string
	row := manifest.Row{Recording: r}
	err = tx.QueryRow("SELECT raw, said FROM recording WHERE "+thisRow, r.Kind, r.Owner, r.ID, r.Nth).Scan(&raw, &text)
	switch {
	case errors.Is(err, sql.ErrNoRows): // nobody knows more of it
	case err != nil:
		return writeError(err)
	default:
		said, err := manifest.DecodeSaid(text)
		if err != nil {
			return writeError(err)
		}
		row = manifest.EverSaid(r, raw, said)
	}
	if h, held := manifest.Covering(holds, row); held {
		return &manifest.HeldError{Recording: r, Number: h.Number}
	}
	return nil
}

// deletable says of this moment of the transaction what Standing.Deletable does, and
// whether the recording is known. Mostly there are no holds, and then one row is all that
// is read.
func deletable(tx queryer, r vbc.Recording, refuted bool) (known bool, err error) {
	var s manifest.Standing
	err = tx.QueryRow("SELECT refuted, EXISTS (SELECT 1 FROM hold WHERE ended = '') FROM recording WHERE "+thisRow, r.Kind, r.Owner, r.ID, r.Nth).Scan(&s.Refuted, &s.Holds)
	if s.Known = err == nil; err != nil && !errors.Is(err, sql.ErrNoRows) {
		return false, fmt.Errorf("read manifest: %w", err)
	}
	return s.Known, s.Deletable(r, refuted, func() error { return unheld(tx, r) })
}

// Deletable is a *HeldError if a recording is under a hold now, and a *RefutedError if a
// reading has found its copy wrong. Purging looks in its own transaction; this is for
// afterwards.
func (m *Manifest) Deletable(ctx context.Context, r vbc.Recording) error {
	known, err := deletable(reading{ctx, m}, r, false)
	if err == nil && !known {
		err = fmt.Errorf("%s is %w", r.Key(), manifest.ErrUnknown)
	}
	return err
}

// UnderWay counts the recordings covered by a hold whose deletion at VBC has been
// begun, and of which nobody knows yet what becomes of it.
func (m *Manifest) UnderWay(ctx context.Context, h manifest.Hold) (n int, err error) {
	rows, err := query(ctx, m, m.scan, `SELECT `+columns+` FROM recording INDEXED BY by_state WHERE state = 'purging'`)
	for _, row := range rows {
		if h.Covers(row) {
			n++
		}
	}
	return n, err
}

// ShareHold writes down, in the same words, how a hold was made or how it has ended
// that another manifest of the account has too. It changes nothing that is known
// already.
func (m *Manifest) ShareHold(ctx context.Context, t manifest.HoldText) error {
	signed, err := m.signEnd(t)
	if err != nil {
		return err
	}
	return m.do(ctx, func(tx txn) error { return shareHold(tx, t, signed) })
}

// signEnd signs the text of a hold's end, which somebody who is trusted has told; "" if
// it is none.
func (m *Manifest) signEnd(t manifest.HoldText) (string, error) {
	if !t.Ended || !t.Check() {
		return "", nil
	}
	key, err := m.SigningKey()
	if err != nil {
		return "", err
	}
	return key.SignHoldEnd(t.Hold, storage.SumOf(t.Text))
}

// Revive has a hold in force again of whose end there is no good signature.
func (m *Manifest) Revive(ctx context.Context, hold storage.Digest) error {
	return m.exec(ctx, "UPDATE hold SET ended = '', signed = '', noted = min(noted, 1), stored = min(stored, 1) WHERE digest = ?", hold.String())
}

func shareHold(tx txn, t manifest.HoldText, signed string) error {
	switch {
	case !t.Check() && t.Ended:
		return nil
	case !t.Check():
		return learnHold(tx, t.Hold, "")
	case t.Ended:
		if _, err := tx.Exec("UPDATE hold SET ended = ?, signed = ? WHERE digest = ? AND ended = ''", string(t.Text), signed, t.Hold.String()); err != nil {
			return writeError(err)
		}
		return nil
	}
	// What was lost is to be stored beside the archive again.
	_, err := tx.Exec(`INSERT INTO hold (number, digest, made) SELECT iif(?1 > 0 AND NOT EXISTS (SELECT 1 FROM hold WHERE number = ?1), ?1, coalesce(max(number), 0) + 1), ?2, ?3
		FROM hold WHERE true ON CONFLICT (digest) DO UPDATE SET made = excluded.made, stored = 0 WHERE made = ''`, t.Number, t.Hold.String(), string(t.Text))
	if err != nil {
		return writeError(err)
	}
	return nil
}
