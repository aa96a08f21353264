package s3store_test

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/s3store"
	"github.com/vbcvault/vbcvault/storage/storagetest"
)

// dialect runs the conformance suite on a server that speaks otherwise. Whatever
// isn't checked by the server is read back, so a byte that flips on its disk
// shows.
func dialect(t *testing.T, h hook) {
	server := storagetest.StartS3(t)
	storagetest.Run(t, func(t *testing.T) (storage.Destination, func(*testing.T, string)) {
		bucket := server.NewBucket(t)
		proxy := server.Proxy(t, h)
		s := openAt(t, s3store.Options{Bucket: bucket, AWS: server.Config(proxy.URL), AskConditions: true})
		if _, err := s.Probe(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
		if s.Memory() != storage.NoMemory {
			t.Error("it is believed to have checked")
		}
		return s, func(t *testing.T, key string) { storagetest.FlipByte(t, server.Path(bucket, key)) }
	})
}

func TestConformanceLikeGoogle(t *testing.T)    { t.Parallel(); dialect(t, storagetest.LikeGoogle) }
func TestConformanceLikeBackblaze(t *testing.T) { t.Parallel(); dialect(t, storagetest.LikeBackblaze) }

// A header that is refused is no checksum that was checked, in whatever words,
// and with whatever status, the server says so.
func TestUnsupportedIsNotChecked(t *testing.T) {
	t.Parallel()
	for i, f := range []storagetest.S3Fault{
		{Status: 400, Code: "InvalidArgument", Says: "Unsupported header 'x-amz-checksum-sha256' received for this API call."},
		{Status: 400, Code: "InvalidRequest", Says: "The checksum header is not supported"},
		{Status: 400, Code: "InvalidDigest", Says: "x-amz-checksum-sha256"},
		{Status: 400, Code: "BadDigest", Says: "checksums of this kind are not supported"},
		{Status: 400, Raw: "<html>Bad Request</html>"},
		{Status: 400},
		{Status: 422, Code: "Unprocessable"},
		{Status: 501, Code: "NotImplemented", Says: "A header you provided implies functionality that is not implemented"},
		{Status: 500, Raw: "<html>oops</html>"},
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			s, _, bucket := open(t, func(_, _ string, r *http.Request) *storagetest.S3Fault {
				for name := range r.Header {
					if strings.HasPrefix(strings.ToLower(name), "x-amz-checksum-") {
						return &f
					}
				}
				return nil
			})
			if _, err := s.Probe(t.Context(), ""); err != nil {
				t.Fatal(err)
			}
			if s.Memory() != storage.NoMemory {
				t.Error("it is believed to have checked")
			}
			for key, b := range map[string][]byte{"small": small(), "large": large()} {
				o, err := put(t, s, key, b)
				if err != nil {
					t.Fatal(err)
				}
				proves(t, s, o, b)
				storagetest.FlipByte(t, storagetest.StartS3(t).Path(bucket, "pre/fix/"+key))
				if has, err := s.Stat(t.Context(), o); err == nil && has.Content == o.Content {
					t.Errorf("%s: damage doesn't show", key)
				}
			}
			if f := s.Diagnose(t.Context()); !said(f, "writing and checksums", storage.Warning, "refuses checksums") {
				t.Errorf("%+v", f)
			}
		})
	}
}

// said reports whether there is such a finding.
func said(findings []storage.Finding, check string, level storage.Level, text string) bool {
	for _, f := range findings {
		if f.Check == check {
			return f.Level == level && strings.Contains(f.Means, text)
		}
	}
	return false
}

// What a server answers to a wrong checksum may have an unusual code. That it
// takes a right one shows that it has looked.
func TestAnyRefusalOfAWrongChecksumIsAsked(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"InvalidRequest", "InvalidDigest", "Checksum", "InvalidArgument"} {
		s, proxy, _ := open(t, func(op, key string, r *http.Request) *storagetest.S3Fault {
			if op == "PutObject" && strings.HasSuffix(key, "probe") && r.Header.Get("X-Amz-Checksum-Sha256") == storage.SumOf([]byte("other bytes")).Base64() {
				return &storagetest.S3Fault{Status: 400, Code: code, Says: "the checksum is not that of the content"}
			}
			return nil
		})
		if _, err := s.Probe(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
		if s.Memory() != storage.ForeignMemory || proxy.Count("") != 2 {
			t.Errorf("%s: memory %v after %d requests; want it believed after 2", code, s.Memory(), proxy.Count(""))
		}
	}
}

