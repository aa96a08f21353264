package archive

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/dirstore"
	"github.com/vbcvault/vbcvault/storage/s3store"
	"github.com/vbcvault/vbcvault/storage/storagetest"
)

// Receipts, holds and erasures have the digest of what they say in their names: what
// is there and doesn't say it was damaged, and is replaced. How a hold has ended is
// not: somebody else's words for it stay, and what is none is replaced.
func TestBundlesAreReplaced(t *testing.T) {
	t.Parallel()
	for _, to := range []string{"directory", "s3"} {
		t.Run(to, func(t *testing.T) {
			t.Parallel()
			store := open(t, to)
			a := &Archive{store: store, log: slog.New(slog.DiscardHandler), account: "549825"}
			put := func(key, text string) {
				if _, err := store.Put(t.Context(), key, storage.Body{Reader: strings.NewReader(text)}, storage.Attrs{}); err != nil {
					t.Fatal(err)
				}
			}
			is := func(key, text string) {
				t.Helper()
				if got, err := layout.Read(t.Context(), store, storage.Object{Key: key}, 1<<20); err != nil || string(got) != text {
					t.Errorf("%s is %q, %v; want %q", key, got, err, text)
				}
			}
			put("receipts/x.jsonl", "cut off")
			if err := a.putProven(t.Context(), "receipts/x.jsonl", []byte("cut off and more\n"), "text/plain"); err != nil {
				t.Error(err)
			}
			is("receipts/x.jsonl", "cut off and more\n")

			hold := storage.SumOf([]byte("a hold"))
			end := func(by string) string {
				return fmt.Sprintf(`{"hold":"%s","at":"2026-01-01T00:00:00Z","by":"%s"}`, hold, by)
			}
			ended := manifest.HoldText{Hold: hold, Ended: true, Text: []byte(end("us"))}
			if !ended.Check() {
				t.Fatal("this is no end of a hold")
			}
			key := layout.HoldKey("549825", ended)
			put(key, end("us")[:20])
			if err := a.putHold(t.Context(), ended); err != nil {
				t.Error(err)
			}
			is(key, end("us"))
			theirs := manifest.HoldText{Hold: hold, Ended: true, Text: []byte(end("them"))}
			if err := a.putHold(t.Context(), theirs); err != nil {
				t.Error(err)
			}
			is(key, end("us"))
			next := layout.Beside(key, storage.SumOf(theirs.Text))
			is(next, end("them"))
			if m := layout.HoldName.FindStringSubmatch(next); m == nil || m[1] != hold.String() || m[2] == "" {
				t.Errorf("%s is not read as the end of a hold: %q", next, m)
			}
		})
	}
}

// Whose the catalogue is can't be read any more: it is nobody's, and not another's.
func TestCatalogOfNobody(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"chain":"ABC234"}`: "ABC234", `{"chain":"ABC2\xcb4"}`: "", `{"chain":"ABC`: "", `{}`: "", ``: "", `{"chain":"abc"}`: "",
	} {
		if got := keeperIn([]byte(text)); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// open opens an empty store of that kind.
func open(t *testing.T, kind string) storage.Destination {
	t.Helper()
	if kind == "s3" {
		s3 := storagetest.StartS3(t)
		s, err := s3store.Open(t.Context(), s3store.Options{Bucket: s3.NewBucket(t), Prefix: "calls", AWS: s3.Config(s3.URL)})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	dir, err := dirstore.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dir.Close() })
	return dir
}
