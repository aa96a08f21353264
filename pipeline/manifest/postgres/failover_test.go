//go:build unix

package postgres_test

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres"
	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres/postgrestest"
	"github.com/vbcvault/vbcvault/storage/storagetest/wire"
)

// A server fails, and a replica takes its place that lacks the last of what was reported
// as done. The run that was told so changes nothing any more, and says why; one that had
// changed nothing since then goes on.
func TestReplicaLacksTheLastCommits(t *testing.T) {
	t.Parallel()
	notShort(t)
	s := postgrestest.Start(t)
	behind := wire.New(t, fmt.Sprint("127.0.0.1:", s.Port()))
	standby := s.Standby(t, behind.Address())
	address := s.Database(t)
	l := wire.New(t, hostOf(t, address))
	path := func(name string) string { return postgrestest.Named(through(t, address, l), name) }
	ahead, even := openIt(t, postgres.Open, path("ahead")), openIt(t, postgres.Open, path("even"))
	for _, m := range []*postgres.Manifest{ahead, even} {
		if err := m.AddTo(t.Context(), "a", 1); err != nil {
			t.Fatal(err)
		}
	}
	s.CatchUp(t, standby)
	behind.Cut()
	if err := ahead.AddTo(t.Context(), "a", 1); err != nil { // which nobody but the server has
		t.Fatal(err)
	}
	s.Stop(t, "immediate")
	standby.Promote(t)
	l.Lead(fmt.Sprint("127.0.0.1:", standby.Port()))

	err := ahead.AddTo(t.Context(), "a", 1)
	if _, lost := errors.AsType[*manifest.LeaseError](err); !lost || !strings.Contains(err.Error(), "a replica that lacked the latest changes") || ahead.Lease().Held() == nil {
		t.Errorf("it isn't noticed: %v", err)
	}
	if err := even.AddTo(t.Context(), "a", 1); err != nil || even.Lease().Held() != nil {
		t.Errorf("nothing of it is lost: %v", err)
	}
	for m, want := range map[*postgres.Manifest]int{ahead: 1, even: 2} {
		if n, err := m.Number(t.Context(), "a"); err != nil || n != want {
			t.Errorf("%s: %d, %v, want %d", m.Path(), n, err, want)
		}
	}
}

// While a replica isn't promoted yet, it takes no changes: a run waits as long as it has
// its lease, and somebody else is told why.
func TestReplicaTakesNoChanges(t *testing.T) {
	t.Parallel()
	notShort(t)
	s := postgrestest.Start(t)
	standby := s.Standby(t, fmt.Sprint("127.0.0.1:", s.Port()))
	address := s.Database(t)
	l := wire.New(t, hostOf(t, address))
	path := postgrestest.Named(through(t, address, l), "m")
	m := openIt(t, postgres.Open, path)
	if err := m.AddTo(t.Context(), "a", 1); err != nil {
		t.Fatal(err)
	}
	s.CatchUp(t, standby)
	l.Lead(fmt.Sprint("127.0.0.1:", standby.Port()))
	if n, err := openIt(t, postgres.OpenReadOnly, path).Number(t.Context(), "a"); err != nil || n != 1 {
		t.Errorf("what can be read: %d, %v", n, err)
	}
	if _, err := postgres.Open(t.Context(), postgrestest.Named(through(t, address, l), "other"), postgres.WithKey(aKey())); err == nil || !strings.Contains(err.Error(), "it is a replica") {
		t.Errorf("a run begins on a replica: %v", err)
	}
	both := strings.Replace(address, hostOf(t, address), fmt.Sprintf("127.0.0.1:%d,%s", standby.Port(), hostOf(t, address)), 1)
	of := openIt(t, postgres.Open, postgrestest.Named(both, "of two")+"&target_session_attrs=read-write")
	if err := of.AddTo(t.Context(), "a", 1); err != nil {
		t.Errorf("of two servers, it doesn't find the one that takes changes: %v", err)
	}
	done := make(chan error, 1)
	go func() { done <- m.AddTo(t.Context(), "a", 1) }()
	s.Stop(t, "fast")
	standby.Promote(t)
	if err := <-done; err != nil {
		t.Errorf("it didn't wait: %v", err)
	}
	if n, err := m.Number(t.Context(), "a"); err != nil || n != 2 {
		t.Errorf("%d, %v", n, err)
	}
}

// Somebody restores a dump of the database from before, in the midst of a run. Nothing of
// what the run does then gets into it.
func TestOlderDumpIsRestored(t *testing.T) {
	t.Parallel()
	s := postgrestest.Shared(t)
	address := s.Database(t)
	m := openIt(t, postgres.Open, postgrestest.Named(address, "m"))
	if err := m.AddTo(t.Context(), "a", 1); err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	name, file := strings.TrimPrefix(u.Path, "/"), filepath.Join(s.Dir(), "before.dump")
	port := fmt.Sprint(s.Port())
	if out, err := s.Command("pg_dump", "-h", "127.0.0.1", "-p", port, "-U", "postgres", "-Fc", "-f", file, name).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := m.AddTo(t.Context(), "a", 1); err != nil {
		t.Fatal(err)
	}
	if out, err := s.Command("pg_restore", "-h", "127.0.0.1", "-p", port, "-U", "postgres", "--clean", "--single-transaction", "-d", name, file).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	err = m.AddTo(t.Context(), "a", 1)
	if _, lost := errors.AsType[*manifest.LeaseError](err); !lost || !strings.Contains(err.Error(), "an older copy was restored") {
		t.Errorf("it isn't noticed: %v", err)
	}
	if n, err := m.Number(t.Context(), "a"); err != nil || n != 1 {
		t.Errorf("%d, %v", n, err)
	}
}
