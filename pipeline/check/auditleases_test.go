package check

import (
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
)

// An audit says under how many leases entries were written, and remarks on what a
// database that has lost something leaves: a lease older than the one before it, or one
// with two holders.
func TestAuditOfLeases(t *testing.T) {
	t.Parallel()
	k := keep(t, t.TempDir())
	under := func(fence int64, holder string) receipt.Entry {
		e := receipt.Entry{Type: receipt.Held, At: time.Now().UTC(), Account: account, Hold: 1, Digest: storage.SumOf([]byte(holder))}
		e.Fence, e.Holder = fence, holder
		return e
	}
	leases := func(wantN int64, wantLast Lease, remarks int) {
		t.Helper()
		a, err := Audit(t.Context(), k.m, nil)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, f := range a.Findings {
			if f.Code == code.OlderLease {
				n++
			}
		}
		if a.Leases != wantN || a.LastLease == nil || *a.LastLease != wantLast || n != remarks {
			t.Errorf("%d leases, the last %+v, %d remarks; want %d, %+v, %d", a.Leases, a.LastLease, n, wantN, wantLast, remarks)
		}
	}
	k.night(under(3, "A"), under(3, "A"), under(4, "B"))
	leases(2, Lease{4, "B"}, 0)
	k.night(under(6, "A"))
	leases(3, Lease{6, "A"}, 0)
	k.night(under(5, "C"))
	leases(4, Lease{5, "C"}, 1)
	k.night(under(5, "D"))
	leases(5, Lease{5, "D"}, 2)
}

// Without leases nothing is said of them.
func TestAuditWithoutLeases(t *testing.T) {
	t.Parallel()
	k := keep(t, t.TempDir())
	k.night(receipt.Entry{Type: receipt.Held, At: time.Now().UTC(), Account: account, Hold: 1, Digest: storage.SumOf([]byte("x"))})
	if a, err := Audit(t.Context(), k.m, nil); err != nil || a.Leases != 0 || a.LastLease != nil {
		t.Errorf("%+v, %v", a, err)
	}
}
