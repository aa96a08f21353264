package postgres

import (
	"context"
	"fmt"
)

// Scrub has the server give up rows as they once were, and what its indexes have of them,
// in the tables that say something of calls. It takes as long as reading those; everything
// may go on meanwhile. No statement finds any of it from then on. What this doesn't reach
// is bytes in the free space of pages, until something else is written there, and what
// the server has written elsewhere: its log (WAL), replicas and backups. A user who doesn't
// own the tables may not have that done: then the server does it by itself, in its time.
func (m *Manifest) Scrub(ctx context.Context) error {
	_, err := m.db.Exec(ctx, "VACUUM (INDEX_CLEANUP ON) vbcvault.recording, vbcvault.call, vbcvault.spoken, vbcvault.trouble, vbcvault.run")
	if err != nil {
		return writeError(fmt.Errorf("give up what was removed: %w", err))
	}
	return nil
}
