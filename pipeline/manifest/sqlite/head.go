package sqlite

import "github.com/vbcvault/vbcvault/pipeline/receipt"

// head is the end of the chain of receipts as the connection that writes knows it: each
// entry has the digest of the one before, which needn't be read for each. It is known
// as long as nobody else has written to the file, and nothing of what this connection
// wrote was taken back.
type head struct {
	chain   receipt.Chain
	known   bool
	version int64 // SQLite's data_version when it was known
}

// begin forgets what it knows if another connection has committed since. It is asked
// within the transaction, in which none can.
func (h *head) begin(tx queryer) error {
	var version int64
	if err := tx.QueryRow("PRAGMA data_version").Scan(&version); err != nil {
		return err
	}
	if version != h.version {
		h.forget()
	}
	h.version = version
	return nil
}

func (h *head) keep(c receipt.Chain) { h.chain, h.known = c, true }

func (h *head) forget() { h.chain, h.known = receipt.Chain{}, false }
