package postgres

import (
	"context"
	"errors"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/storage"
)

func scanHold(row pgx.CollectableRow) (manifest.HoldRecord, error) {
	return scanHoldAnd(row)
}

// scanHoldAnd is scanHold of a query with more columns.
func scanHoldAnd(row pgx.CollectableRow, more ...any) (r manifest.HoldRecord, err error) {
	var digest string
	if err = row.Scan(append([]any{&r.Number, &digest, &r.Made, &r.Ended, &r.Signed, &r.Noted}, more...)...); err == nil {
		r.Digest, err = storage.ParseDigest(digest)
	}
	return r, err
}

const holdColumns = "number, digest, made, ended, signed, noted > 1"

// HoldTexts returns what the manifest knows of each hold, word by word.
func (m *Manifest) HoldTexts(ctx context.Context) ([]manifest.HoldRecord, error) {
	return query(ctx, m, scanHold, "SELECT "+holdColumns+" FROM vbcvault.hold WHERE account = $1 ORDER BY number")
}

// Holds returns all holds in the order of their numbers, those that were removed
// included.
func (m *Manifest) Holds(ctx context.Context) ([]manifest.Hold, error) {
	return holds(reading{ctx, m}, "true")
}

// active returns the holds that hold at this moment of the transaction.
func active(q reader) ([]manifest.Hold, error) {
	all, err := holds(q, "ended = ''")
	if err != nil {
		return nil, writeError(err)
	}
	return all, nil
}

func holds(q reader, where string) ([]manifest.Hold, error) {
	return collect(q, func(row pgx.CollectableRow) (manifest.Hold, error) {
		r, err := scanHold(row)
		if err != nil {
			return manifest.Hold{}, err
		}
		return r.Hold()
	}, "SELECT "+holdColumns+" FROM vbcvault.hold WHERE account = $1 AND "+where+" ORDER BY number")
}

// AddHold writes a hold down and returns it with its number. From that moment
// on no purge of what it covers is begun, also not by a run that is going on.
// Its receipt, and its copy beside the archive, are the next run's.
func (m *Manifest) AddHold(ctx context.Context, h manifest.Hold) (manifest.Hold, error) {
	h, text, err := manifest.NewHold(h)
	if err != nil {
		return manifest.Hold{}, err
	}
	err = m.do(ctx, func(tx *txn) error {
		if err := shareHold(tx, text, ""); err != nil {
			return err
		}
		if err := tx.QueryRow("SELECT number FROM vbcvault.hold WHERE account = $1 AND digest = $2", h.Digest.String()).Scan(&h.Number); err != nil {
			return writeError(err)
		}
		return nil
	})
	return h, err
}

// shareHold writes a deed about a hold down; signed is the signature of an end.
func shareHold(tx *txn, t manifest.HoldText, signed string) error {
	switch {
	case !t.Check() && t.Ended:
		return nil
	case !t.Check():
		return learnHold(tx, t.Hold, nil)
	case t.Ended:
		if _, err := tx.Exec("UPDATE vbcvault.hold SET ended = $2, signed = $3 WHERE account = $1 AND digest = $4 AND ended = ''", t.Text, signed, t.Hold.String()); err != nil {
			return writeError(err)
		}
		return nil
	}
	var known bool
	err := tx.QueryRow("SELECT made <> '' FROM vbcvault.hold WHERE account = $1 AND digest = $2", t.Hold.String()).Scan(&known)
	switch {
	case known:
		return nil
	case err == nil: // what was lost is to be stored beside the archive again
		_, err = tx.Exec("UPDATE vbcvault.hold SET made = $2, stored = 0 WHERE account = $1 AND digest = $3", t.Text, t.Hold.String())
	case errors.Is(err, pgx.ErrNoRows): // no ON CONFLICT: the page may add holds, and change none of their texts
		_, err = tx.Exec(`INSERT INTO vbcvault.hold (account, number, digest, made)
			SELECT $1, CASE WHEN $2::bigint > 0 AND NOT EXISTS (SELECT 1 FROM vbcvault.hold WHERE account = $1 AND number = $2) THEN $2 ELSE coalesce(max(number), 0) + 1 END, $3, $4
			FROM vbcvault.hold WHERE account = $1`, t.Number, t.Hold.String(), t.Text)
	}
	if err != nil {
		return writeError(err)
	}
	return nil
}

// learnHold writes down a hold of another manifest, or of a later state of
// this one, in the place of what isn't the text that it was made with; made is nil if
// nobody knows what it covers.
func learnHold(tx *txn, digest storage.Digest, made []byte) error {
	if made == nil {
		made = []byte{}
	}
	_, err := tx.Exec(`INSERT INTO vbcvault.hold (account, number, digest, made, noted, stored) SELECT $1, coalesce(max(number), 0) + 1, $2, $3, 1, 1 FROM vbcvault.hold WHERE account = $1
		ON CONFLICT (account, digest) DO UPDATE SET made = excluded.made WHERE excluded.made <> ''`, digest.String(), made)
	if err != nil {
		return writeError(err)
	}
	return nil
}

// RemoveHold ends a hold. The error is ErrNoHold if there is none, a *KeyError if the
// key that signs the end can't be had.
func (m *Manifest) RemoveHold(ctx context.Context, number int64, reason, by string) (h manifest.Hold, err error) {
	key, err := m.SigningKey()
	if err != nil {
		return h, err
	}
	err = m.do(ctx, func(tx *txn) error {
		all, err := active(tx)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(all, func(h manifest.Hold) bool { return h.Number == number })
		if i < 0 {
			return manifest.ErrNoHold
		}
		h = all[i]
		end, signed, err := h.End(reason, by, key)
		if err != nil {
			return err
		}
		return shareHold(tx, end, signed)
	})
	return h, err
}

// ShareHold writes down, in the same words, how a hold was made or how it has ended
// that another manifest of the account has too. It changes nothing that is known
// already.
func (m *Manifest) ShareHold(ctx context.Context, t manifest.HoldText) error {
	signed, err := m.signEnd(t)
	if err != nil {
		return err
	}
	return m.do(ctx, func(tx *txn) error { return shareHold(tx, t, signed) })
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
