package sqlite

import (
	"context"
)

// Moved binds the manifest to the identity that its destination has now, whatever
// it was bound to: somebody has moved the archive on purpose. On nil it is
// durable.
func (m *Manifest) Moved(ctx context.Context, identity string) error {
	return m.do(ctx, func(tx txn) error {
		if _, err := tx.Exec(setMeta, "identity", identity); err != nil {
			return writeError(err)
		}
		return nil
	})
}
