package main_test

import (
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// Fifty accounts at once, small and large recordings, one with a wrong password, one
// with a small quota, one whose bucket can't be reached: all others are done, each
// quota is kept, and memory is bounded.
func TestFiftyAccounts(t *testing.T) {
	t.Parallel()
	needsPeak(t)
	const wrong, slow, away = 7, 19, 31
	const quota, window = 6, 500 * time.Millisecond
	f := newFleet(t, 50, func(w *world) { w.inS3(nil).built() }, func(i int) vbctest.Config {
		if i == slow {
			return vbctest.Config{Quota: quota, QuotaWindow: window, LockAfter: 3}
		}
		return vbctest.Config{LockAfter: 3}
	})
	f.setenv("WRONG", "not the one")
	f.members[wrong].lines = []string{f.members[wrong].reach("{env: WRONG}")}
	f.members[slow].lines = []string{"rate: 12/s", "fetch: direct"}
	f.members[away].lines = []string{"s3: {endpoint: \"http://127.0.0.1:1\"}"}
	start := time.Now().UTC().Truncate(time.Second).AddDate(-2, 0, 0)
	for i, m := range f.members {
		size := int64(0)
		if i%5 == 0 {
			size = 6 << 20 // two parts
		}
		r := vbctest.Recording{ID: 1, Kind: vbctest.Company, Start: start, Size: size}
		m.Add(r)
		m.all = slices.DeleteFunc(m.Recordings(), func(vbctest.Recording) bool { return false })
	}
	f.write()
	cmd := f.command("archive", "--config", f.file, "--json", "--all", "--accounts-at-once", "50")
	var peak atomic.Int64
	for _, m := range f.members {
		m.Inject(func(r *http.Request) *vbctest.Fault {
			if isDelete(r) {
				peak.Store(max(peak.Load(), peakMemory(f.process(cmd))))
			}
			return nil
		})
	}
	r := f.finish(cmd)
	by := f.parse(r)
	if r.code != 3 || by[""]["exit_code"] != 3.0 {
		t.Errorf("exit %d, %v", r.code, by[""])
	}
	for i, m := range f.members {
		switch i {
		case wrong:
			if o := by[m.name]; o["exit_code"] != 3.0 || o["error_code"] != "login" || m.Counts().Total != 1 {
				t.Errorf("with a wrong password: %v after %d requests", o, m.Counts().Total)
			}
		case away:
			if o := by[m.name]; o["exit_code"] != 3.0 || o["archived"] != 0.0 || len(m.Recordings()) != 3 {
				t.Errorf("with a bucket that can't be reached: %v", o)
			}
		default:
			f.done(m, by[m.name])
		}
		if n := m.Counts().Throttled; n > 0 {
			t.Errorf("%s: %d requests were refused for the quota", m.name, n)
		}
	}
	t.Logf("peak: %d MiB", peak.Load()>>20)
	if n := peak.Load(); n == 0 || n > 220<<20 { // each connection to a manifest holds its schema
		t.Errorf("%d MiB resident, want at most 220", n>>20)
	}
}
