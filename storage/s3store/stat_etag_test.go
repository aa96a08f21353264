package s3store_test

import (
	"net/http"
	"testing"

	"github.com/vbcvault/vbcvault/storage"
)

// Empty quotes are no ETag: all objects of such a server have them, and none is
// known by them.
func TestEmptyETagIsNone(t *testing.T) {
	t.Parallel()
	for _, etag := range []string{`""`, `W/""`, ""} {
		objects := memory{}
		s := fake(t, "https://s3.example.com", func(r *http.Request) *http.Response {
			out := objects.answer(r, []byte("x"))
			out.Header.Set("ETag", etag)
			out.Header.Set("Last-Modified", "Fri, 27 Nov 2026 14:00:00 GMT")
			return out
		})
		o, err := put(t, s, "k", []byte("x"))
		if err != nil {
			t.Fatal(err)
		}
		has, err := s.Stat(t.Context(), storage.Object{Key: "k"})
		if err != nil || o.ETag != "" || has.ETag != "" || has.Seen != "" {
			t.Errorf("%q: %+v, then %+v, %v", etag, o, has, err)
		}
	}
}

// A composite checksum of which a server says neither what it is nor of how many
// parts isn't taken for the digest of the whole.
func TestBareCompositeChecksum(t *testing.T) {
	t.Parallel()
	whole, parts := storage.SumOf([]byte("the whole")), storage.SumOf([]byte("its parts' digests"))
	s := fake(t, "https://s3.us-east-1.amazonaws.com", func(*http.Request) *http.Response {
		return answer(http.StatusOK, "", "ETag", `"1"`, "Content-Length", "9", "X-Amz-Checksum-Sha256", parts.Base64())
	})
	want := storage.Object{Key: "k", Content: storage.Content{Size: 9, SHA256: whole}, Checksum: parts.Base64() + "-2"}
	if has, err := s.Stat(t.Context(), want); err != nil || has.Content != want.Content || has.Proof != storage.ProofParts {
		t.Errorf("%+v, %v", has, err)
	}
}
