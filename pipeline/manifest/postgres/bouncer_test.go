//go:build unix

package postgres_test

import (
	"context"
	"flag"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest/manifesttest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres"
	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres/postgrestest"
)

var byBouncer = flag.Bool("by-pgbouncer", false, "the contract by way of PgBouncer, too")

// PgBouncer gives each transaction another session, and there are fewer of them than
// manifests that are open: everybody gets a turn, and no lease runs out.
func TestByPgBouncer(t *testing.T) {
	t.Parallel()
	s := postgrestest.Shared(t)
	by := s.Bouncer(t, 3)
	address := by(s.Empty(t))
	var all sync.WaitGroup
	for i := range 6 {
		all.Go(func() {
			ctx, path := context.WithoutCancel(t.Context()), postgrestest.Named(address, fmt.Sprint("m", i))
			m, err := postgres.Open(ctx, path, postgres.WithKey(aKey()), postgres.WithLease(6*time.Second))
			if err != nil {
				t.Error(err)
				return
			}
			var several sync.WaitGroup
			for range 5 {
				several.Go(func() {
					for range 10 {
						if err := m.AddTo(ctx, "a", 1); err != nil {
							t.Error(err)
						}
					}
				})
			}
			several.Wait()
			if n, err := m.Number(ctx, "a"); err != nil || n != 50 || m.Lease().Held() != nil {
				t.Errorf("%d, %v, %v", n, err, m.Lease().Held())
			}
			if err := m.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

// TestContractByPgBouncer is TestContract by way of PgBouncer; make fleet has it.
func TestContractByPgBouncer(t *testing.T) {
	t.Parallel()
	if !*byBouncer {
		t.Skip("-by-pgbouncer wasn't given: it takes as long as TestContract")
	}
	s := postgrestest.Shared(t)
	manifesttest.Run(t, placesIn(s.Bouncer(t, 5)(s.Database(t))))
}
