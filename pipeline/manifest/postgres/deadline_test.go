//go:build unix

package postgres_test

import (
	"errors"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres"
	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres/postgrestest"
	"github.com/vbcvault/vbcvault/storage/storagetest/wire"
)

// A machine that hears nothing of its database any more gives its lease up by a clock of
// its own, and before anybody else can have it. What it was about to write is not written,
// also when the line is good again; somebody else takes over.
func TestHearsNothingOfItsDatabase(t *testing.T) {
	t.Parallel()
	address := postgrestest.New(t)
	l := wire.New(t, hostOf(t, address))
	m := openIt(t, postgres.Open, postgrestest.Named(through(t, address, l), "m"), postgres.WithLease(6*time.Second), postgres.WithMachine("a"))
	if err := m.AddTo(t.Context(), "a", 1); err != nil {
		t.Fatal(err)
	}
	others := connect(t, address)
	l.Stall()
	writing := make(chan error, 1)
	go func() { writing <- m.AddTo(t.Context(), "a", 1) }()
	select {
	case <-m.Lease().Lost():
	case <-time.After(time.Minute):
		t.Fatal("it keeps its lease for ever")
	}
	var theirs bool
	if err := others.QueryRow(t.Context(), "SELECT until <= clock_timestamp() FROM vbcvault.lease").Scan(&theirs); err != nil || theirs {
		t.Errorf("another machine could have had the lease before: %v", err)
	}
	var lost *manifest.LeaseError
	if err := <-writing; !errors.As(err, &lost) {
		t.Errorf("the change comes to %v", err)
	}
	l.Mend()
	if err := m.AddTo(t.Context(), "a", 1); !errors.As(err, &lost) {
		t.Errorf("a change after it comes to %v", err)
	}
	next, err := takeOver(t.Context(), postgrestest.Named(address, "m"))
	if err != nil {
		t.Fatal(err)
	}
	defer next.Close()
	if n, err := next.Number(t.Context(), "a"); err != nil || n != 1 {
		t.Errorf("%d, %v: a change was written whose lease was over", n, err)
	}
}

// The database has given the lease to somebody else, and the machine that had it knows
// nothing of that yet: its next change finds out, and is none.
func TestEveryChangeNeedsTheLease(t *testing.T) {
	t.Parallel()
	address := postgrestest.New(t)
	path := postgrestest.Named(address, "m")
	first := openIt(t, postgres.Open, path, postgres.WithMachine("a"))
	if err := first.AddTo(t.Context(), "a", 1); err != nil {
		t.Fatal(err)
	}
	if _, err := connect(t, address).Exec(t.Context(), "UPDATE vbcvault.lease SET until = clock_timestamp()"); err != nil {
		t.Fatal(err)
	}
	second := openIt(t, postgres.Open, path, postgres.WithMachine("b"))
	if first.Lease().Held() != nil {
		t.Fatal("it knows already")
	}
	var lost *manifest.LeaseError
	if err := first.AddTo(t.Context(), "a", 1); !errors.As(err, &lost) || first.Lease().Held() == nil {
		t.Errorf("it changes what is another machine's: %v", err)
	}
	if n, err := second.Number(t.Context(), "a"); err != nil || n != 1 || second.Lease().Held() != nil {
		t.Errorf("%d, %v", n, err)
	}
}