// A server that has trouble just while it is asked, and checks nothing, isn't
// believed to have found a wrong checksum wrong.
func TestPassingTroubleIsNoCheck(t *testing.T) {
	t.Parallel()
	wrong := storage.SumOf([]byte("other bytes")).Base64()
	for _, op := range []string{"PutObject", "UploadPart"} {
		for _, status := range []int{500, 501} {
			asked := 0
			s, _, _ := open(t, func(of, key string, r *http.Request) *storagetest.S3Fault {
				switch {
				case of != op || r.Header.Get("X-Amz-Checksum-Sha256") != wrong:
					return nil
				case asked > 0 && strings.HasPrefix(r.Header.Get("Amz-Sdk-Request"), "attempt=1;"):
					return &storagetest.S3Fault{Status: 200, AddHeader: http.Header{"ETag": {`"1"`}}} // it takes what it is sent
				}
				asked++
				return &storagetest.S3Fault{Status: status, Code: "InternalError", Says: "We encountered an internal error. Please try again."}
			})
			if _, err := s.Probe(t.Context(), ""); err != nil {
				t.Fatal(err)
			}
			o, err := put(t, s, "large", large())
			if err == nil {
				_, err = s.Stat(t.Context(), o)
			}
			if err != nil || s.Memory() != storage.NoMemory || asked == 0 {
				t.Errorf("%s, %d: memory %v, %v; want it disbelieved", op, status, s.Memory(), err)
			}
		}
	}
}

// A server that refuses the probe for another reason is refused, whatever the
// probe tries.
func TestNothingCanBeWritten(t *testing.T) {
	t.Parallel()
	s, proxy, _ := open(t, func(op, _ string, _ *http.Request) *storagetest.S3Fault {
		return &storagetest.S3Fault{Status: 400, Code: "InvalidArgument", Says: "No."}
	})
	if _, err := s.Probe(t.Context(), ""); err == nil || !strings.Contains(err.Error(), "No.") || proxy.Count("") > 4 {
		t.Errorf("%v, after %d requests", err, proxy.Count(""))
	}
}

// Uploads in parts may be refused with checksums where single objects are not,
// and parts may.
func TestUploadsWithoutChecksums(t *testing.T) {
	t.Parallel()
	for _, refused := range []string{"CreateMultipartUpload", "HeadObject"} {
		s, _, _ := open(t, func(op, _ string, r *http.Request) *storagetest.S3Fault {
			if op == refused && (r.Header.Get("X-Amz-Checksum-Algorithm") != "" || r.Header.Get("X-Amz-Checksum-Mode") != "") {
				return &storagetest.S3Fault{Status: 400, Code: "InvalidArgument", Says: "Unsupported header"}
			}
			return nil
		})
		if _, err := s.Probe(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
		o, err := put(t, s, "k", large())
		if err != nil {
			t.Fatalf("%s: %v", refused, err)
		}
		proves(t, s, o, large())
	}
}

// Conditions may be refused in words.
func TestUnsupportedConditions(t *testing.T) {
	t.Parallel()
	s, _, _ := open(t, func(op, key string, r *http.Request) *storagetest.S3Fault {
		if r.Header.Get("If-None-Match") != "" {
			return &storagetest.S3Fault{Status: 400, Code: "InvalidArgument", Says: "Unsupported header 'if-none-match' received for this API call."}
		}
		return nil
	})
	if _, err := put(t, s, "k", small()); err != nil {
		t.Fatal(err)
	}
	if _, err := put(t, s, "k", []byte("another one")); err == nil {
		t.Error("overwritten")
	}
}

// What is signed for a server that isn't Amazon's holds nothing that proxies
// change on the way; what is asked for all the same are plain bytes.
func TestSignedHeaders(t *testing.T) {
	t.Parallel()
	s, _, _ := open(t, func(op, _ string, r *http.Request) *storagetest.S3Fault {
		if strings.Contains(r.Header.Get("Authorization"), "accept-encoding") || r.Header.Get("Accept-Encoding") != "identity" {
			t.Errorf("%s: Accept-Encoding %q, signed: %s", op, r.Header.Get("Accept-Encoding"), r.Header.Get("Authorization"))
		}
		return nil
	})
	o, err := put(t, s, "k", small())
	if err != nil {
		t.Fatal(err)
	}
	proves(t, s, o, small())
	if _, err := s.Reread(t.Context(), o); err != nil {
		t.Error(err)
	}
}

// Where checksums are refused, Content-MD5 has bytes that change on the way be
// noticed at once.
func TestMD5InPlaceOfAChecksum(t *testing.T) {
	t.Parallel()
	var sums []string
	s, _, _ := open(t, func(op, key string, r *http.Request) *storagetest.S3Fault {
		if (op == "PutObject" || op == "UploadPart") && !strings.HasSuffix(key, "probe") {
			sums = append(sums, r.Header.Get("Content-Md5"))
		}
		return storagetest.LikeBackblaze(op, key, r)
	})
	if _, err := s.Probe(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	for _, b := range [][]byte{small(), large()} {
		if _, err := put(t, s, fmt.Sprint(len(b)), b); err != nil {
			t.Fatal(err)
		}
	}
	if len(sums) < 3 || bytes.Contains([]byte(strings.Join(sums, " ")), []byte("  ")) || sums[0] == "" {
		t.Errorf("Content-MD5: %q", sums)
	}
}
