package main_test

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/parquet-go/parquet-go"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/storagetest"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// catalogRow is what tests read of a file of the catalogue.
type catalogRow struct {
	ID       int64   `parquet:"id"`
	State    string  `parquet:"state"`
	Bytes    *int64  `parquet:"bytes"`
	CallerID *string `parquet:"caller_id"`
	CNAM     *string `parquet:"cnam"`
	FileName *string `parquet:"file_name"`
	Key      *string `parquet:"key"`
	SHA256   *string `parquet:"sha256"`
}

func catalogRows(t testing.TB, b []byte) []catalogRow {
	t.Helper()
	rows, err := parquet.Read[catalogRow](bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// catalogued are the rows of the whole catalogue, by id.
func (w *world) catalogued() map[int64]catalogRow {
	w.t.Helper()
	found := map[int64]catalogRow{}
	for _, key := range w.of("catalog.parquet") {
		for _, row := range catalogRows(w.t, w.read(key)) {
			found[row.ID] = row
		}
	}
	return found
}

// mustList fails unless the catalogue has just these recordings, in this state.
func (w *world) mustList(state string, all ...vbctest.Recording) {
	w.t.Helper()
	want := map[int64]string{}
	for _, r := range all {
		want[r.ID] = state
	}
	got := map[int64]string{}
	for id, row := range w.catalogued() {
		got[id] = row.State
	}
	if !maps.Equal(want, got) {
		w.t.Errorf("the catalogue has %v, want %v", got, want)
	}
}

// in adds a recording of this month of 2025.
func (w *world) in(month time.Month, id int64) vbctest.Recording {
	w.account.Add(vbctest.Recording{ID: id, Start: time.Date(2025, month, 12, 10, 15, 0, 0, time.UTC).Add(time.Duration(id) * time.Minute)})
	all := w.account.Recordings()
	return all[slices.IndexFunc(all, func(r vbctest.Recording) bool { return r.ID == id })]
}

var nightly = []string{"--older-than", "90d", "--full-scan", "--catalog"}

// A night makes the months anew of which it has changed something, and no
// others; what it can't store, or didn't get to, a later one does.
func TestCatalogIsKept(t *testing.T) {
	t.Parallel()
	for name, place := range map[string]func(*world, func(op, key string) bool) *world{
		"directory": func(w *world, _ func(op, key string) bool) *world { return w.inDir() },
		"bucket": func(w *world, fails func(op, key string) bool) *world {
			return w.inS3(func(op, key string, _ *http.Request) *storagetest.S3Fault {
				if fails(op, key) {
					return &storagetest.S3Fault{Status: http.StatusForbidden, Code: "AccessDenied"}
				}
				return nil
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			put, refused := map[string]int{}, ""
			w := place(newWorld(t, vbctest.Config{}), func(op, key string) bool {
				mu.Lock()
				defer mu.Unlock()
				month := strings.Index(key, "month=")
				if op != "PutObject" || !strings.Contains(key, "catalog/") || month < 0 {
					return false
				}
				put[key[month:month+8]]++
				return refused == key[month:month+8]
			})
			refuse := func(month string) {
				mu.Lock()
				defer mu.Unlock()
				refused = month
			}
			puts := func() map[string]int {
				mu.Lock()
				defer mu.Unlock()
				defer func() { put = map[string]int{} }()
				return put
			}
			may, june := w.in(5, 1), w.in(6, 2)
			w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 2})
			if len(w.of("catalog/")) != 0 {
				t.Error("a catalogue nobody asked for")
			}
			w.want(w.archive(nightly...), 0, map[string]int{"archived": 0}) // an earlier run's, too
			w.mustList("verified", may, june)
			before := w.read(w.of("month=05/catalog.parquet")[0])
			puts()
			late := w.in(6, 3)
			w.want(w.archive(nightly...), 0, map[string]int{"archived": 1})
			w.mustList("verified", may, june, late)
			if got := puts(); name == "bucket" && !maps.Equal(got, map[string]int{"month=06": 2}) { // the second with If-Match
				t.Errorf("made anew: %v", got)
			}
			w.want(w.archive(nightly...), 0, nil)
			if got := puts(); len(got) != 0 || !bytes.Equal(before, w.read(w.of("month=05/catalog.parquet")[0])) {
				t.Errorf("made anew in vain: %v", got)
			}
			if name == "bucket" {
				refuse("month=06")
				july := w.in(7, 4)
				r := w.archive(append(nightly, "--delete")...)
				w.want(r, 1, map[string]int{"archived": 1, "deleted": 4})
				if !strings.Contains(r.stderr, "the next run with --catalog tries again") || !strings.Contains(r.stdout, "the catalogue could not be updated") {
					t.Error("it doesn't say what is wrong")
				}
				refuse("")
				w.want(w.archive(nightly...), 0, nil)
				w.mustList("purged", may, june, late, july)
			}
			w.mustHold(may, june, late)
		})
	}
}

// A run that is killed, or told to stop, leaves the catalogue as it was, and
// the next one with --catalog brings it up to date.
func TestCatalogAfterAnInterruption(t *testing.T) {
	t.Parallel()
	notShort(t, "interrupts at many moments")
	for fails := 1; ; fails++ {
		var n atomic.Int64
		var cmd atomic.Value
		w := newWorld(t, vbctest.Config{})
		w.inVersionedS3(func(op, key string, _ *http.Request) *storagetest.S3Fault {
			if strings.Contains(key, "catalog/") && (op == "PutObject" || op == "HeadObject") && cmd.Load() != nil && n.Add(1) == int64(fails) {
				cmd.Load().(func())()
				return &storagetest.S3Fault{Reset: true, Apply: fails%2 == 0}
			}
			return nil
		})
		all := []vbctest.Recording{w.in(5, 1), w.in(6, 2)}
		w.want(w.archive("--older-than", "90d", "--catalog"), 0, nil)
		all = append(all, w.in(5, 3), w.in(6, 4), w.in(7, 5))
		c := w.command("archive", "--to", w.to, "--json", "--older-than", "90d", "--catalog", "--delete")
		cmd.Store(func() { _ = w.process(c).Kill() })
		r := w.finish(c)
		if n.Load() < int64(fails) {
			if r.code != 0 || fails < 7 {
				t.Fatalf("exit %d after %d requests", r.code, fails)
			}
			w.mustList("purged", all...)
			return // all requests have had their turn
		}
		cmd.Store(func() {})
		w.want(w.archive(append(nightly, "--delete")...), 0, nil)
		w.mustList("purged", all...)
		w.mustHold(all...)
	}
}

// The catalogue is not locked, since it is replaced, but encrypted as all else,
// also by export and erase. Copies stay locked.
func TestCatalogUnderObjectLock(t *testing.T) {
	t.Parallel()
	var bare atomic.Int64
	kms := []string{"--sse", "aws:kms", "--kms-key", "alias/recordings"}
	w := newWorld(t, vbctest.Config{}).inLockedS3(func(op, key string, r *http.Request) *storagetest.S3Fault {
		if op == "PutObject" && strings.Contains(key, "catalog/") && (r.Header.Get("X-Amz-Server-Side-Encryption") != "aws:kms" || r.Header.Get("X-Amz-Object-Lock-Mode") != "" || r.Header.Get("X-Amz-Tagging") != "a=b") {
			bare.Add(1)
		}
		return &storagetest.S3Fault{AddHeader: http.Header{"X-Amz-Server-Side-Encryption": {"aws:kms"}, "X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id": {"arn:aws:kms:::key/1"}}}
	})
	asked := append(append(slices.Clone(forSevenYears), kms...), "--catalog", "--delete", "--tag", "a=b")
	all := []vbctest.Recording{w.in(5, 1)}
	w.want(w.archive(asked...), 0, map[string]int{"deleted": 1})
	all = append(all, w.in(5, 2))
	w.want(w.archive(asked...), 0, map[string]int{"deleted": 1})
	w.mustList("purged", all...)
	w.want(w.run(append([]string{"export", "--to-store", "--tag", "a=b", "--json"}, kms...)...), 0, map[string]int{"months": 1})
	store := w.open()
	for _, key := range storagetest.Keys(t, store) {
		o, err := store.Stat(t.Context(), storage.Object{Key: key})
		if derived := strings.HasPrefix(key, "catalog/"); err != nil || derived != o.LockedUntil.IsZero() {
			t.Errorf("%s is locked until %v, %v", key, o.LockedUntil, err)
		}
	}
	if bare.Load() != 0 {
		t.Errorf("%d objects of the catalogue were stored locked, or not encrypted or tagged as asked", bare.Load())
	}
	w.mustHold(all...)
}

// Each manifest knows its own part. The one that keeps the catalogue is left
// alone by others, until somebody says otherwise.
func TestCatalogOfAnotherManifest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	all := []vbctest.Recording{w.in(5, 1), w.in(6, 2)}
	w.want(w.archive(append(nightly, "--delete")...), 0, nil)
	other := filepath.Join(t.TempDir(), "other")
	all = append(all, w.in(6, 3))
	r := w.archive(append(nightly, "--manifest", other)...)
	w.want(r, 1, map[string]int{"archived": 1})
	if !strings.Contains(r.stderr, "belongs to another manifest") || !strings.Contains(r.stderr, "--take-over") {
		t.Error("it doesn't say why, or what to do")
	}
	w.mustList("purged", all[:2]...)
	if r := w.run("export", "--to-store", "--manifest", other); r.code != 3 || !strings.Contains(r.stderr, "belongs to another manifest") {
		t.Error("taken over unasked")
	}
	w.want(w.archive(nightly...), 0, nil) // it is still the first one's
	w.want(w.run("export", "--to-store", "--take-over", "--json", "--manifest", other), 0, map[string]int{"months": 1})
	if got := w.catalogued(); len(got) != 2 || got[1].State != "purged" || got[3].State != "verified" {
		t.Errorf("%v", got) // May is left, June is what the other one knows
	}
	w.in(6, 4)
	w.want(w.archive(nightly...), 1, nil)
	w.mustHold(all...)
	// What is erased is in nobody's catalogue, though only its own manifest
	// can make the month anew.
	if r := w.erase("--id", "1"); r.code != 0 || !strings.Contains(r.stderr, "then run vbcvault export --to-store there") || len(w.of("month=05/catalog")) != 0 {
		t.Error("left in another manifest's catalogue, or not said so")
	}
}

