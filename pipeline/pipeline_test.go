package pipeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/evidence"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
	"github.com/vbcvault/vbcvault/pipeline/progress"
	"github.com/vbcvault/vbcvault/pipeline/retry"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/dirstore"
	"github.com/vbcvault/vbcvault/vbc"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

func TestRetry(t *testing.T) {
	server := errors.New("connection reset")
	html := fmt.Errorf("download: %w", &notAudioError{What: "text/html"})
	for name, c := range map[string]struct {
		errs   []error // of each try; the last one repeats
		tries  int
		failed bool
		most   time.Duration
	}{
		"works":                 {[]error{nil}, 1, false, 0},
		"passes":                {[]error{server, server, server, nil}, 4, false, 10 * time.Second},
		"doesn't pass":          {[]error{server}, 4, true, 10 * time.Second},
		"5xx":                   {[]error{&vbc.Error{Status: 503}}, 4, true, 10 * time.Second},
		"not audio":             {[]error{html}, 2, true, 0},
		"another size":          {[]error{&sizeError{Declared: 1}}, 2, true, 0},
		"not found":             {[]error{&vbc.Error{Status: 404}}, 1, true, 0},
		"forbidden":             {[]error{&vbc.Error{Status: 403}}, 1, true, 0},
		"token expired":         {[]error{&vbc.Error{Status: 401}, nil}, 2, false, 0},
		"tokens keep expiring":  {[]error{&vbc.Error{Status: 401}}, 4, true, 0},
		"quota, many times":     {append(slices.Repeat([]error{&vbc.Error{Status: 429}}, 20), nil), 21, false, 0},
		"the store":             {[]error{&storeError{server}}, 1, true, 0},
		"the manifest":          {[]error{&manifest.WriteError{Err: server}}, 1, true, 0},
		"not what it should be": {[]error{&evidence.Mismatch{}}, 1, true, 0},
		"no subscription":       {[]error{&vbc.Error{Status: 403, Code: 900908}}, 1, true, 0},
		"unknown host":          {[]error{&vbc.ForeignHostError{}}, 1, true, 0},
		"refused credentials":   {[]error{&vbc.AuthError{}}, 1, true, 0},
		"no lease":              {[]error{&storeError{&manifest.LeaseError{}}}, 1, true, 0},
		"an unknown quota":      {[]error{&vbc.SharedQuotaError{Err: server}}, 1, true, 0},
		"unknown refusals":      {[]error{&vbc.MemoryError{Err: server}}, 1, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &run{means: means{stats: &progress.Stats{}, log: slog.New(slog.DiscardHandler)}, caller: caller{pauses: retry.Pauses}}
				begin, tries := time.Now(), 0
				err := r.retry(t.Context(), &patience{}, func() error {
					tries++
					return c.errs[min(tries, len(c.errs))-1]
				})
				if tries != c.tries || (err != nil) != c.failed {
					t.Errorf("%d tries, %v; want %d", tries, err, c.tries)
				}
				if took := time.Since(begin); took > c.most {
					t.Errorf("paused %v, want at most %v", took, c.most)
				}
			})
		})
	}
}

func TestEligible(t *testing.T) {
	cutoff := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	p := policy{Options: Options{Cutoff: cutoff, Since: cutoff.AddDate(0, -1, 0), Kinds: []vbc.Kind{vbc.Company, vbc.OnDemand}}, facts: &facts{users: userSet{ids: map[string]bool{"7": true}}}}
	r := func(kind vbc.Kind, owner string, at time.Time) vbc.Recording {
		return vbc.Recording{Kind: kind, Owner: owner, ID: 1, Start: at}
	}
	for i, c := range []struct {
		r    vbc.Recording
		want bool
	}{
		{r(vbc.Company, "", cutoff.Add(-time.Nanosecond)), true},
		{r(vbc.Company, "", cutoff), false},
		{r(vbc.Company, "", cutoff.AddDate(1, 0, 0)), false},
		{r(vbc.Company, "", p.Since), true},
		{r(vbc.Company, "", p.Since.Add(-1)), false},
		{r(vbc.OnDemand, "7", p.Since), true},
		{r(vbc.OnDemand, "8", p.Since), false},
		{r("voicemail", "", p.Since), false},
		{vbc.Recording{Kind: vbc.Company, Unreadable: "no start"}, false}, // its zero Start is before every cutoff
	} {
		if got := p.eligible(c.r); got != c.want {
			t.Errorf("%d: %v: %v", i, c.r, got)
		}
	}
}

