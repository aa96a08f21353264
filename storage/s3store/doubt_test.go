package s3store_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/s3store"
	"github.com/vbcvault/vbcvault/storage/storagetest"
)

// always makes every request of an operation fail, but not the probe's.
func always(op string, f storagetest.S3Fault) hook {
	return func(is, key string, _ *http.Request) *storagetest.S3Fault {
		if is != op || strings.Contains(key, "probe") {
			return nil
		}
		return &f
	}
}

// Where the request has taken effect and no answer ever says so, asking the
// store does: the Put is a success.
func TestAppliedWhateverTheAnswer(t *testing.T) {
	t.Parallel()
	for op, b := range map[string][]byte{"PutObject": small(), "CompleteMultipartUpload": large()} {
		for name, f := range map[string]storagetest.S3Fault{
			"500":                      {Status: http.StatusInternalServerError, Code: "InternalError", Apply: true},
			"200 with an error in it":  {Status: http.StatusOK, Code: "InternalError", Apply: true},
			"404 as for a lost upload": {Status: http.StatusNotFound, Code: "NoSuchUpload", Apply: true},
			"409":                      {Status: http.StatusConflict, Code: "ConditionalRequestConflict", Apply: true},
			"412":                      {Status: http.StatusPreconditionFailed, Code: "PreconditionFailed", Apply: true},
		} {
			if op == "PutObject" && f.Status == http.StatusOK {
				continue // PutObject's answer has no body
			}
			t.Run(op+" "+name, func(t *testing.T) {
				s, _, bucket := open(t, always(op, f))
				o, err := put(t, s, "k", b)
				if err != nil || o.Content.SHA256 != storage.SumOf(b) || o.ETag == "" {
					t.Fatalf("%+v, %v; want what was stored", o, err)
				}
				proves(t, s, o, b)
				if keys := storagetest.StartS3(t).Keys(t, bucket); len(keys) != 1 {
					t.Errorf("the bucket holds %q", keys)
				}
				if n, err := s.Tidy(t.Context(), ""); n != 0 || err != nil {
					t.Errorf("%d uploads are left, %v", n, err)
				}
			})
		}
	}
}

// The same answers where nothing has happened are errors, and never an
// occupant that isn't there; a 412 that stays means that the key can't be had.
func TestNotAppliedIsAnError(t *testing.T) {
	t.Parallel()
	for op, b := range map[string][]byte{"PutObject": small(), "CompleteMultipartUpload": large()} {
		for name, f := range map[string]storagetest.S3Fault{
			"500":         {Status: http.StatusInternalServerError, Code: "InternalError"},
			"404":         {Status: http.StatusNotFound, Code: "NoSuchUpload"},
			"409":         {Status: http.StatusConflict, Code: "ConditionalRequestConflict"},
			"412":         {Status: http.StatusPreconditionFailed, Code: "PreconditionFailed"},
			"403":         {Status: http.StatusForbidden, Code: "AccessDenied"},
			"400":         {Status: http.StatusBadRequest, Code: "EntityTooSmall"},
			"other codes": {Status: http.StatusTeapot, Code: "Teapot"},
		} {
			t.Run(op+" "+name, func(t *testing.T) {
				s, proxy, bucket := open(t, always(op, f))
				_, err := put(t, s, "k", b)
				occupied, ok := errors.AsType[*storage.OccupiedError](err)
				if err == nil || ok != (name == "412") || ok && occupied.Occupant.Proven() || !strings.Contains(err.Error(), "k") || !strings.Contains(err.Error(), f.Code) {
					t.Errorf("%v; want the server's error, with the key", err)
				}
				if refused := errors.Is(err, storage.ErrRefused); refused != (f.Status == http.StatusForbidden) {
					t.Errorf("%v: refused %v", err, refused)
				}
				if n := proxy.Count(op); n > 4 {
					t.Errorf("%d tries", n)
				}
				if keys := storagetest.StartS3(t).Keys(t, bucket); len(keys) != 0 {
					t.Errorf("the bucket holds %q", keys)
				}
				if n, err := s.Tidy(t.Context(), ""); n != 0 || err != nil {
					t.Errorf("%d uploads are left, %v", n, err)
				}
			})
		}
	}
}

// A conflict that passes is tried again, without reading the body again.
func TestConflictsPass(t *testing.T) {
	t.Parallel()
	for op, b := range map[string][]byte{"PutObject": small(), "CompleteMultipartUpload": large()} {
		s, _, _ := open(t, once(op, storagetest.S3Fault{Status: http.StatusConflict, Code: "ConditionalRequestConflict"}))
		o, err := put(t, s, "k", b)
		if err != nil {
			t.Fatalf("%s: %v", op, err)
		}
		proves(t, s, o, b)
	}
}

