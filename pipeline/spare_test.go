package pipeline

import (
	"strings"
	"sync"
	"testing"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
	"github.com/vbcvault/vbcvault/storage/storagetest"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// A recording comes under a hold in the moment before its DELETE, and its copy
// turns out to be damaged right after that. It is archived anew and held back,
// once: a purge that a hold has ended doesn't begin again in this run, not even
// where somebody removes the hold meanwhile.
func TestHoldEndsAPurgeForGood(t *testing.T) {
	t.Parallel()
	for _, removed := range []bool{false, true} {
		l := newLab(t, "directory")
		l.account.Add(vbctest.Recording{ID: 1, Start: l.cutoff.AddDate(0, -1, 0), Size: 20_000})
		all := l.account.Recordings()
		if sum, err := l.run(Options{}); err != nil || sum.Archived != 1 {
			t.Fatalf("%+v, %v", sum, err)
		}
		hold := func(change func(*sqlite.Manifest) error) {
			m, err := sqlite.OpenBeside(t.Context(), l.path)
			if err != nil {
				t.Error(err)
				return
			}
			defer m.Close()
			if err := change(m); err != nil {
				t.Error(err)
			}
		}
		store := l.faulty.(*storagetest.Faulty)
		var mu sync.Mutex
		held, damaged, over := false, false, false
		store.Hook = func(op storagetest.Op, key string) storagetest.Fault {
			mu.Lock()
			defer mu.Unlock()
			audio, sidecar := strings.HasSuffix(key, ".mp3"), strings.Contains(key, "kind=company") && strings.HasSuffix(key, ".json")
			switch {
			case op == storagetest.OpStat && sidecar && !held: // the last look before the DELETE
				held = true
				hold(func(m *sqlite.Manifest) error {
					_, err := m.AddHold(t.Context(), manifest.Hold{IDs: []int64{1}, Reason: "r", By: "b"})
					return err
				})
			case op == storagetest.OpStat && audio && held && !damaged: // the first look after that
				damaged = true
				store.Damage(key)
			case op == storagetest.OpPut && audio && removed && !over:
				over = true
				hold(func(m *sqlite.Manifest) error {
					_, err := m.RemoveHold(t.Context(), 1, "r", "b")
					return err
				})
			}
			return storagetest.None
		}
		sum, err := l.run(Options{Delete: true, Workers: 1})
		if err != nil || sum.Skipped != 1 || sum.Failed != 0 || sum.Deleted != 0 || sum.Downloads != 1 || !damaged || over != removed {
			t.Errorf("the hold removed: %v: %+v, %v", removed, sum, err)
		}
		if !l.account.Has("company", 0, 1) {
			t.Errorf("the hold removed: %v: the recording was deleted", removed)
		}
		l.nothingLost(all)
	}
}
