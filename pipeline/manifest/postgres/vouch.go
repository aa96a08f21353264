package postgres

import (
	"context"
	"fmt"
)

// VouchForAll writes down that somebody vouches for all unvouched copies, and
// returns how many there were.
func (m *Manifest) VouchForAll(ctx context.Context) (n int64, err error) {
	err = m.do(ctx, func(tx *txn) (err error) {
		if n, err = tx.Exec("UPDATE vbcvault.recording SET unvouched = false WHERE account = $1 AND unvouched"); err != nil {
			return writeError(err)
		}
		return nil
	})
	return n, err
}

// Unvouched counts the recordings whose copy VBC is still to be asked about before
// it may justify a purge.
func (m *Manifest) Unvouched(ctx context.Context) (n int64, err error) {
	err = m.row(ctx, `SELECT count(*) FROM vbcvault.recording WHERE account = $1 AND unvouched AND displaced = 0
		AND state IN ('stored', 'verified', 'purging', 'failed')`).Scan(&n)
	if err != nil {
		err = fmt.Errorf("read manifest: %w", err)
	}
	return n, err
}
