//go:build unix

package postgres_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres"
	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres/postgrestest"
)

// eventually waits for what must come; how long that takes is not what is tested.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it never happens: %s", what)
		}
	}
}

// adding are several that add to one number of a manifest, until they are stopped.
type adding struct {
	m       *postgres.Manifest
	done    atomic.Int64 // reported as done
	unknown atomic.Int64 // failed, and nobody knows whether it was done
	all     sync.WaitGroup
	stop    func()
}

func add(t *testing.T, m *postgres.Manifest, by int) *adding {
	a := &adding{m: m}
	ctx, stop := context.WithCancel(t.Context())
	a.stop = sync.OnceFunc(func() { stop(); a.all.Wait() })
	t.Cleanup(a.stop)
	for range by {
		a.all.Go(func() {
			for ctx.Err() == nil {
				if m.AddTo(context.Background(), "a", 1) == nil {
					a.done.Add(1)
					continue
				}
				a.unknown.Add(1)
				time.Sleep(10 * time.Millisecond)
			}
		})
		a.all.Go(func() {
			for ctx.Err() == nil {
				if _, err := m.Number(context.Background(), "a"); err != nil {
					t.Errorf("a number can't be read: %v", err)
					return
				}
			}
		})
	}
	return a
}

// goesOn waits until something more has been done.
func (a *adding) goesOn(t *testing.T) {
	t.Helper()
	before := a.done.Load()
	eventually(t, "something more is done", func() bool { return a.done.Load() > before+5 })
}

// The server is stopped and started again, in a crash too, while runs and others write and
// read: runs notice nothing, and all that was reported as done is there, once.
func TestServerIsRestarted(t *testing.T) {
	t.Parallel()
	notShort(t)
	s := postgrestest.Start(t)
	address := s.Database(t)
	var runs []*adding
	for i := range 3 {
		m := openIt(t, postgres.Open, postgrestest.Named(address, fmt.Sprint("m", i)))
		runs = append(runs, add(t, m, 4))
	}
	beside := add(t, openIt(t, postgres.OpenBeside, postgrestest.Named(address, "m0")), 2)
	for _, mode := range []string{"fast", "immediate"} {
		for _, a := range append(runs, beside) {
			a.goesOn(t)
		}
		s.Stop(t, mode)
		s.Again(t)
	}
	for _, a := range append(runs, beside) {
		a.goesOn(t)
		a.stop()
	}
	for i, a := range runs {
		if n := a.unknown.Load(); n > 0 {
			t.Errorf("%d changes of a run have failed", n)
		}
		want, most := a.done.Load(), a.done.Load()
		if i == 0 {
			want += beside.done.Load()
			most = want + beside.unknown.Load()
		}
		if n, err := a.m.Number(t.Context(), "a"); err != nil || int64(n) < want || int64(n) > most {
			t.Errorf("%d, %v; between %d and %d were done", n, err, want, most)
		}
	}
}

// openIt opens a manifest until the test ends.
func openIt(t *testing.T, open func(context.Context, string, ...postgres.Option) (*postgres.Manifest, error), path string, more ...postgres.Option) *postgres.Manifest {
	t.Helper()
	m, err := open(t.Context(), path, append([]postgres.Option{postgres.WithKey(aKey())}, more...)...)
	if err == nil && m.Lease().Held() == nil {
		err = m.Bind(t.Context(), manifest.Binding{Account: "549825"}) // else it can't be opened beside
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() }) // its server may be gone
	return m
}
