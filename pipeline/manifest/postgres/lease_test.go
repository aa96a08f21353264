//go:build unix

package postgres

import (
	"errors"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

// Within this package there is no server: postgrestest imports it.
func TestUnleased(t *testing.T) {
	t.Parallel()
	var lost *manifest.LeaseError
	if err := (unleased{"m"}).Held(); !errors.As(err, &lost) {
		t.Errorf("%v", err)
	}
	if manifest.HolderFor+manifest.RenewEvery > manifest.LeaseFor || manifest.HolderFor < 30*time.Second {
		t.Error("a holder would go on for longer than its lease")
	}
}
