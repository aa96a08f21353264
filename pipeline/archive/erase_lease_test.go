package archive

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/dirstore"
	"github.com/vbcvault/vbcvault/vbc"
)

// losing is a manifest whose lease is lost when somebody says so.
type losing struct {
	*sqlite.Manifest
	lost bool
}

func (l *losing) Lease() manifest.Lease  { return l }
func (l *losing) Lost() <-chan struct{}  { return nil }
func (l *losing) Fence() (int64, string) { return 1, "holder" }

func (l *losing) Held() error {
	if l.lost {
		return &manifest.LeaseError{Manifest: "m", Why: "a test has taken it away"}
	}
	return nil
}

// lastWish is an eraser that takes the lease away once it has removed an object.
type lastWish struct {
	storage.Eraser
	m      *losing
	erased int
}

func (l *lastWish) Erase(ctx context.Context, key string) (int, error) {
	l.erased++
	l.m.lost = true
	return l.Eraser.Erase(ctx, key)
}

// A machine that has lost its lease while it erases removes nothing more; who has the
// manifest next goes on with it.
func TestErasingEndsWithTheLease(t *testing.T) {
	t.Parallel()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	store, err := dirstore.Open(t.TempDir())
	must(err)
	defer store.Close()
	key := vbc.Key{Kind: vbc.Company, ID: 7}
	r := (&copyAt{key: key, size: 100}).recording()
	stem, err := layout.Stem(r)
	must(err)
	put := func(key, body string) storage.Object {
		o, err := store.Put(t.Context(), key, storage.Body{Reader: strings.NewReader(body)}, storage.Attrs{})
		must(err)
		o.Content = storage.Content{Size: int64(len(body)), SHA256: storage.SumOf([]byte(body))}
		return o
	}
	row := manifest.Row{Recording: r, State: manifest.Purged}
	row.Copy.Audio, row.Copy.Sidecar, row.Copy.ArchivedAt = put(stem+".mp3", "audio"), put(stem+".json", "{}"), time.Now()
	path := filepath.Join(t.TempDir(), "m")
	must(sqlite.Create(t.Context(), path, func(m *sqlite.Manifest) error {
		return errors.Join(m.Bind(t.Context(), manifest.Binding{Account: "549825"}), m.Put(t.Context(), row))
	}))
	opened, err := sqlite.Open(t.Context(), path)
	must(err)
	defer opened.Close()
	m := &losing{Manifest: opened}
	a, err := Settle(t.Context(), store, m, slog.New(slog.DiscardHandler), "549825", Options{})
	must(err)
	erase := func(eraser storage.Eraser) error {
		_, err := a.Erase(t.Context(), eraser, Erasure{Kind: key.Kind, ID: key.ID, Reason: "why", By: "who"}, func(Erasable) error { return nil })
		return err
	}
	wish := &lastWish{Eraser: dirstore.NewEraser(store), m: m}
	var lost *manifest.LeaseError
	if err := erase(wish); !errors.As(err, &lost) || wish.erased != 1 {
		t.Errorf("%v, after %d objects", err, wish.erased)
	}
	m.lost = false
	must(erase(dirstore.NewEraser(store)))
	for o, err := range store.List(t.Context(), "account=") {
		t.Errorf("left: %s, %v", o.Key, err)
	}
}
