package s3store_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/s3store"
	"github.com/vbcvault/vbcvault/storage/storagetest"
)

// endless are listings that say that they go on, and don't get anywhere. n counts
// the requests.
var endless = map[string]func(n int) (from, to string){
	"no marker":                    func(int) (string, string) { return "a", "" },
	"the same marker":              func(n int) (string, string) { return fmt.Sprintf("k%06d", n), "x" },
	"the same page, new markers":   func(n int) (string, string) { return "a", fmt.Sprint(n) },
	"a circle of markers":          func(n int) (string, string) { return "", fmt.Sprint("m", n%7) },
	"a circle of pages":            func(n int) (string, string) { return fmt.Sprint("k", n%5), fmt.Sprint(n) },
	"empty pages, new markers":     func(n int) (string, string) { return "", fmt.Sprint(n) },
	"a circle after some progress": func(n int) (string, string) { return "", fmt.Sprint("m", min(n, 40+n%3)) },
}

// No listing goes on for ever, and none that breaks off counts as ended.
func TestListingsEnd(t *testing.T) {
	t.Parallel()
	for name, next := range endless {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := 0
				s := fake(t, "https://s3.example.com", func(r *http.Request) *http.Response {
					if n++; n > 5000 {
						t.Fatal("it never ends")
					}
					from, to := next(n)
					q := r.URL.Query()
					switch {
					case q.Has("uploads"):
						upload := ""
						if from != "" {
							upload = "<Upload><Key>" + from + "</Key><UploadId>u</UploadId></Upload>"
						}
						return answer(200, `<ListMultipartUploadsResult><IsTruncated>true</IsTruncated><NextKeyMarker>`+to+`</NextKeyMarker>`+upload+`</ListMultipartUploadsResult>`)
					case q.Has("versions"):
						v := ""
						if from != "" {
							v = "<Version><Key>" + from + "</Key><VersionId>v</VersionId></Version>"
						}
						return answer(200, `<ListVersionsResult><IsTruncated>true</IsTruncated><NextKeyMarker>`+to+`</NextKeyMarker>`+v+`</ListVersionsResult>`)
					case q.Has("versioning"):
						return answer(200, `<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>`)
					case q.Has("list-type"):
						o := ""
						if from != "" {
							o = "<Contents><Key>" + from + "</Key><Size>1</Size></Contents>"
						}
						return answer(200, `<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>`+to+`</NextContinuationToken>`+o+`</ListBucketResult>`)
					}
					return answer(204, "") // an upload is aborted
				})
				var err error
				for _, e := range s.List(t.Context(), "") {
					err = e
				}
				if err == nil {
					t.Errorf("List ends after %d requests as if that were all", n)
				}
				n = 0
				if _, err = s.Names(t.Context(), ""); err == nil {
					t.Errorf("Names ends after %d requests as if that were all", n)
				}
				n = 0
				if _, err = s3store.NewEraser(s).Keys(t.Context(), "", nil); err == nil {
					t.Errorf("the versions end after %d requests as if that were all", n)
				}
				n = 0
				if _, err = s.Tidy(t.Context(), ""); err != nil {
					t.Errorf("Tidy: %v; want that it is only said", err)
				}
				err = nil
				n = 0
				for _, e := range s.Unfinished(t.Context(), "") {
					err = e
				}
				if !errors.Is(err, storage.ErrHidden) {
					t.Errorf("Unfinished: %v", err)
				}
			})
		})
	}
}

// Pages that show nothing and go on are not the end, and a long listing isn't a
// circle.
func TestListingsGoOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := 0
		s := fake(t, "https://s3.example.com", func(*http.Request) *http.Response {
			n++
			o := ""
			if n%10 == 0 {
				o = fmt.Sprintf("<Contents><Key>k%06d</Key><Size>1</Size></Contents>", n)
			}
			return answer(200, fmt.Sprintf(`<ListBucketResult><IsTruncated>%v</IsTruncated><NextContinuationToken>m%d</NextContinuationToken>%s</ListBucketResult>`, n < 3000, n, o))
		})
		if keys := storagetest.Keys(t, s); len(keys) != 300 || n != 3000 {
			t.Errorf("%d keys on %d pages", len(keys), n)
		}
	})
}

// A listing that isn't in order can't be compared with a manifest.
func TestListingsAreInOrder(t *testing.T) {
	t.Parallel()
	s := fake(t, "https://s3.example.com", func(*http.Request) *http.Response {
		return answer(200, `<ListBucketResult><Contents><Key>b</Key></Contents><Contents><Key>a</Key></Contents></ListBucketResult>`)
	})
	var err error
	for _, e := range s.List(t.Context(), "") {
		err = e
	}
	if err == nil || !strings.Contains(err.Error(), "not sorted") {
		t.Errorf("%v", err)
	}
}

// Nothing depends on unfinished uploads: whatever a server answers about them is
// said, and isn't an error.
func TestHousekeepingIsNeverAnError(t *testing.T) {
	t.Parallel()
	for _, f := range []storagetest.S3Fault{
		{Status: 404, Code: "NoSuchUpload"}, {Status: 404, Code: "NoSuchBucket"}, {Status: 404, Raw: "<html>not here</html>"}, {Status: 405, Code: "MethodNotAllowed"},
		{Status: 400, Code: "InvalidArgument"}, {Status: 501, Code: "NotImplemented"}, {Status: 500, Code: "InternalError"}, {Status: 500, Raw: "<html>"},
		{Status: 403, Code: "AccessDenied"}, {Status: 200, Raw: "<html><body>Welcome</body></html>"}, {Status: 200, Raw: "{}"}, {Status: 301}, {Reset: true},
	} {
		for _, refused := range []string{"ListMultipartUploads", "AbortMultipartUpload"} {
			var abandoned atomic.Bool
			s, _, bucket := open(t, func(op, _ string, _ *http.Request) *storagetest.S3Fault {
				if op == refused {
					abandoned.Store(true)
					return &f
				}
				return nil
			})
			for range 5 {
				storagetest.StartS3(t).BeginUpload(t, bucket, "pre/fix/k")
			}
			if n, err := s.Tidy(t.Context(), ""); err != nil || n != 0 && f.Status != 200 && f.Status != 404 || !abandoned.Load() {
				t.Errorf("%s %d %s: %d, %v", refused, f.Status, f.Code+f.Raw, n, err)
			}
			if refused == "AbortMultipartUpload" {
				continue
			}
			for _, err := range s.Unfinished(t.Context(), "") {
				if err != nil && !errors.Is(err, storage.ErrHidden) {
					t.Errorf("%d %s: %v", f.Status, f.Code+f.Raw, err)
				}
			}
			for _, found := range s.Diagnose(t.Context()) {
				if found.Level == storage.Failure || found.Check == "unfinished uploads" && found.Level != storage.OK && found.Mend == "" {
					t.Errorf("%d %s: %+v", f.Status, f.Code+f.Raw, found)
				}
			}
		}
	}
}
