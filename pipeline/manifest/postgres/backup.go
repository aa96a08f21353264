package postgres

import (
	"context"
	"fmt"
	"io/fs"
	"os"

	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
)

// Backup writes a copy of the manifest, as it is at this moment, to a new file of SQLite
// (0600), also while a run goes on. On nil the copy is on disk; the error is fs.ErrExist
// (wrapped) if something is there. The key that signs the
// receipts isn't in it, and whoever uses it needs that.
func (m *Manifest) Backup(ctx context.Context, path string) error {
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("back up manifest to %s: %w", path, fs.ErrExist)
	}
	if err := sqlite.CreateCopy(ctx, path, m.Contents(ctx), sqlite.WithProgram(m.program)); err != nil {
		return fmt.Errorf("back up manifest: %w", err)
	}
	_ = os.Remove(path + ".lock") // nobody uses it yet
	return nil
}
