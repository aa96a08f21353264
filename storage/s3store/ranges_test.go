package s3store_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/s3store"
	"github.com/vbcvault/vbcvault/storage/storagetest"
)

const digits = "0123456789abcdefghij" // of an object of 20 bytes

// Whatever a server answers to a range: the bytes are those that were asked for, or it is
// an error. The object has 20 bytes, and 5 from the tenth on are asked for.
func TestOddAnswersToARange(t *testing.T) {
	t.Parallel()
	known := storage.Object{Key: "k", ETag: `"1"`, VersionID: "v", Content: storage.Content{Size: 20, SHA256: storage.SumOf([]byte(digits))}}
	partly := func(b, span string, header ...string) func() *http.Response {
		return func() *http.Response {
			return answer(http.StatusPartialContent, b, append([]string{"Content-Range", "bytes " + span, "ETag", `"1"`}, header...)...)
		}
	}
	says := func(status int, code string) func() *http.Response {
		return func() *http.Response { return answer(status, "<Error><Code>"+code+"</Code></Error>") }
	}
	anything := errors.New("whatever it says")
	for name, c := range map[string]struct {
		answer func() *http.Response
		want   string
		err    error
	}{
		"as asked":                    {partly("abcde", "10-14/20"), "abcde", nil},
		"nobody knows how many":       {partly("abcde", "10-14/*"), "abcde", nil},
		"everything":                  {func() *http.Response { return answer(http.StatusOK, digits, "ETag", `"1"`) }, "abcde", nil},
		"everything, in pieces":       {func() *http.Response { return unsized(answer(http.StatusOK, digits, "ETag", `"1"`)) }, "abcde", nil},
		"everything, and cut off":     {func() *http.Response { return unsized(answer(http.StatusOK, digits[:12], "ETag", `"1"`)) }, "", io.ErrUnexpectedEOF},
		"everything, and soon cut":    {func() *http.Response { return unsized(answer(http.StatusOK, digits[:7], "ETag", `"1"`)) }, "", io.ErrUnexpectedEOF},
		"everything of less":          {func() *http.Response { return answer(http.StatusOK, digits[:8], "ETag", `"1"`, "Content-Length", "8") }, "", storage.ErrChanged},
		"a range of less":             {partly("abcd", "10-13/14"), "", storage.ErrChanged},
		"from elsewhere":              {partly("56789", "5-9/20"), "", anything},
		"from before":                 {partly("56789abcdefghij", "5-19/20"), "", anything},
		"fewer":                       {partly("abc", "10-12/20"), "", anything},
		"more":                        {partly("abcdefghij", "10-19/20"), "abcde", nil},
		"no range":                    {partly("abcde", "*/20"), "", anything},
		"nonsense":                    {partly("abcde", "14-10/20"), "", anything},
		"more than there is":          {partly("abcde", "10-14/12"), "", anything},
		"longer than it says":         {func() *http.Response { return unsized(partly("abcdefg", "10-14/20")()) }, "abcde", nil},
		"shorter than it says":        {func() *http.Response { return unsized(partly("abc", "10-14/20")()) }, "", io.ErrUnexpectedEOF},
		"of another object":           {partly("abcde", "10-14/20", "ETag", `"2"`), "", storage.ErrChanged},
		"of another version":          {partly("abcde", "10-14/20", "X-Amz-Version-Id", "w"), "", storage.ErrChanged},
		"the ETag without its quotes": {partly("abcde", "10-14/20", "ETag", `1`), "abcde", nil},
		"without an ETag":             {partly("abcde", "10-14/20", "ETag", `""`), "abcde", nil},
		"416":                         {says(http.StatusRequestedRangeNotSatisfiable, "InvalidRange"), "", storage.ErrRange},
		"412":                         {says(http.StatusPreconditionFailed, "PreconditionFailed"), "", storage.ErrChanged},
		"cold":                        {says(http.StatusForbidden, "InvalidObjectState"), "", storage.ErrCold},
		"refused":                     {says(http.StatusForbidden, "AccessDenied"), "", storage.ErrRefused},
		"missing":                     {says(http.StatusNotFound, "NoSuchKey"), "", storage.ErrNotFound},
		"an earlier version is gone":  {says(http.StatusNotFound, "NoSuchVersion"), "", storage.ErrNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := fake(t, "http://127.0.0.1:1", func(r *http.Request) *http.Response {
				if r.Header.Get("Range") != "bytes=10-14" || r.Header.Get("If-Match") != `"1"` || r.URL.Query().Get("versionId") != "v" {
					t.Errorf("%s, %v", r.URL, r.Header)
				}
				return c.answer()
			})
			b, err := rangeOf(t, s, known, 10, 5)
			switch {
			case errors.Is(c.err, anything):
				if err == nil {
					t.Errorf("%q; want it refused", b)
				}
			case !errors.Is(err, c.err) || c.err == nil && string(b) != c.want:
				t.Errorf("%q, %v; want %q, %v", b, err, c.want, c.err)
			}
			if !strings.HasPrefix("abcde", string(b)) {
				t.Errorf("%q are wrong bytes", b)
			}
		})
	}
}

