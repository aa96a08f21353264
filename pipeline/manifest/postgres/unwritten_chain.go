package postgres

import (
	"context"

	"github.com/vbcvault/vbcvault/pipeline/receipt"
)

func takeOverErasure(tx *txn, e receipt.Entry) error { return nil }

func (m *Manifest) forgetting(ctx context.Context, change func(*txn) error) error {
	return m.do(ctx, change)
}
