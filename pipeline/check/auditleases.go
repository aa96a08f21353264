package check

import (
	"cmp"

	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
)

// Lease is under whose lease entries were written, where several machines share a
// database: its number and its holder's word.
type Lease struct {
	Fence  int64  `json:"fence"`
	Holder string `json:"holder"`
}

// underLease notes under which lease an entry of the own log was written. Their numbers
// only rise, and each has one holder: unless a database has lost what it had confirmed.
func (a *auditor) underLease(e receipt.Entry) {
	now := Lease{e.Fence, e.Holder}
	was := cmp.Or(a.LastLease, &Lease{})
	if now == (Lease{}) || now == *was {
		return
	}
	if now.Fence <= was.Fence {
		a.remark(code.OlderLease, a.Chain, "entry %d was written under lease %d of %s, after an entry under lease %d of %s",
			e.Seq, now.Fence, now.Holder, was.Fence, was.Holder)
	}
	a.Leases++
	a.LastLease = &now
}
