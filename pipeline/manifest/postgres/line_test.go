//go:build unix

package postgres_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres"
	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres/postgrestest"
	"github.com/vbcvault/vbcvault/storage/storagetest/wire"
)

// through is the address of a database with a line before it.
func through(t testing.TB, address string, l *wire.Line) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	u.Host = l.Address()
	return u.String()
}

// hostOf is where an address of a database leads to.
func hostOf(t testing.TB, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}

// messages are those of PostgreSQL's protocol: the first ones of a connection have no
// type before their length, whose highest byte is always 0.
func messages(data []byte, _ bool) (int, []byte, error) {
	head := 1
	if len(data) > 0 && data[0] == 0 {
		head = 0
	}
	if len(data) < head+4 {
		return 0, nil, nil
	}
	n := head + int(binary.BigEndian.Uint32(data[head:]))
	if len(data) < n {
		return 0, nil, nil
	}
	return n, data[:n], nil
}

// A connection breaks, or nothing gets through it any more, at each message of a change.
// A run's changes are carried out all the same, each once. Of another's, nobody can tell
// what came of a COMMIT that wasn't answered; but none is carried out twice, and none
// that was reported as done is lost.
func TestEveryStepOfAChange(t *testing.T) {
	t.Parallel()
	notShort(t)
	address := postgrestest.New(t)
	var all sync.WaitGroup
	defer all.Wait()
	few := make(chan bool, 28) // each has some connections
	for _, beside := range []bool{false, true} {
		n := (&badly{t: t, address: address, beside: beside, name: fmt.Sprint("count", beside)}).change(0)
		if n < 5 {
			t.Fatalf("a change has %d messages", n)
		}
		for at := 1; at <= n; at++ {
			for _, then := range []wire.Then{wire.Break, wire.BreakBehind, wire.Hold, wire.HoldBehind} {
				few <- true
				all.Go(func() {
					b := &badly{t: t, address: address, beside: beside, then: then, name: fmt.Sprint("m", at, then, beside)}
					b.change(at)
					<-few
				})
			}
		}
	}
}

// badly is one change over a line that is bad at one message.
type badly struct {
	t       *testing.T
	address string
	beside  bool
	then    wire.Then
	name    string
}

// change carries it out, and says how many messages it has sent.
func (b *badly) change(at int) (sent int) {
	ctx, t := b.t.Context(), b.t
	key := postgres.WithKey(aKey())
	path := postgrestest.Named(b.address, b.name)
	first, err := postgres.Open(ctx, path, key)
	if err == nil {
		err = errors.Join(first.Bind(ctx, manifest.Binding{Account: "549825"}), first.Close())
	}
	if err != nil {
		t.Error(err)
		return 0
	}
	var n atomic.Int64
	var armed atomic.Bool
	l := wire.Watched(t, hostOf(t, b.address), messages, func(message []byte) wire.Then {
		if !armed.Load() || isOfLease(message) {
			return wire.Pass
		}
		if n.Add(1) == int64(at) {
			return b.then
		}
		return wire.Pass
	})
	open := postgres.Open
	if b.beside {
		open = postgres.OpenBeside
	}
	m, err := open(ctx, postgrestest.Named(through(t, b.address, l), b.name), key, postgres.WithLease(6*time.Second))
	if err == nil {
		err = m.AddTo(ctx, "a", 1) // so that the next one is like those that follow
	}
	if err != nil {
		t.Error(b.name, err)
		return 0
	}
	armed.Store(true)
	err = m.AddTo(ctx, "a", 1)
	armed.Store(false)
	if e := m.AddTo(ctx, "a", 100); e != nil {
		t.Errorf("%s: the line is good again: %v", b.name, e)
	}
	got, e := m.Number(ctx, "a")
	_, unknown := errors.AsType[*manifest.WriteError](err)
	switch {
	case e != nil:
		t.Errorf("%s: %v", b.name, e)
	case err == nil && got == 102:
	case b.beside && unknown && (got == 101 || got == 102):
	default:
		t.Errorf("%s: %v, and it is %d", b.name, err, got)
	}
	l.Break()
	if err := m.Close(); err != nil {
		t.Errorf("%s: %v", b.name, err)
	}
	return int(n.Load())
}
