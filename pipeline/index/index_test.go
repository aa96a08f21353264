package index_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/index"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

var day = time.Date(2026, 5, 12, 10, 15, 0, 0, time.UTC)

// archive is a store of transcripts, of which reading is what matters here.
type archive struct {
	storage.Store // nobody calls anything else

	mu      sync.Mutex
	files   map[string]string
	fails   map[string]error // when they are opened
	faults  map[string]int   // how often that is, at first
	opened  int
	reading func() // is called with each
}

func (a *archive) Open(_ context.Context, o storage.Object) (io.ReadCloser, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.opened++
	if a.reading != nil {
		a.reading()
	}
	if err := a.fails[o.Key]; err != nil {
		return nil, fmt.Errorf("open %s: %w", o.Key, err)
	}
	if a.faults[o.Key] > 0 {
		a.faults[o.Key]--
		return nil, errors.New("connection reset")
	}
	text, ok := a.files[o.Key]
	if !ok {
		return nil, fmt.Errorf("open %s: %w", o.Key, storage.ErrNotFound)
	}
	return io.NopCloser(strings.NewReader(text)), nil
}

// archived is a manifest of recordings with these transcripts, and the store with them.
func archived(t *testing.T, texts []string) (*sqlite.Manifest, *archive) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "m")
	a := &archive{files: map[string]string{}, fails: map[string]error{}, faults: map[string]int{}}
	err := sqlite.Create(t.Context(), path, func(m *sqlite.Manifest) error {
		err := m.Bind(t.Context(), manifest.Binding{Account: "549825"})
		var rows []manifest.Row
		for i, text := range texts {
			r := manifest.Row{Recording: vbc.ParseRecording(vbc.Company, "", fmt.Appendf(nil, `{"id":%d,"start":%q}`, i+1, vbc.FormatTime(day.Add(time.Duration(i)*time.Minute)))), State: manifest.Purged}
			r.Copy.Audio = storage.Object{Key: fmt.Sprint(i+1, ".mp3"), Content: storage.Content{Size: 3, SHA256: storage.SumOf([]byte(fmt.Sprint(i)))}}
			if text != "" {
				r.Copy.Transcript = storage.Object{Key: fmt.Sprint(i+1, ".txt"), Content: storage.Content{Size: int64(len(text)), SHA256: storage.SumOf([]byte(text))}}
				a.files[r.Copy.Transcript.Key] = text
			}
			rows = append(rows, r)
		}
		return errors.Join(err, m.Put(t.Context(), rows...))
	})
	if err != nil {
		t.Fatal(err)
	}
	m, err := sqlite.OpenBeside(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m, a
}

func found(t *testing.T, m *sqlite.Manifest, words string) (ids []int64) {
	t.Helper()
	for r, err := range m.Search(t.Context(), manifest.Query{Words: words, OldestFirst: true}) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, r.ID)
	}
	return ids
}

// What can be read is found by its words. What can't is counted, keeps nothing else from
// being indexed, and isn't asked for again before it is time.
func TestWhatWasSaidIsFound(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var texts []string
		for i := range 600 {
			texts = append(texts, fmt.Sprintf(`{"segments":[{"start":1.5,"text":"hello number%d"}]}`, i+1))
		}
		texts[1] = "plain text of number2"
		texts[2] = ""
		m, a := archived(t, texts)
		a.fails["10.txt"], a.fails["11.txt"] = storage.ErrCold, errors.New("no route to host")
		delete(a.files, "12.txt")
		a.files["13.txt"] = "hello forged"
		a.faults["14.txt"] = 2
		var log bytes.Buffer
		var refuted []int64
		o := index.Options{Workers: 3, Refuted: func(row manifest.Row, _ error) { refuted = append(refuted, row.ID) }}
		r, err := index.Run(t.Context(), a, m, slog.New(slog.NewTextHandler(&log, nil)), o)
		want := index.Result{Indexed: 595, Cold: 1, Missing: 1, Damaged: 1, Failed: 1, Seconds: r.Seconds}
		if err != nil || r != want || r.Complete() {
			t.Errorf("%+v, %v, want %+v", r, err, want)
		}
		if got := found(t, m, "hello"); len(got) != 594 || slices.Contains(got, 13) {
			t.Errorf("%d are found by a word that all have", len(got))
		}
		if got := found(t, m, `"hello number14"`); fmt.Sprint(got) != "[14]" {
			t.Errorf("found %v", got)
		}
		if got := found(t, m, "plain*"); fmt.Sprint(got) != "[2]" || len(found(t, m, "segments"))+len(found(t, m, "forged")) > 0 {
			t.Errorf("found %v, or what nobody said", got)
		}
		if fmt.Sprint(refuted) != "[13]" || strings.Count(log.String(), "is damaged") != 1 || strings.Contains(log.String(), "hello") {
			t.Errorf("refuted %v, log:\n%s", refuted, log.String())
		}
		if has, lacks, err := m.Indexed(t.Context()); has != 595 || lacks != 4 || err != nil {
			t.Errorf("%d, %d, %v", has, lacks, err)
		}

		a.opened = 0
		if r, err := index.Run(t.Context(), a, m, slog.New(slog.DiscardHandler), o); err != nil || r.Indexed != 0 || a.opened != 0 {
			t.Errorf("%+v, %v: %d requests for what was put off", r, err, a.opened)
		}
		time.Sleep(time.Hour)
		delete(a.fails, "11.txt")
		if r, err := index.Run(t.Context(), a, m, slog.New(slog.DiscardHandler), o); err != nil || r.Indexed != 1 || a.opened != 1 {
			t.Errorf("%+v, %v: %d requests an hour later", r, err, a.opened)
		}
		o.Again = true
		delete(a.fails, "10.txt")
		a.files["12.txt"], a.files["13.txt"] = texts[11], texts[12]
		if r, err := index.Run(t.Context(), a, m, slog.New(slog.DiscardHandler), o); err != nil || r.Indexed != 3 || !r.Complete() {
			t.Errorf("%+v, %v", r, err)
		}
	})
}

// What ends all of it is an error, and what was read until then is indexed.
func TestIndexingEnds(t *testing.T) {
	t.Parallel()
	texts := slices.Repeat([]string{"hello"}, 40)
	m, a := archived(t, texts)
	a.fails["20.txt"] = storage.ErrRefused
	if r, err := index.Run(t.Context(), a, m, slog.New(slog.DiscardHandler), index.Options{Workers: 1}); !errors.Is(err, storage.ErrRefused) || r.Indexed != 20 {
		t.Errorf("%+v, %v", r, err)
	}
	delete(a.fails, "20.txt")
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("stop")
	a.reading = func() { cancel(stop) }
	if r, err := index.Run(ctx, a, m, slog.New(slog.DiscardHandler), index.Options{Workers: 1}); !errors.Is(err, stop) || r.Indexed > 2 {
		t.Errorf("%+v, %v", r, err)
	}
	a.reading = nil
	if r, err := index.Run(t.Context(), a, m, slog.New(slog.DiscardHandler), index.Options{}); err != nil || len(found(t, m, "hello")) != 40 {
		t.Errorf("%+v, %v", r, err)
	}
}
