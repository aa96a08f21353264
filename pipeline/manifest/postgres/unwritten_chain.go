package postgres

import "github.com/vbcvault/vbcvault/pipeline/receipt"

func takeOverErasure(tx *txn, e receipt.Entry) error { return nil }
