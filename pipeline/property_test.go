package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/storagetest"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// Whatever goes wrong, in whatever order: faults at any step, deaths, stops, a lost
// manifest, one restored from an older copy, copies that rot behind our back while
// VBC still has the recording, in a store that reads or in one that remembers; a
// store that damages what it has just accepted; ids that VBC gives again, starts
// that it corrects, and exports with equal names. Nothing is lost, no DELETE goes
// out without a whole copy (watchDelete sees to that), and a run that is left alone
// finishes, and leaves nothing damaged behind that the manifest could know of.
func TestNothingIsEverLost(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		l := newLab(&checking{TB: t, rt: rt}, "directory")
		defer func() { _ = l.clean.(io.Closer).Close() }()
		faults := []fate{lost, sealed, doneButLost, rots, rotsAndLost}
		if rapid.Bool().Draw(rt, "the store remembers") {
			l.remember()
			faults = faults[:3] // it wouldn't notice
		}
		knows := true // the manifest is the one that has seen it all, and names are what they were
		l.zip = rapid.SampledFrom(slices.Collect(maps.Values(zips()))).Draw(rt, "zip")
		old := l.cutoff.AddDate(-1, 0, 0).Truncate(time.Second)
		n := rapid.SampledFrom([]int{1, 2, 3, 5, fewestForExport + 1}).Draw(rt, "recordings")
		for i := range n {
			r := vbctest.Recording{ID: int64(i + 1), Start: old.Add(time.Duration(i) * time.Minute), Size: rapid.Int64Range(300, 9000).Draw(rt, "size"),
				Transcript: rapid.SampledFrom([]string{"", "", "Good morning", `{"text":"Good morning"}`}).Draw(rt, "transcript")}
			if rapid.IntRange(0, 2).Draw(rt, "equal name") == 0 {
				r.Size, r.Extra = 3000, map[string]any{"file_name": "call.mp3"}
			}
			l.account.Add(r)
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
					f = faults[x%len(faults)]
				}
				return f, step == death
			})
			l.stopAt = rapid.IntRange(0, 150).Draw(rt, "is stopped at step")
			_, _ = l.run(Options{Delete: rapid.Bool().Draw(rt, "delete"), Fetch: rapid.SampledFrom([]Fetch{FetchDirect, FetchExport}).Draw(rt, "fetch"),
				PollPause: time.Microsecond, FullScanEvery: rapid.SampledFrom([]time.Duration{0, time.Hour}).Draw(rt, "full scan every"), Workers: rapid.IntRange(1, 3).Draw(rt, "workers"), MaxFailures: 20})
			l.reset(nil)
			l.stopAt = 0
			l.nothingLost(all)
			which := rapid.IntRange(0, n-1).Draw(rt, "which")
			then := rapid.IntRange(0, 7).Draw(rt, "then")
			knows = knows && then != 0 && then != 2 && then != 4 && then != 5
			switch then {
			case 0:
				l.forget()
			case 1:
				l.copyManifest(l.path, copied)
			case 2:
				l.copyManifest(copied, l.path)
				l.restored = true
			case 3:
				l.damage(all, which)
			case 4:
				all = l.giveAgain(all, which)
			case 5:
				all = l.correct(all, which)
			}
		}
		// A run after a restored manifest may find recordings that it knows
		// nothing of and VBC has no more; what it finds in the store is done.
		l.account.Add(vbctest.Recording{ID: 50, Start: old.Add(-time.Hour), Size: 700})
		all = append(all, l.account.Recordings()[0])
		for range 3 {
			if _, err := l.run(Options{Delete: true, Workers: 2, RetryFailed: true}); err != nil {
				rt.Fatalf("the run that is left alone: %v", err)
			}
		}
		l.allDone(all)
		if knows {
			l.noLitter(all)
		}
	})
}

