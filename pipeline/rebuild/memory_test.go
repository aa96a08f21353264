package rebuild_test

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
	"github.com/vbcvault/vbcvault/pipeline/rebuild"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// forgetful is a manifest that keeps no row, and looks now and then at how much memory is
// in use.
type forgetful struct {
	*sqlite.Manifest
	told, put int
	peak      uint64 // bytes
}

func (f *forgetful) Tell(_ context.Context, rows []manifest.Row) error {
	f.told += len(rows)
	return nil
}

func (f *forgetful) Put(_ context.Context, rows ...manifest.Row) error {
	if f.put += len(rows); f.put%1000 < len(rows) {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		f.peak = max(f.peak, m.HeapAlloc)
	}
	return nil
}

func (*forgetful) All(context.Context, vbc.Key) ([]manifest.Row, error) { return nil, nil }

func (*forgetful) SeenBy(context.Context, int64) iter.Seq2[manifest.Row, error] {
	return func(func(manifest.Row, error) bool) {}
}

// fill stores recordings, each with the two receipts of its deletion, past the store,
// which would wait for the disk.
func (s *shelf) fill(n int) {
	s.t.Helper()
	dir := s.store.String()[len("file://"):]
	put := func(key string, body []byte) storage.Object {
		name := filepath.Join(dir, filepath.FromSlash(key))
		must(s.t, os.MkdirAll(filepath.Dir(name), 0o700))
		must(s.t, os.WriteFile(name, body, 0o600))
		return storage.Object{Key: key, Content: storage.Content{Size: int64(len(body)), SHA256: storage.SumOf(body)}}
	}
	log := start("FLAT")
	var entries []receipt.Entry
	for i := range int64(n) {
		audio := fmt.Sprintf("audio of %d", i+1)
		r := call(i+1, audio, "")
		stem, err := layout.Stem(r)
		must(s.t, err)
		side, err := layout.Sidecar{Format: 1, Account: account, Kind: r.Kind, ContentType: "audio/mpeg", Size: int64(len(audio)),
			SHA256: storage.SumOf([]byte(audio)), ArchivedAt: day, Recording: r.Raw}.Encode()
		must(s.t, err)
		c := manifest.Copy{Audio: put(stem+".mp3", []byte(audio)), Sidecar: put(stem+".json", side)}
		if entries = append(entries, intent(r, c), outcome(r, receipt.Deleted)); len(entries) == 1000 {
			log = s.log(log, &s.known, entries...)
			entries = nil
		}
	}
}

// What rebuilding keeps in memory doesn't grow with the recordings, nor with their
// receipts.
func TestRebuildInFlatMemory(t *testing.T) {
	peaks := map[int]uint64{}
	const few, many = 2000, 10_000
	for _, n := range []int{few, many} {
		s := newShelf(t)
		s.fill(n)
		err := sqlite.Create(t.Context(), filepath.Join(t.TempDir(), "m"), func(m *sqlite.Manifest) error {
			f := &forgetful{Manifest: m}
			r, err := rebuild.Into(t.Context(), s.store, f, slog.New(slog.DiscardHandler), rebuild.Options{Account: account, Workers: 1, Keys: []string{s.known.Verifier()}})
			if r.Recordings != int64(n) || f.put != n || f.told != 2*n {
				t.Errorf("%+v; %d rows put, %d told", r, f.put, f.told)
			}
			peaks[n] = f.peak
			return err
		})
		must(t, err)
	}
	t.Logf("%d kB with %d recordings, %d kB with %d", peaks[few]>>10, few, peaks[many]>>10, many)
	if peaks[few] == 0 || peaks[many] > peaks[few]+(many-few)*100 {
		t.Errorf("%d bytes with %d recordings, %d with %d", peaks[few], few, peaks[many], many)
	}
}