// versionsOf are the contents of all versions of the catalogue.
func (w *world) versionsOf(t *testing.T) (all [][]byte) {
	if w.proxy == nil {
		for _, key := range w.of("catalog.parquet") {
			all = append(all, w.read(key))
		}
		return all
	}
	client, bucket := storagetest.StartS3(t).Client(), strings.Split(w.to, "/")[2]
	out, err := client.ListObjectVersions(t.Context(), &s3.ListObjectVersionsInput{Bucket: &bucket, Prefix: aws.String("calls/catalog/")})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range out.Versions {
		if !strings.HasSuffix(*v.Key, ".parquet") {
			continue
		}
		got, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: v.Key, VersionId: v.VersionId})
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(got.Body)
		got.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b)
	}
	return all
}

// A month of more than one part is uploaded as such, found again, and replaced.
func TestCatalogOfManyParts(t *testing.T) {
	t.Parallel()
	notShort(t, "makes a catalogue of 5,000 recordings")
	w := newWorld(t, vbctest.Config{}).inVersionedS3(nil)
	w.in(5, 1)
	w.want(w.archive("--older-than", "90d"), 0, nil)
	w.change(`INSERT INTO recording (kind, owner, id, start, size, raw, state)
		WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 4999)
		SELECT 'company', '', 1000 + i, 1747044900000, 1, json_object('id', 1000 + i, 'start', '2025-05-12T10:15:00+0000', 'file_name', hex(randomblob(2400))), 'gone' FROM n`)
	for range 2 { // the second time it is there already
		w.want(w.run("export", "--to-store", "--json"), 0, map[string]int{"months": 1})
		if got := w.catalogued(); len(got) != 5001 || got[1].State != "verified" {
			t.Fatalf("%d recordings, %v", len(got), got[1])
		}
		if n := len(w.versionsOf(t)); n != 1 {
			t.Errorf("%d versions", n)
		}
	}
	w.in(5, 2)
	w.want(w.archive(append(nightly, "--delete")...), 0, map[string]int{"deleted": 2})
	if got := w.catalogued(); len(got) != 5002 || got[1].State != "purged" || len(w.versionsOf(t)) != 2 {
		t.Errorf("%d recordings, %v", len(got), got[1])
	}
	if w.proxy.Count("CompleteMultipartUpload") < 2 {
		t.Error("it was no upload in parts in the first place")
	}
}
