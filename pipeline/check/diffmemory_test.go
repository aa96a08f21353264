package check

import (
	"context"
	"iter"
	"runtime"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// endless is a manifest of n recordings, one a second, and the store with their copies,
// neither of which has to be anywhere.
type endless struct {
	Manifest
	storage.Destination
	n    int
	peak uint64 // bytes of memory in use, as far as somebody has looked
}

func (e *endless) row(i int) manifest.Row {
	r := vbc.ParseRecording(vbc.Company, "", manifest.Bare(int64(1000+i), time.Unix(1_700_000_000+int64(i), 0), 3))
	r.Account = account
	row := manifest.Row{Recording: r, State: manifest.Purged}
	stem, err := layout.Stem(r)
	if err != nil {
		panic(err)
	}
	content := storage.Content{Size: 3, SHA256: storage.SumOf([]byte(stem))}
	row.Copy.Audio, row.Copy.Sidecar = storage.Object{Key: stem + ".mp3", Content: content}, storage.Object{Key: stem + ".json", Content: content}
	row.Copy.StoredAt, row.Copy.ArchivedAt = r.Start, r.Start
	return row
}

func (e *endless) Binding(context.Context) (manifest.Binding, error) {
	return manifest.Binding{Account: account}, nil
}

func (e *endless) InOrder(context.Context) iter.Seq2[manifest.Row, error] {
	return func(yield func(manifest.Row, error) bool) {
		for i := range e.n {
			if !yield(e.row(i), nil) {
				return
			}
		}
	}
}

func (e *endless) Probe(context.Context, string) (string, error) { return "", nil }

func (e *endless) List(context.Context, string) iter.Seq2[storage.Object, error] {
	return func(yield func(storage.Object, error) bool) {
		for i := range e.n {
			if i%5000 == 4999 {
				runtime.GC()
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				e.peak = max(e.peak, m.HeapAlloc)
			}
			c := e.row(i).Copy
			if !yield(c.Sidecar, nil) || !yield(c.Audio, nil) {
				return
			}
		}
	}
}

func (e *endless) Stat(_ context.Context, o storage.Object) (storage.Object, error) {
	o.Proof = storage.ProofRead
	return o, nil
}

func (e *endless) Unfinished(context.Context, string) iter.Seq2[string, error] {
	return func(func(string, error) bool) {}
}

// What a comparison keeps in memory doesn't grow with the recordings.
func TestDiffInFlatMemory(t *testing.T) {
	peaks := map[int]uint64{}
	const few, many = 5000, 30_000
	for _, n := range []int{few, many} {
		e := &endless{n: n}
		d, err := Diff(t.Context(), e, e, DiffOptions{})
		if err != nil || d.Whole != int64(n) || !d.Same() {
			t.Fatalf("%+v, %v", d, err)
		}
		peaks[n] = e.peak
	}
	t.Logf("%d kB with %d recordings, %d kB with %d", peaks[few]>>10, few, peaks[many]>>10, many)
	if peaks[few] == 0 || peaks[many] > peaks[few]+(many-few)*10 {
		t.Errorf("%d bytes with %d recordings, %d with %d", peaks[few], few, peaks[many], many)
	}
}
