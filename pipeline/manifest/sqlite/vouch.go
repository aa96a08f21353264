package sqlite

import (
	"context"
	"fmt"

	"github.com/vbcvault/vbcvault/vbc"
)

// Comparing writes down that VBC is about to be asked once more for a recording
// whose copy is unvouched: it may be stored from then on. What was found stays known
// until then. A copy that is vouched for is left alone.
func (m *Manifest) Comparing(ctx context.Context, r vbc.Recording) error {
	return m.exec(ctx, "UPDATE recording SET state = 'stored' WHERE "+thisRow+" AND state = 'verified' AND unvouched = 1", r.Kind, r.Owner, r.ID, r.Nth)
}

// VouchForAll writes down that somebody vouches for all unvouched copies, and
// returns how many there were.
func (m *Manifest) VouchForAll(ctx context.Context) (n int64, err error) {
	err = m.do(ctx, func(tx txn) error {
		res, err := tx.Exec("UPDATE recording SET unvouched = 0 WHERE unvouched = 1")
		if err == nil {
			n, err = res.RowsAffected()
		}
		if err != nil {
			return writeError(err)
		}
		return nil
	})
	return n, err
}

// Unvouched counts the recordings whose copy VBC is still to be asked about before
// it may justify a purge.
func (m *Manifest) Unvouched(ctx context.Context) (n int64, err error) {
	err = m.reads.QueryRowContext(ctx, `SELECT count(*) FROM recording WHERE unvouched = 1 AND displaced = 0
		AND state IN ('stored', 'verified', 'purging', 'failed')`).Scan(&n)
	if err != nil {
		err = fmt.Errorf("read manifest: %w", err)
	}
	return n, err
}