// zips are ways in which an export may write entries of one name.
func zips() map[string]func([]vbctest.Recording, []vbctest.ZipEntry) []vbctest.ZipEntry {
	return map[string]func([]vbctest.Recording, []vbctest.ZipEntry) []vbctest.ZipEntry{
		"both": nil,
		"numbered": func(_ []vbctest.Recording, e []vbctest.ZipEntry) []vbctest.ZipEntry {
			seen := map[string]int{}
			for i, name := range entryNames(e) {
				if n := seen[name]; n > 0 {
					e[i].Name = fmt.Sprintf("%s (%d).mp3", strings.TrimSuffix(name, ".mp3"), n)
				}
				seen[name]++
			}
			return e
		},
		"one": func(_ []vbctest.Recording, e []vbctest.ZipEntry) (out []vbctest.ZipEntry) {
			seen := map[string]bool{}
			for _, entry := range e {
				if !seen[entry.Name] {
					out = append(out, entry)
				}
				seen[entry.Name] = true
			}
			return out
		},
	}
}

func entryNames(entries []vbctest.ZipEntry) (names []string) {
	for _, e := range entries {
		names = append(names, e.Name)
	}
	return names
}

// giveAgain gives the id of a recording that VBC has no more to another one.
func (l *lab) giveAgain(all []vbctest.Recording, i int) []vbctest.Recording {
	rec := all[i]
	if l.account.Has(rec.Kind, rec.User, rec.ID) {
		return all
	}
	other := vbctest.Recording{ID: rec.ID, Start: rec.Start.AddDate(0, 1, 0), Size: rec.Size + 1, Extra: map[string]any{"call_id": fmt.Sprint("again ", len(all))}}
	l.account.Add(other)
	return append(all, l.found(other))
}

// correct has VBC show a recording that it has with another start.
func (l *lab) correct(all []vbctest.Recording, i int) []vbctest.Recording {
	rec := all[i]
	if !l.has(rec) {
		return all
	}
	l.account.Remove(rec.ID)
	rec.Start = rec.Start.Add(time.Second)
	l.account.Add(rec)
	all = slices.Clone(all)
	all[i] = l.found(rec)
	return all
}

// found is a recording as VBC has it.
func (l *lab) found(rec vbctest.Recording) vbctest.Recording {
	for _, r := range l.account.Recordings() {
		if r.ID == rec.ID && r.Start.Equal(rec.Start) {
			return r
		}
	}
	l.t.Fatal("it isn't there")
	return rec
}

// remembering is a store that says of an object what arrived, and looks at the
// bytes only when it is told to.
type remembering struct {
	storage.Destination
	mu    sync.Mutex
	known map[string]storage.Object
	puts  int
}

// remember has the lab's store do that.
func (l *lab) remember() {
	faulty := l.faulty.(*storagetest.Faulty)
	faulty.Destination = &remembering{Destination: faulty.Destination, known: map[string]storage.Object{}}
}

func (r *remembering) Memory() storage.Memory { return storage.ForeignMemory }

func (r *remembering) Put(ctx context.Context, key string, body storage.Body, attrs storage.Attrs) (storage.Object, error) {
	o, err := r.Destination.Put(ctx, key, body, attrs)
	if err == nil && !o.Adopted {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.puts++
		o.Seen = fmt.Sprint(r.puts)
		r.known[key] = o
	}
	return o, err
}

func (r *remembering) Stat(ctx context.Context, want storage.Object) (storage.Object, error) {
	r.mu.Lock()
	known, ok := r.known[want.Key]
	r.mu.Unlock()
	if !ok {
		return r.Destination.Stat(ctx, want)
	}
	body, err := r.Open(ctx, want)
	if err != nil {
		return storage.Object{}, err
	}
	body.Close()
	known.Proof = storage.ProofChecksum
	if want.Seen == known.Seen {
		known.Content, known.Proof = want.Content, storage.ProofRead
	}
	return known, nil
}

func (r *remembering) Reread(ctx context.Context, want storage.Object) (storage.Object, error) {
	o, err := r.Destination.Reread(ctx, want)
	r.mu.Lock()
	defer r.mu.Unlock()
	if known, ok := r.known[want.Key]; ok {
		o.Seen = known.Seen
	}
	return o, err
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
	m, err := sqlite.OpenReadOnly(context.Background(), from)
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
	if !l.has(rec) {
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
