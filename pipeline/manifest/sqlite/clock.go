package sqlite

import (
	"context"
	"time"

	"github.com/vbcvault/vbcvault/vbc"
)

// Redate has the age of a copy count from at. What was written down when it was
// archived was a wrong clock's time.
func (m *Manifest) Redate(ctx context.Context, r vbc.Recording, at time.Time) error {
	return m.exec(ctx, "UPDATE recording SET archived_at = ? WHERE "+thisRow+" AND archived_at > 0",
		millis(at), r.Kind, r.Owner, r.ID, r.Nth)
}
