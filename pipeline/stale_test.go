package pipeline

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/check"
	"github.com/vbcvault/vbcvault/pipeline/evidence"
	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/storagetest"
	"github.com/vbcvault/vbcvault/vbc"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// The disk with the manifest takes longer over the intent than a proof may be old:
// the DELETE isn't sent, the intent is withdrawn, and the purge begins anew.
func TestSlowDiskWithdraws(t *testing.T) {
	t.Parallel() // it mostly waits
	if testing.Short() {
		t.Skip("it waits for as long as a proof is good")
	}
	l := newLab(t, "directory")
	all := l.fill()
	if sum, err := l.run(Options{}); err != nil || sum.Archived != 2 {
		t.Fatalf("%+v, %v", sum, err)
	}
	var proven, slowed atomic.Bool
	var deletes atomic.Int64
	l.fault = func(r *http.Request) *vbctest.Fault {
		if r.Method == http.MethodDelete {
			deletes.Add(1)
		}
		return nil
	}
	faulty := l.faulty.(*storagetest.Faulty)
	hook := faulty.Hook
	faulty.Hook = func(op storagetest.Op, key string) storagetest.Fault {
		if op == storagetest.OpStat && strings.HasSuffix(key, ".transcript.json") {
			proven.Store(true) // the last of the first recording
		}
		return hook(op, key)
	}
	l.slow = func() {
		if proven.Load() && slowed.CompareAndSwap(false, true) {
			time.Sleep(evidence.Fresh + 100*time.Millisecond)
			if n := deletes.Load(); n != 0 {
				t.Errorf("%d DELETEs before", n)
			}
		}
	}
	sum, err := l.run(Options{Delete: true, Workers: 1})
	if err != nil || sum.Deleted != 2 || !slowed.Load() {
		t.Errorf("%+v, %v", sum, err)
	}
	l.allDone(all)
	m, err := sqlite.OpenReadOnly(t.Context(), l.path)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if a, err := check.Audit(t.Context(), m, l.clean); err != nil || a.NotSent != 1 || a.Open != 0 || a.Deleted != 2 {
		t.Errorf("%+v, %v; want the first intent withdrawn", a, err)
	}
}

// changing is a store in which what was read is another object each time it is
// asked for.
type changing struct {
	storage.Destination
	stats atomic.Int64
}

func (c *changing) Stat(ctx context.Context, want storage.Object) (storage.Object, error) {
	c.stats.Add(1)
	o, err := c.Destination.Stat(ctx, want)
	o.Seen = time.Now().String()
	return o, err
}

// A proof that is never fresh enough ends the purge of that recording, and is said.
func TestPurgeThatNeverIsFreshEnds(t *testing.T) {
	l := newLab(t, "directory")
	l.fill()
	store := &changing{Destination: l.faulty}
	l.faulty = store
	sum, err := l.run(Options{Delete: true, Workers: 1})
	if err != nil || sum.Failed != 2 || sum.Deleted != 0 || len(l.account.Deleted()) != 0 || store.stats.Load() > 100 {
		t.Errorf("%+v, %v after %d looks", sum, err, store.stats.Load())
	}
}

// A DELETE of which an earlier one may have been sent isn't withdrawn: what became
// of that is still open.
func TestOpenDeleteIsNotWithdrawn(t *testing.T) {
	r := &run{}
	if err := r.withdraw(&item{sent: true}); err != nil { // without a manifest: writing to it panics
		t.Error(err)
	}
	if !errors.Is(&vbc.NotSentError{Err: errGone}, errGone) || receipt.NotSent == receipt.StillThere {
		t.Error("the outcomes can't be told apart")
	}
}