// replaceWith puts b and answers any question with Replace.
func replaceWith(t *testing.T, s *s3store.Store, b []byte, asked func(storage.Object)) (storage.Object, error) {
	t.Helper()
	return s.Put(t.Context(), "k", storage.Body{Reader: bytes.NewReader(b), Occupied: func(o storage.Object) storage.Resolution {
		asked(o)
		return storage.Replace
	}}, storage.Attrs{})
}

func TestReplaceOnlyWhatWasSeen(t *testing.T) {
	t.Parallel()
	for name, h := range map[string]hook{
		"conditions":         nil,
		"conditions unknown": unconditional,
	} {
		for _, b := range [][]byte{small(), large()} {
			t.Run(name, func(t *testing.T) {
				asked := false
				s, _, bucket := open(t, func(op, key string, r *http.Request) *storagetest.S3Fault {
					makesVisible := op == "PutObject" || op == "CompleteMultipartUpload"
					if h == nil && makesVisible && (r.Header.Get("If-Match") == "") == asked {
						t.Errorf("%s with If-Match %q and If-None-Match %q", op, r.Header.Get("If-Match"), r.Header.Get("If-None-Match"))
					}
					if h == nil {
						return nil
					}
					return h(op, key, r)
				})
				server := storagetest.StartS3(t)
				storagetest.Overwrite(t, server, bucket, "pre/fix/k")
				// Between our looking and our writing somebody else replaces it.
				newer := []byte("newer, and whole")
				_, err := replaceWith(t, s, b, func(storage.Object) {
					asked = true
					_, err := server.Client().PutObject(context.Background(), &s3.PutObjectInput{
						Bucket: &bucket, Key: aws.String("pre/fix/k"), Body: bytes.NewReader(newer)})
					if err != nil {
						t.Error(err)
					}
				})
				if taken, ok := errors.AsType[*storage.OccupiedError](err); !ok || taken.Occupant.SHA256 != storage.SumOf(newer) {
					t.Errorf("%v; want that the newer one stays", err)
				}
				if got := server.Read(t, bucket, "pre/fix/k"); !bytes.Equal(got, newer) {
					t.Errorf("the newer object was overwritten with %d bytes", len(got))
				}
				// Left alone, it is replaced.
				asked = false
				o, err := replaceWith(t, s, b, func(storage.Object) { asked = true })
				if err != nil {
					t.Fatal(err)
				}
				proves(t, s, o, b)
			})
		}
	}
}

func unconditional(_, _ string, r *http.Request) *storagetest.S3Fault {
	if r.Header.Get("If-None-Match") != "" || r.Header.Get("If-Match") != "" {
		return &storagetest.S3Fault{Status: http.StatusNotImplemented, Code: "NotImplemented"}
	}
	return nil
}

func TestReplacedAndAnswerLost(t *testing.T) {
	t.Parallel()
	for op, b := range map[string][]byte{"PutObject": small(), "CompleteMultipartUpload": large()} {
		var asked atomic.Bool
		s, _, bucket := open(t, func(is, _ string, _ *http.Request) *storagetest.S3Fault {
			if is == op && asked.Load() {
				return &storagetest.S3Fault{Apply: true, Status: http.StatusInternalServerError, Code: "InternalError"}
			}
			return nil
		})
		storagetest.Overwrite(t, storagetest.StartS3(t), bucket, "pre/fix/k")
		o, err := replaceWith(t, s, b, func(storage.Object) { asked.Store(true) })
		if err != nil {
			t.Fatalf("%s: %v", op, err)
		}
		proves(t, s, o, b)
	}
}

// The reader's own error comes through, whatever it is called.
func TestCutOffDownload(t *testing.T) {
	t.Parallel()
	s, _, bucket := open(t, nil)
	for _, n := range []int{10, 100_000, part, part + 10} {
		_, err := s.Put(t.Context(), "k", storage.Body{
			Reader: io.MultiReader(bytes.NewReader(make([]byte, n)), &cutOff{}),
			Seal:   func(storage.Object) error { t.Errorf("sealed %d bytes of a body that was cut off", n); return nil },
		}, storage.Attrs{})
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("cut off after %d bytes: %v", n, err)
		}
	}
	if keys := storagetest.StartS3(t).Keys(t, bucket); len(keys) != 0 {
		t.Errorf("the bucket holds %q", keys)
	}
	if n, err := s.Tidy(t.Context(), ""); n != 0 || err != nil {
		t.Errorf("%d uploads are left, %v", n, err)
	}
}

type cutOff struct{}

func (*cutOff) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
