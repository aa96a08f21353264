package postgres

import (
	"context"
	"fmt"

	"github.com/vbcvault/vbcvault/pipeline/receipt"
)

// newChain begins the manifest's chain of receipts.
func newChain(tx *txn) error { panic("not written yet") }

// pinKey gives a manifest that has no key yet the one that is given.
func (m *Manifest) pinKey(ctx context.Context) error {
	panic(fmt.Sprint("not written yet", receipt.Key{}))
}
