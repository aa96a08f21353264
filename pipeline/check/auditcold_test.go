package check

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
)

// frozen is a store in which objects with this in their keys are in cold storage.
type frozen struct {
	storage.Store
	part string
}

func (f frozen) Open(ctx context.Context, o storage.Object) (io.ReadCloser, error) {
	if strings.Contains(o.Key, f.part) {
		return nil, storage.ErrCold
	}
	return f.Store.Open(ctx, o)
}

// What is in cold storage can't be compared, which is named; it ends no audit, and is
// not taken for something that is gone, nor is what comes behind it.
func TestAuditOfColdReceipts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	k, other := keep(t, dir), keep(t, dir)
	for range 3 {
		other.night(about(receipt.Intent, 2), about(receipt.Result, 2))
		k.night(about(receipt.Intent, 1), about(receipt.Result, 1))
	}
	k.night()
	first := func(k *keeper) string {
		c, err := k.m.Chain(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for o, err := range k.at.List(t.Context(), layout.Receipts(account)) {
			if b, ok := layout.ParseBundle(o); err == nil && ok && b.Chain == c.ID && b.First == 1 {
				return o.Key
			}
		}
		t.Fatal("it has stored nothing")
		return ""
	}
	for what, part := range map[string]string{"its own": first(k), "another's": first(other), "all": "receipts/"} {
		a, err := Audit(t.Context(), k.m, frozen{k.at, part})
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
		for _, f := range a.Findings {
			if f.Wrong && f.Code != "damaged-receipts" {
				t.Errorf("%s: %s: %s", what, f.Code, f.Means)
			}
		}
		if a.Intact() || !strings.Contains(a.Breaks[0], "cold storage") {
			t.Errorf("%s: it is not named: %+v", what, a.Findings)
		}
	}
}
