//go:build unix

package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres"
	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres/postgrestest"
)

// A change that takes longer than a transaction may, however often it is tried, ends with
// an error that says so, and the lease goes on.
func TestChangeThatAlwaysTakesTooLong(t *testing.T) {
	t.Parallel()
	address := postgrestest.New(t)
	m := openIt(t, postgres.Open, postgrestest.Named(address, "m"), postgres.WithLease(briefly))
	ended := make(chan error, 1)
	go func() {
		_, err := m.Says(context.Background(), "SELECT pg_sleep(600)::text WHERE $1::bigint > 0")
		ended <- err
	}()
	select {
	case err := <-ended:
		if err == nil || m.Lease().Held() != nil {
			t.Errorf("%v, %v", err, m.Lease().Held())
		}
	case <-time.After(15 * briefly):
		_, err := connect(t, address).Exec(t.Context(), "UPDATE vbcvault.lease SET until = clock_timestamp()") // which ends it
		t.Errorf("it is tried again for ever: %v, %v", err, <-ended)
	}
}