func TestOnlyAudioIsAudio(t *testing.T) {
	telephony, err := io.ReadAll(vbctest.Recording{Kind: "company", ID: 1, Size: 9000}.Audio())
	if err != nil {
		t.Fatal(err)
	}
	tagged, err := io.ReadAll(vbctest.Recording{Kind: "company", ID: 5, Size: 9000}.Audio())
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		body []byte
		want string
	}{
		"MPEG-2.5 frames": {telephony, "audio/mpeg .mp3"},
		"with ID3":        {tagged, "audio/mpeg .mp3"},
		"WAV":             {append([]byte("RIFF\x24\x08\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00"), make([]byte, 100)...), "audio/wav .wav"},
		"nothing":         {nil, ""},
		"HTML":            {[]byte("<!DOCTYPE html><html><body>Sorry"), ""},
		"JSON":            {[]byte(`{"msg":"Recording not found"}`), ""},
		"XML":             {[]byte(`<?xml version="1.0"?><am:fault/>`), ""},
		"text":            {[]byte("upstream connect error"), ""},
		"zeros":           {make([]byte, 9000), ""},
		"ZIP":             {[]byte("PK\x03\x04\x14\x00\x00\x00"), ""},
		"almost a frame":  {[]byte("\xff\xe3"), ""},
	} {
		src := newSource(bytes.NewReader(c.body), func(int) {})
		f, err := src.format()
		if got := strings.TrimSpace(f.media + " " + f.ending); got != c.want || isA[*notAudioError](err) != (c.want == "") {
			t.Errorf("%s: %q, %v; want %q", name, got, err, c.want)
		}
		if rest, err := io.ReadAll(src); err != nil || !bytes.Equal(rest, c.body) {
			t.Errorf("%s: looking at it changed it", name)
		}
	}
}

// The purge itself refuses evidence that is older than its slot.
func TestDeleteRefusesStaleEvidence(t *testing.T) {
	var r run
	slot := &vbc.Slot{}
	if err := r.delete(t.Context(), slot, &item{}, evidence.Verified{}); err == nil {
		t.Error("the zero value was taken for evidence")
	}
}

// However many workers ask at once.
func TestMaxDeletesHolds(t *testing.T) {
	limit := 10
	b := allowance{limit: &limit}
	var wg sync.WaitGroup
	var taken atomic.Int64
	for range 50 {
		wg.Go(func() {
			if b.take() {
				taken.Add(1)
			}
		})
	}
	wg.Wait()
	if taken.Load() != 10 {
		t.Errorf("%d purges were allowed", taken.Load())
	}
}

// stopper is a store that has the run stopped while it is being asked.
type stopper struct {
	storage.Destination
	stop func()
}

func (s *stopper) Stat(ctx context.Context, o storage.Object) (storage.Object, error) {
	s.stop()
	return s.Destination.Stat(ctx, o)
}

// Once the run is told to stop, no DELETE goes out, not even one whose slot
// was granted and whose copy was proven before.
func TestNoDeleteAfterCancellation(t *testing.T) {
	account := vbctest.New(vbctest.Config{})
	recordings := account.Generate(5, time.Now().AddDate(-1, 0, 0), time.Hour)
	server := httptest.NewServer(account)
	defer server.Close()
	client, err := vbc.New(vbc.Options{URL: server.URL, Username: "admin", Password: "correct horse", ClientID: "client", ClientSecret: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	m, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "m"))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	dir, err := dirstore.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	parts := Parts{VBC: client, Store: &stopper{dir, stop}, Manifest: m, Log: slog.New(slog.DiscardHandler), Stats: &progress.Stats{}}
	options := Options{Account: "self", Cutoff: time.Now().AddDate(0, -1, 0), Delete: true, Workers: 1}
	sum, err := Run(ctx, parts, options)
	if !errors.Is(err, ErrStopped) || sum.Failed != 0 || len(account.Deleted()) != 0 {
		t.Errorf("%v, %d failed, %d deleted; want it stopped with nothing deleted", err, sum.Failed, len(account.Deleted()))
	}
	parts.Store, parts.Stats = dir, &progress.Stats{}
	if sum, err = Run(t.Context(), parts, options); err != nil || sum.Deleted != int64(len(recordings)) {
		t.Errorf("the next run: %+v, %v", sum, err)
	}
}
