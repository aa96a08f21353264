package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
)

// The making of a hold and its end are two deeds, each with an entry in the
// chain and an object beside the archive. noted and stored count those of them
// that are done.
const deeds = "(CASE WHEN ended = '' THEN 1 ELSE 2 END)"

// NoteHolds adds the entries that the chain of receipts lacks. It is called by
// runs alone, once they have taken over what the archive has of the chain:
// entries from anywhere else would fork it.
func (m *Manifest) NoteHolds(ctx context.Context, run int64) error {
	return m.do(ctx, func(tx *txn) error {
		type unnoted struct {
			manifest.HoldRecord
			noted int
		}
		all, err := collect(tx, func(row pgx.CollectableRow) (u unnoted, err error) {
			u.HoldRecord, err = scanHoldAnd(row, &u.noted)
			return u, err
		}, "SELECT "+holdColumns+", noted FROM vbcvault.hold WHERE account = $1 AND noted < "+deeds+" ORDER BY number")
		if err != nil {
			return writeError(err)
		}
		for _, u := range all {
			has := 1 // deeds
			if len(u.Ended) > 0 {
				has = 2
			}
			for noted := u.noted; noted < has; noted++ {
				e, err := u.Receipt(m.number, run, noted == 1)
				if err != nil {
					return writeError(err)
				}
				if err := addEntry(tx, e); err != nil {
					return err
				}
			}
			if _, err := tx.Exec("UPDATE vbcvault.hold SET noted = $2 WHERE account = $1 AND number = $3", has, u.Number); err != nil {
				return writeError(err)
			}
		}
		return nil
	})
}

// takeOverHold notes that the chain has an entry about a hold. Where only that
// is known, and not what it covers, everything is held.
func takeOverHold(tx *txn, e receipt.Entry) error {
	noted := 1
	switch e.Type {
	case receipt.Held:
		if err := learnHold(tx, e.Digest, nil); err != nil {
			return err
		}
	case receipt.Released:
		noted = 2
	default:
		return nil
	}
	if _, err := tx.Exec("UPDATE vbcvault.hold SET noted = greatest(noted, $2) WHERE account = $1 AND digest = $3", noted, e.Digest.String()); err != nil {
		return writeError(err)
	}
	if e.Type == receipt.Released {
		return release(tx, e.Digest, e.Removal)
	}
	return nil
}

// LearnHold writes down what the archive says of a hold. One whose making
// can't be read holds everything; an end that can't be read, or of which no receipt
// that is trusted has the release, ends nothing.
func (m *Manifest) LearnHold(ctx context.Context, t manifest.HoldText) error {
	signed, err := m.signEnd(t)
	if err != nil {
		return err
	}
	return m.do(ctx, func(tx *txn) error {
		switch {
		case !t.Ended && t.Check():
			return learnHold(tx, t.Hold, t.Text)
		case !t.Ended:
			return learnHold(tx, t.Hold, nil)
		case t.Check():
			// The chain may lack its release, where another manifest has ended it.
			_, err := tx.Exec(`UPDATE vbcvault.hold AS h SET ended = $2, signed = $3, stored = 2 WHERE account = $1 AND digest = $4 AND ended = ''
				AND EXISTS (SELECT 1 FROM vbcvault.release AS r WHERE r.account = $1 AND r.hold = h.digest AND r.removal = $5)`,
				t.Text, signed, t.Hold.String(), storage.SumOf(t.Text).String())
			if err != nil {
				return writeError(err)
			}
		}
		return nil
	})
}

// Release writes down that a receipt which is trusted has the end of a hold.
func (m *Manifest) Release(ctx context.Context, hold, removal storage.Digest) error {
	return m.do(ctx, func(tx *txn) error { return release(tx, hold, removal) })
}

func release(tx *txn, hold, removal storage.Digest) error {
	if _, err := tx.Exec("INSERT INTO vbcvault.release (account, hold, removal) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", hold.String(), removal.String()); err != nil {
		return writeError(err)
	}
	return nil
}

// Revive has a hold in force again of whose end there is no good signature.
func (m *Manifest) Revive(ctx context.Context, hold storage.Digest) error {
	return m.exec(ctx, "UPDATE vbcvault.hold SET ended = '', signed = '', noted = least(noted, 1), stored = least(stored, 1) WHERE account = $1 AND digest = $2", hold.String())
}

// HoldsSettled reports whether the chain and the archive have all that was done
// about holds.
func (m *Manifest) HoldsSettled(ctx context.Context) (settled bool, err error) {
	err = m.row(ctx, "SELECT NOT EXISTS (SELECT 1 FROM vbcvault.hold WHERE account = $1 AND (noted < "+deeds+" OR stored < "+deeds+"))").Scan(&settled)
	if err != nil {
		err = fmt.Errorf("read manifest: %w", err)
	}
	return settled, err
}

// UnstoredHolds returns what isn't beside the archive yet.
func (m *Manifest) UnstoredHolds(ctx context.Context) ([]manifest.HoldText, error) {
	return query(ctx, m, func(row pgx.CollectableRow) (t manifest.HoldText, err error) {
		var digest string
		if err = row.Scan(&digest, &t.Ended, &t.Text); err == nil {
			t.Hold, err = storage.ParseDigest(digest)
		}
		return t, err
	}, `SELECT digest, false, made FROM vbcvault.hold WHERE account = $1 AND stored < 1
		UNION ALL SELECT digest, true, ended FROM vbcvault.hold WHERE account = $1 AND stored < 2 AND ended <> ''`)
}

// HoldStored writes down that a text is beside the archive.
func (m *Manifest) HoldStored(ctx context.Context, t manifest.HoldText) error {
	deed := 1
	if t.Ended {
		deed = 2
	}
	return m.exec(ctx, "UPDATE vbcvault.hold SET stored = greatest(stored, $2) WHERE account = $1 AND digest = $3", deed, t.Hold.String())
}
