package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// Whatever goes wrong, in whatever order: faults at any step, deaths, a lost
// manifest, one restored from an older copy, copies damaged behind our back
// while VBC still has the recording. Nothing is lost, no DELETE goes out
// without a whole copy (watchDelete sees to that), and a run that is left
// alone finishes.
func TestNothingIsEverLost(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		l := newLab(&checking{TB: t, rt: rt}, "directory")
		defer func() { _ = l.clean.(io.Closer).Close() }()
		old := l.cutoff.AddDate(-1, 0, 0).Truncate(time.Second)
		n := rapid.SampledFrom([]int{1, 2, 3, 5, fewestForExport + 1}).Draw(rt, "recordings")
		for i := range n {
			l.account.Add(vbctest.Recording{ID: int64(i + 1), Start: old.Add(time.Duration(i) * time.Minute), Size: rapid.Int64Range(100, 9000).Draw(rt, "size"),
				Transcript: rapid.SampledFrom([]string{"", "", "Good morning", `{"text":"Good morning"}`}).Draw(rt, "transcript")})
		}
		l.account.Add(vbctest.Recording{ID: 99, Start: l.cutoff.Add(time.Minute), Size: 500})
		all := l.account.Recordings()
		copied := l.path + ".older"
		for range rapid.IntRange(1, 5).Draw(rt, "runs") {
			rate := rapid.IntRange(0, 30).Draw(rt, "faults in a hundred")
			death := rapid.IntRange(1, 120).Draw(rt, "dies at step")
			fates := rapid.SliceOfN(rapid.IntRange(0, 99), 40, 40).Draw(rt, "fates")
			l.reset(func(step int) (fate, bool) {
				f := fine
				if x := fates[step%len(fates)]; x < rate {
					f = lost + fate(x%3)
				}
				return f, step == death
			})
			_, _ = l.run(Options{Delete: rapid.Bool().Draw(rt, "delete"), Fetch: rapid.SampledFrom([]Fetch{FetchDirect, FetchExport}).Draw(rt, "fetch"),
				PollPause: time.Microsecond, FullScanEvery: rapid.SampledFrom([]time.Duration{0, time.Hour}).Draw(rt, "full scan every"), Workers: rapid.IntRange(1, 3).Draw(rt, "workers"), MaxFailures: 20})
			l.reset(nil)
			l.nothingLost(all)
			switch rapid.IntRange(0, 5).Draw(rt, "then") {
			case 0:
				l.forget()
			case 1:
				l.copyManifest(l.path, copied)
			case 2:
				l.copyManifest(copied, l.path)
				l.restored = true
			case 3:
				l.damage(all, rapid.IntRange(0, n-1).Draw(rt, "which"))
			}
		}
		// A run after a restored manifest may find recordings that it knows
		// nothing of and VBC has no more; what it finds in the store is done.
		l.account.Add(vbctest.Recording{ID: 50, Start: old.Add(-time.Hour), Size: 700})
		all = append(all, l.account.Recordings()[0])
		for range 2 {
			if _, err := l.run(Options{Delete: true, Workers: 2, RetryFailed: true}); err != nil {
				rt.Fatalf("the run that is left alone: %v", err)
			}
		}
		l.allDone(all)
	})
}

// checking reports to rapid, which needs to know.
type checking struct {
	testing.TB
	rt *rapid.T
}

func (c *checking) Helper()                           {}
func (c *checking) Errorf(format string, args ...any) { c.rt.Errorf(format, args...) }
func (c *checking) Fatalf(format string, args ...any) { c.rt.Fatalf(format, args...) }
func (c *checking) Fatal(args ...any)                 { c.rt.Fatal(args...) }

func (l *lab) forget() {
	for _, end := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(l.path + end); err != nil && !errors.Is(err, fs.ErrNotExist) {
			l.t.Fatal(err)
		}
	}
}

// copyManifest makes a backup, or restores one.
func (l *lab) copyManifest(from, to string) {
	m, err := manifest.OpenReadOnly(context.Background(), from)
	if err != nil {
		return // there is none yet
	}
	defer m.Close()
	for _, end := range []string{"", "-wal", "-shm"} {
		_ = os.Remove(to + end)
	}
	if err := m.Backup(context.Background(), to); err != nil {
		l.t.Fatal(err)
	}
}

// damage replaces the audio of a recording that VBC still has.
func (l *lab) damage(all []vbctest.Recording, i int) {
	rec := all[i]
	if !l.account.Has(rec.Kind, rec.User, rec.ID) {
		return
	}
	dir, ok := l.clean.(interface{ String() string })
	if !ok {
		return
	}
	for o := range l.clean.List(context.Background(), l.stem(rec)) {
		if strings.Contains(o.Key, fmt.Sprintf("_%d.mp3", rec.ID)) {
			name := dir.String()[len("file://"):] + "/" + o.Key
			_ = os.Chmod(name, 0o600)
			if err := os.WriteFile(name, []byte("damaged"), 0o600); err != nil {
				l.t.Fatal(err)
			}
			return
		}
	}
}
