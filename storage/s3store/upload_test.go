package s3store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/s3store"
	"github.com/vbcvault/vbcvault/storage/storagetest"
)

// journal remembers uploads as the manifest does.
type journal struct {
	mu   sync.Mutex
	open []string
	told int
	err  error
}

func (j *journal) UploadBegun(_ context.Context, key, id string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.told++
	if j.err == nil {
		j.open = append(j.open, key+" "+id)
	}
	return j.err
}

func (j *journal) UploadEnded(key, id string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.open = slices.DeleteFunc(j.open, func(s string) bool { return s == key+" "+id })
}

// Each upload in parts is noted before its first part, and forgotten once it is
// completed or aborted; where it can't be noted, nothing is sent.
func TestUploadsAreNoted(t *testing.T) {
	t.Parallel()
	server := storagetest.StartS3(t)
	bucket := server.NewBucket(t)
	j := &journal{}
	noted := false
	proxy := server.Proxy(t, func(op, _ string, r *http.Request) *storagetest.S3Fault {
		if op == "UploadPart" && r.URL.Query().Get("partNumber") == "1" {
			j.mu.Lock()
			defer j.mu.Unlock()
			noted = len(j.open) == 1
		}
		return nil
	})
	s := openAt(t, s3store.Options{Bucket: bucket, AWS: server.Config(proxy.URL)})
	s.JournalUploads(j)
	put := func(key string, seal func(storage.Object) error) error {
		_, err := s.Put(t.Context(), key, storage.Body{Reader: bytes.NewReader(make([]byte, 6<<20)), Seal: seal}, storage.Attrs{})
		return err
	}
	if err := put("a", nil); err != nil || !noted || j.told != 1 || len(j.open) != 0 {
		t.Errorf("%v, noted before the first part %v, told %d times, open %q", err, noted, j.told, j.open)
	}
	broken := errors.New("broken")
	if err := put("b", func(storage.Object) error { return broken }); !errors.Is(err, broken) || j.told != 2 || len(j.open) != 0 {
		t.Errorf("%v, told %d times, open %q", err, j.told, j.open)
	}
	proxy.Reset()
	j.err = fmt.Errorf("no space: %w", broken)
	if err := put("c", nil); !errors.Is(err, broken) || proxy.Count("UploadPart") != 0 || proxy.Count("AbortMultipartUpload") != 1 {
		t.Errorf("%v, %d parts, %d aborted", err, proxy.Count("UploadPart"), proxy.Count("AbortMultipartUpload"))
	}
	if _, err := s.Put(t.Context(), "small", storage.Body{Reader: bytes.NewReader(make([]byte, 1000))}, storage.Attrs{}); err != nil || j.told != 3 {
		t.Errorf("%v; a small object is noted: told %d times", err, j.told)
	}
}

// An upload that was completed, though nobody was told, is no upload any more:
// aborting what was noted does no harm to its object.
func TestAbortAfterCompletion(t *testing.T) {
	t.Parallel()
	server := storagetest.StartS3(t)
	bucket := server.NewBucket(t)
	j := &journal{}
	var noted []string
	proxy := server.Proxy(t, func(op, _ string, r *http.Request) *storagetest.S3Fault {
		if op == "CompleteMultipartUpload" {
			noted = []string{"k", r.URL.Query().Get("uploadId")}
		}
		return nil
	})
	s := openAt(t, s3store.Options{Bucket: bucket, AWS: server.Config(proxy.URL)})
	s.JournalUploads(j)
	b := make([]byte, 6<<20)
	o, err := s.Put(t.Context(), "k", storage.Body{Reader: bytes.NewReader(b)}, storage.Attrs{})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.AbortUpload(t.Context(), noted[0], noted[1]); err != nil {
			t.Errorf("abort: %v", err)
		}
	}
	if has, err := s.Stat(t.Context(), o); err != nil || has.Content != o.Content {
		t.Errorf("%+v, %v", has, err)
	}
	if err := s.AbortUpload(t.Context(), "none", "unknown"); err != nil {
		t.Errorf("an upload that never was: %v", err)
	}
}

// Whatever becomes of the bytes of an object, it is known by what Seal was told of
// it, be it of one piece or several, and replaced where it is. Another one isn't.
func TestDamagedObjectIsKnownAgain(t *testing.T) {
	t.Parallel()
	server := storagetest.StartS3(t)
	for _, size := range []int{1000, 6 << 20} {
		for name, damage := range map[string]func(testing.TB, string){"flipped": storagetest.FlipByte, "cut off": storagetest.Truncate} {
			bucket := server.NewBucket(t)
			s := openAt(t, s3store.Options{Bucket: bucket, AWS: server.Config(server.URL)})
			b, told, own := bytes.Repeat([]byte{7}, size), storage.Object{}, false
			put := func() error {
				_, err := s.Put(t.Context(), "k", storage.Body{Reader: bytes.NewReader(b), Reread: true,
					Seal: func(o storage.Object) error { told = o; return nil },
					Occupied: func(o storage.Object) storage.Resolution {
						own = o.Own
						return storage.Refuse
					}}, storage.Attrs{})
				return err
			}
			if err := put(); err != nil {
				t.Fatal(err)
			}
			first := told
			damage(t, server.Path(bucket, "k"))
			has, err := s.Reread(t.Context(), storage.Object{Key: "k"})
			if err != nil || has.Content == first.Content || !has.Bears(first) {
				t.Errorf("%d bytes, %s: %+v, %v; want it known as %+v", size, name, has, err, first)
			}
			// The same bytes again: those of one piece are known by their digest.
			var taken *storage.OccupiedError
			if err := put(); !errors.As(err, &taken) || own != (size < 5<<20) {
				t.Errorf("%d bytes, %s: %v, its own: %v", size, name, err, own)
			}
			storagetest.Overwrite(t, server, bucket, "k")
			if has, err := s.Reread(t.Context(), storage.Object{Key: "k"}); err != nil || has.Bears(first) {
				t.Errorf("%d bytes, %s: %+v, %v; want another's not taken for %+v", size, name, has, err, first)
			}
		}
	}
}
