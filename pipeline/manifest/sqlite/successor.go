package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

// successor is the setting with what Successor says.
const successor = "successor"

// Successor is the place of the manifest that has taken this one's, "" if none has.
func (m *Manifest) Successor(ctx context.Context) (string, error) { return m.meta(ctx, successor) }

// SetSuccessor writes down that the manifest at path has taken this one's place.
func (m *Manifest) SetSuccessor(ctx context.Context, path string) error {
	return m.exec(ctx, setMeta, successor, path)
}

// notMoved says so if another manifest has taken this one's place: whoever has it open
// beside runs would change what nobody looks at any more.
func (m *Manifest) notMoved(tx *writes) error {
	if m.lock != nil {
		return nil
	}
	var to string
	err := tx.QueryRow("SELECT value FROM meta WHERE key = ?", successor).Scan(&to)
	if errors.Is(err, sql.ErrNoRows) || err == nil && to == "" {
		return nil
	}
	if err == nil {
		err = &manifest.MovedError{Path: m.path, To: to}
	}
	return err
}
