package pipeline

import (
	"strings"
	"sync"
	"testing"

	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
	"github.com/vbcvault/vbcvault/storage/storagetest"
	"github.com/vbcvault/vbcvault/vbc"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// Somebody plays a recording while a run is about to delete it, and the bytes that come
// are wrong. Nothing that the run has seen before counts any more: it reads the copy
// again, and deletes the recording only if it is whole.
func TestRefutedBeforeItsDeletion(t *testing.T) {
	t.Parallel()
	l := newLab(t, "directory")
	l.account.Add(vbctest.Recording{ID: 1, Start: l.cutoff.AddDate(0, -1, 0), Size: 20_000})
	all := l.account.Recordings()
	if sum, err := l.run(Options{}); err != nil || sum.Archived != 1 {
		t.Fatalf("%+v, %v", sum, err)
	}
	store := l.faulty.(*storagetest.Faulty)
	var mu sync.Mutex
	doubted, read := false, false
	store.Hook = func(op storagetest.Op, key string) storagetest.Fault {
		mu.Lock()
		defer mu.Unlock()
		company := strings.Contains(key, "kind=company")
		read = read || doubted && company && op == storagetest.OpReread
		if op != storagetest.OpStat || !company || !strings.HasSuffix(key, ".json") || doubted {
			return storagetest.None
		}
		doubted = true // the last look before the DELETE
		m, err := sqlite.OpenBeside(t.Context(), l.path)
		if err != nil {
			t.Error(err)
			return storagetest.None
		}
		defer m.Close()
		if err := m.Doubt(t.Context(), vbc.Recording{Kind: vbc.Company, ID: 1}); err != nil {
			t.Error(err)
		}
		return storagetest.None
	}
	sum, err := l.run(Options{Delete: true, Workers: 1})
	if err != nil || sum.Failed != 0 || sum.Deleted != 1 || !doubted || !read {
		t.Errorf("%+v, %v; refuted: %v, read after that: %v", sum, err, doubted, read)
	}
	l.nothingLost(all)
}