// unsized is an answer in chunks, whose length nobody says.
func unsized(r *http.Response) *http.Response {
	r.ContentLength = -1
	return r
}

func rangeOf(t *testing.T, s *s3store.Store, o storage.Object, off, n int64) ([]byte, error) {
	t.Helper()
	r, err := s.OpenRange(t.Context(), o, off, n)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

// A server that doesn't know the condition is asked without it, and its answer compared.
func TestRangesWithoutConditions(t *testing.T) {
	t.Parallel()
	for etag, want := range map[string]error{`"1"`: nil, `"2"`: storage.ErrChanged} {
		asked := 0
		s := fake(t, "http://127.0.0.1:1", func(r *http.Request) *http.Response {
			if asked++; r.Header.Get("If-Match") != "" {
				return answer(http.StatusNotImplemented, "<Error><Code>NotImplemented</Code></Error>")
			}
			return answer(http.StatusPartialContent, "abcde", "Content-Range", "bytes 10-14/20", "ETag", etag)
		})
		if b, err := rangeOf(t, s, storage.Object{Key: "k", ETag: `"1"`}, 10, 5); !errors.Is(err, want) || want == nil && string(b) != "abcde" {
			t.Errorf("%s: %q, %v, asked %d times", etag, b, err, asked)
		}
	}
}

// What fails before the first byte is asked again, as by Open; what breaks off later is
// an error, and never a range that ends early.
func TestRangesOfARealServer(t *testing.T) {
	t.Parallel()
	faults := []*storagetest.S3Fault{{Status: http.StatusInternalServerError, Code: "InternalError"}, {Reset: true}}
	cut := 0
	s, proxy, _ := open(t, func(op, key string, _ *http.Request) *storagetest.S3Fault {
		if op != "GetObject" || strings.Contains(key, "probe") {
			return nil
		}
		if len(faults) > 0 {
			f := faults[0]
			faults = faults[1:]
			return f
		}
		return &storagetest.S3Fault{CutAfter: cut}
	})
	b := large()
	o, err := put(t, s, "k", b)
	if err != nil || !strings.Contains(o.ETag, "-") {
		t.Fatalf("%+v, %v; want an upload of parts", o, err)
	}
	proxy.Reset()
	if got, err := rangeOf(t, s, o, 1000, part); err != nil || !bytes.Equal(got, b[1000:1000+part]) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if n := proxy.Count("GetObject"); n != 3 || proxy.Count("") != n {
		t.Errorf("%d requests, %d in all; want one, asked three times", n, proxy.Count(""))
	}
	cut = 100_000
	if got, err := rangeOf(t, s, o, 1000, part); err == nil || !bytes.Equal(got, b[1000:1000+len(got)]) {
		t.Errorf("broken off: %d bytes, %v", len(got), err)
	}
}

// A version that is known is read though another one is above it, and what is known of
// one is never answered with another.
func TestRangesOfVersions(t *testing.T) {
	t.Parallel()
	server := storagetest.StartS3(t)
	bucket := server.NewBucket(t)
	_, err := server.Client().PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{
		Bucket: &bucket, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled},
	})
	if err != nil {
		t.Fatal(err)
	}
	s := openAt(t, s3store.Options{Bucket: bucket, AWS: server.Config(server.URL)})
	o, err := put(t, s, "k", []byte(digits))
	if err != nil || o.VersionID == "" {
		t.Fatal(o, err)
	}
	storagetest.Overwrite(t, server, bucket, "k")
	if b, err := rangeOf(t, s, o, 10, 5); err != nil || string(b) != "abcde" {
		t.Errorf("the version that is known: %q, %v", b, err)
	}
	now := o
	now.VersionID = ""
	if b, err := rangeOf(t, s, now, 10, 5); !errors.Is(err, storage.ErrChanged) {
		t.Errorf("the one above it: %q, %v", b, err)
	}
	now.Content, now.ETag = storage.Content{}, ""
	if b, err := rangeOf(t, s, now, 0, 3); err != nil || string(b) != "not" {
		t.Errorf("whatever there is: %q, %v", b, err)
	}
	now.ETag = fmt.Sprintf("%q", strings.Repeat("0", 32))
	if _, err := rangeOf(t, s, now, 0, 3); !errors.Is(err, storage.ErrChanged) {
		t.Errorf("another ETag: %v", err)
	}
}
