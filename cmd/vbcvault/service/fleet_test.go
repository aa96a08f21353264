//go:build unix

package service

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/outcome"
	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres"
	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres/postgrestest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
)

// fleet is a database, and the machines that share a state in it.
type fleet struct {
	t       *testing.T
	address string
	key     string // that signs receipts
}

func newFleet(t *testing.T) *fleet {
	key, err := receipt.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return &fleet{t: t, address: postgrestest.New(t), key: key.Secret()}
}

func (f *fleet) shared(machine string) Shared {
	f.t.Helper()
	db, err := postgres.SQL(f.address, 4)
	if err != nil {
		f.t.Fatal(err)
	}
	return Shared{DB: db, Address: f.address, Machine: machine}
}

// house is a machine that isn't started yet. Each start needs connections of its own.
func (f *fleet) house(machine string, accounts ...string) *house {
	f.t.Helper()
	h := newHouse(f.t, accounts...)
	h.options.Log = slog.New(slog.NewTextHandler(f.t.Output(), nil)).With("machine", machine)
	h.options.Pauses.Lost, h.options.Pauses.Grace = 2*time.Second, time.Millisecond
	h.shared = func() *Shared {
		sh := f.shared(machine)
		return &sh
	}
	return h
}

func (f *fleet) control() *Control {
	f.t.Helper()
	c, err := OpenShared(f.t.Context(), f.shared("control"))
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { c.Close() })
	return c
}

// onBoth tests a machine that is alone, and one that has its state in a database.
func onBoth(t *testing.T, test func(*testing.T, builder)) {
	t.Run("alone", func(t *testing.T) {
		t.Parallel()
		test(t, newHouse)
	})
	t.Run("shared", func(t *testing.T) {
		t.Parallel()
		test(t, func(t *testing.T, accounts ...string) *house { return newFleet(t).house("machine", accounts...) })
	})
}

// Two machines share the work of many accounts: each is done once, and both do some.
func TestMachinesShareTheWork(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	names := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
	one, two := f.house("one", names...), f.house("two", names...)
	release := make(chan struct{})
	for _, h := range []*house{one, two} {
		h.options.Config = &config.Config{AccountsAtOnce: 3, Accounts: h.options.Config.Accounts}
		h.hands.do = func(ctx context.Context, _ Kind, _ string) outcome.Outcome { return until(ctx, release) }
		h.start()
	}
	c := f.control()
	runs := map[string]string{}
	for _, name := range names {
		_, runs[name] = one.ask(c, name, Archive)
	}
	began := func() (n int) {
		for _, name := range names {
			n += one.hands.times(name, Archive) + two.hands.times(name, Archive)
		}
		return n
	}
	eventually(t, "all places have work", func() bool { return began() == 6 })
	one.slices(6) // what goes on stays where it is
	if one.hands.most() != 3 || two.hands.most() != 3 {
		t.Errorf("%d and %d at the same time, want 3 and 3", one.hands.most(), two.hands.most())
	}
	close(release)
	for _, name := range names {
		if o := one.ended(c, runs[name]); !o.OK() || o.Account != name {
			t.Errorf("%s: %+v", name, o)
		}
		if n := one.hands.times(name, Archive) + two.hands.times(name, Archive); n != 1 {
			t.Errorf("%s was begun %d times", name, n)
		}
	}
}

// lines is a log that remembers what was said.
type lines struct {
	mu  sync.Mutex
	all []string
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, string(p))
	return len(p), nil
}

func (l *lines) has(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.ContainsFunc(l.all, func(line string) bool { return strings.Contains(line, text) })
}

func (l *lines) logger(t *testing.T) *slog.Logger {
	return slog.New(slog.NewTextHandler(io.MultiWriter(l, t.Output()), nil))
}
