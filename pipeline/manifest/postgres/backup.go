package postgres

import (
	"context"
	"fmt"

	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
)

// Backup writes a copy of the manifest, as it is at this moment, to a new file of SQLite
// (0600), also while a run goes on. On nil the copy is on disk. The key that signs the
// receipts isn't in it, and whoever uses it needs that.
func (m *Manifest) Backup(ctx context.Context, path string) error {
	if err := sqlite.CreateCopy(ctx, path, m.Contents(ctx), sqlite.WithProgram(m.program)); err != nil {
		return fmt.Errorf("back up manifest: %w", err)
	}
	return nil
}
