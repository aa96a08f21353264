package web_test

import (
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"runtime/metrics"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/access"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/s3store"
	"github.com/vbcvault/vbcvault/storage/storagetest"
	"github.com/vbcvault/vbcvault/vbc"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

const (
	players    = 200
	callLength = 1 << 20 // bytes
	mostHeap   = 96 << 20
)

// load is what so many players at once have met.
type load struct {
	first []time.Duration // until the first byte, of each request
	heap  uint64          // bytes at most, of the page, the players and all that is between
}

// playAtOnce has so many people hear a call at once, each from its beginning to its end
// and then once more from the middle, and checks each byte.
func playAtOnce(t testing.TB, p *page) (l load) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who := r.Header.Get("Player")
		v := &access.Viewer{Name: who, Session: "session of " + who, From: "192.0.2.7", Role: access.Role{Name: "supervisor", Kind: "supervisor"}}
		p.Server.Handler().ServeHTTP(w, r.WithContext(access.With(r.Context(), v)))
	}))
	defer server.Close()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: players, DisableCompression: true}}
	defer client.CloseIdleConnections()
	row, err := p.Manifest["acme"].Row(t.Context(), vbc.Key{Kind: vbc.Company, ID: 193228}, 0)
	if err != nil {
		t.Fatal(err)
	}
	sum := row.Copy.Audio.SHA256
	var mu sync.Mutex
	hear := func(who int, from int64) (storage.Digest, error) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+firstCall+"/audio", nil)
		if err != nil {
			return storage.Digest{}, err
		}
		r.Header.Set("Player", fmt.Sprint("player ", who))
		r.Header.Set("Range", fmt.Sprintf("bytes=%d-", from))
		begin := time.Now()
		res, err := client.Do(r)
		if err != nil {
			return storage.Digest{}, err
		}
		defer res.Body.Close()
		h, b := sha256.New(), make([]byte, 1)
		if _, err := io.ReadFull(res.Body, b); err != nil || res.StatusCode != http.StatusPartialContent {
			return storage.Digest{}, fmt.Errorf("status %d: %w", res.StatusCode, err)
		}
		mu.Lock()
		l.first = append(l.first, time.Since(begin))
		mu.Unlock()
		h.Write(b)
		n, err := io.Copy(h, res.Body)
		if err == nil && n+1 != row.Copy.Audio.Size-from {
			err = fmt.Errorf("%d bytes from %d on", n+1, from)
		}
		return storage.Digest(h.Sum(nil)), err
	}
	end := make(chan struct{})
	var watch, all sync.WaitGroup
	watch.Go(func() {
		heap := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		for tick := time.NewTicker(2 * time.Millisecond); ; {
			metrics.Read(heap)
			l.heap = max(l.heap, heap[0].Value.Uint64())
			select {
			case <-tick.C:
			case <-end:
				tick.Stop()
				return
			}
		}
	})
	var rest storage.Digest
	for who := range players {
		all.Go(func() {
			if has, err := hear(who, 0); err != nil || has != sum {
				t.Errorf("player %d: SHA-256 %s, %v", who, has, err)
			}
			has, err := hear(who, callLength/2)
			mu.Lock()
			defer mu.Unlock()
			if rest.IsZero() {
				rest = has
			}
			if err != nil || has != rest {
				t.Errorf("player %d, from the middle on: SHA-256 %s, %v", who, has, err)
			}
		})
	}
	all.Wait()
	close(end)
	watch.Wait()
	slices.Sort(l.first)
	return l
}

// crowded are pages with a call of a megabyte, one for each kind of archive.
func crowded(t testing.TB, each func(name string, p *page)) {
	recordings := []vbctest.Recording{{ID: 193228, Start: time.Date(2025, 5, 12, 10, 15, 0, 0, time.UTC), Size: callLength}}
	each("directory", newPage(t, pageOptions{Recordings: recordings}))
	server := storagetest.StartS3(t)
	each("S3", newPage(t, pageOptions{Recordings: recordings, Open: func(t testing.TB) storage.Destination {
		s, err := s3store.Open(t.Context(), s3store.Options{Bucket: server.NewBucket(t), AWS: server.Config(server.URL)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}}))
}

// Two hundred players at once hear what was archived, each is written down once, and no
// recording is in memory.
func TestPlayersAtOnce(t *testing.T) {
	crowded(t, func(name string, p *page) {
		l := playAtOnce(t, p)
		if len(l.first) != 2*players || l.heap > mostHeap {
			t.Errorf("%s: %d answers, %d MB of memory at most; all that was sent are %d MB", name, len(l.first), l.heap>>20, players*callLength*3/2>>20)
		}
		heard := map[string]int{}
		for e, err := range p.Manifest["acme"].Listenings(t.Context(), manifest.ListeningQuery{}) {
			if err != nil {
				t.Fatal(err)
			}
			heard[e.Who]++
		}
		if len(heard) != players || slices.ContainsFunc(slices.Collect(maps.Values(heard)), func(n int) bool { return n != 1 }) {
			t.Errorf("%s: %d people are written down: %v", name, len(heard), heard)
		}
	})
}

// BenchmarkPlayers prints how long the first byte takes, and memory: make bench-players.
func BenchmarkPlayers(b *testing.B) {
	crowded(b, func(name string, p *page) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				l := playAtOnce(b, p)
				at := func(share int) float64 {
					return float64(l.first[len(l.first)*share/100].Microseconds()) / 1000
				}
				b.ReportMetric(at(50), "ms-first-byte-p50")
				b.ReportMetric(at(95), "ms-first-byte-p95")
				b.ReportMetric(float64(l.heap>>20), "MB-heap-peak")
				b.SetBytes(players * callLength * 3 / 2)
			}
		})
	})
}
