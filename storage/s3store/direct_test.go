package s3store_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/s3store"
)

var ours = credentials.NewStaticCredentialsProvider("key", "secret", "token")

// What is sent without the SDK's stack is what the SDK would send: the same line, host
// and headers, the same signed, the same body. Only how the SDK names itself and numbers
// its calls differs.
func TestDirectIsWhatTheSDKSends(t *testing.T) {
	t.Parallel()
	amazon := aws.Config{Region: "eu-central-1", Credentials: ours}
	at := func(endpoint string) aws.Config {
		c := amazon.Copy()
		c.BaseEndpoint = &endpoint
		return c
	}
	for name, c := range map[string]struct {
		aws    aws.Config
		bucket string
		o      s3store.Options
	}{
		"Amazon":                   {aws: amazon},
		"Amazon, a prefix":         {aws: amazon, o: s3store.Options{Prefix: "/a b/ü=&+/"}},
		"Amazon, in the path":      {aws: amazon, o: s3store.Options{PathStyle: true}},
		"Amazon, dots":             {aws: amazon, bucket: "calls.example.com"},
		"Amazon, China":            {aws: aws.Config{Region: "cn-north-1", Credentials: ours}},
		"Amazon, us-east-1":        {aws: aws.Config{Region: "us-east-1", Credentials: ours}},
		"Amazon, a VPC's endpoint": {aws: at("https://bucket.vpce-1a2b3c4d-5e6f.s3.eu-central-1.vpce.amazonaws.com")},
		"another server":           {aws: at("https://s3.example.com:9000")},
		"another server's path":    {aws: at("https://example.com/s3/"), o: s3store.Options{Prefix: "p"}},
		"an address":               {aws: at("http://127.0.0.1:9000")},
		"protected": {aws: amazon, o: s3store.Options{Protection: s3store.Protection{
			Lock: types.ObjectLockModeCompliance, Retain: s3store.Period{Years: 7}, Encryption: types.ServerSideEncryptionAwsKms,
			KMSKey: "arn:aws:kms:eu-central-1:111122223333:key/1", Class: types.StorageClassStandardIa, Tags: "a=1&b=2", Owner: "111122223333"}}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // the signatures' time is the same
				c.o.Bucket = "calls-1"
				if c.bucket != "" {
					c.o.Bucket = c.bucket
				}
				direct, indirect := requests(t, c.aws, c.o, true), requests(t, c.aws, c.o, false)
				if !slices.Equal(direct, indirect) || len(direct) != 5 {
					t.Errorf("sent:\n%s\nthe SDK:\n%s", strings.Join(direct, "\n"), strings.Join(indirect, "\n"))
				}
			})
		})
	}
}

// Whoever made the configuration may say where requests go in a way that only the SDK
// knows: then it sends them.
func TestDirectGoesNowhereElse(t *testing.T) {
	t.Parallel()
	hosts := map[string]int{}
	s := openAt(t, s3store.Options{Bucket: "calls-1", PathStyle: true, AWS: &aws.Config{
		Region: "eu-central-1", Credentials: ours,
		EndpointResolverWithOptions: aws.EndpointResolverWithOptionsFunc(func(string, string, ...any) (aws.Endpoint, error) { //nolint:staticcheck // callers may have one
			return aws.Endpoint{URL: "https://s3.example.com", HostnameImmutable: true}, nil //nolint:staticcheck // as above
		}),
		HTTPClient: recorder(func(r *http.Request, _ []byte) { hosts[r.URL.Host]++ }),
	}})
	if _, err := s.Put(t.Context(), "k", storage.Body{Reader: bytes.NewReader(make([]byte, 100_000))}, storage.Attrs{}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Stat(t.Context(), storage.Object{Key: "k"}); err != nil {
		t.Fatal(err)
	}
	if want := map[string]int{"s3.example.com": 2}; !maps.Equal(hosts, want) {
		t.Errorf("requests by host: %v, want %v", hosts, want)
	}
}

// What answers say is read as the SDK reads it.
func TestDirectReadsWhatTheSDKReads(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		body := make([]byte, 100_000)
		protection := s3store.Protection{Lock: types.ObjectLockModeCompliance, Retain: s3store.Period{Years: 1}, Encryption: types.ServerSideEncryptionAwsKms, KMSKey: "arn:aws:kms:eu-central-1:111122223333:key/1"}
		for _, with := range [][]string{
			nil,
			{"X-Amz-Version-Id", "v 1", "Last-Modified", "Tue, 12 May 2026 10:15:00 GMT", "X-Amz-Expiration", `expiry-date="Fri, 21 Dec 2035 00:00:00 GMT", rule-id="a"`},
			{"X-Amz-Object-Lock-Mode", "COMPLIANCE", "X-Amz-Object-Lock-Retain-Until-Date", "2033-05-12T10:15:00.120Z", "X-Amz-Checksum-Type", "FULL_OBJECT"},
			{"X-Amz-Server-Side-Encryption", "aws:kms", "X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id", "arn:aws:kms:eu-central-1:111122223333:key/1"},
			{"X-Amz-Meta-Sha256", storage.SumOf(body).String(), "X-Amz-Meta-Vbcvault-Upload", "word"},
			{"X-Amz-Checksum-Type", "COMPOSITE"}, // that nobody vouches for: it is read
		} {
			var has, stored [2]storage.Object
			for i := range has {
				s := openAt(t, s3store.Options{Bucket: "b", Protection: protection, AWS: &aws.Config{Region: "eu-central-1", Credentials: ours, HTTPClient: answers(func(r *http.Request) *http.Response {
					if r.Method == http.MethodGet {
						return answer(http.StatusOK, string(body), with...)
					}
					all := append([]string{"Etag", `"1"`, "X-Amz-Checksum-Sha256", storage.SumOf(body).Base64()}, with...)
					if r.Method == http.MethodHead {
						all = append(all, "Content-Length", "100000")
					}
					return answer(http.StatusOK, "", all...)
				})}})
				if i == 1 {
					s.Indirect()
				}
				var errs [2]error
				stored[i], errs[0] = s.Put(t.Context(), "k", storage.Body{Reader: bytes.NewReader(body)}, storage.Attrs{})
				has[i], errs[1] = s.Stat(t.Context(), storage.Object{Key: "k"})
				if err := errors.Join(errs[:]...); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(has[1], has[0]) + cmp.Diff(stored[1], stored[0]); diff != "" {
				t.Errorf("%q: other than the SDK (-):\n%s", with, diff)
			}
		}
	})
}

// requests are those that a store sends for some objects.
func requests(t *testing.T, cfg aws.Config, o s3store.Options, direct bool) (all []string) {
	t.Helper()
	cfg.HTTPClient = recorder(func(r *http.Request, body []byte) { all = append(all, told(t, r, body)) })
	o.AWS = &cfg
	s := openAt(t, o)
	if !s.Direct() {
		t.Error("nothing is sent directly")
	}
	if !direct {
		s.Indirect()
	}
	key := "account=549825/kind=on-demand/user=ü b/~(1)'!$&,;@+.mp3"
	for _, attrs := range []storage.Attrs{{}, {ContentType: "audio/mpeg", Bulk: true, Metadata: map[string]string{"start": "2026-05-12T10:15:00Z", "a-b": "1"}}} {
		if _, err := s.Put(t.Context(), key, storage.Body{Reader: bytes.NewReader(make([]byte, 100_000))}, attrs); err != nil {
			t.Fatal(err)
		}
		if has, err := s.Stat(t.Context(), storage.Object{Key: key}); err != nil || !has.Proven() {
			t.Fatal(has, err)
		}
	}
	if _, err := s.Put(t.Context(), "refused", storage.Body{Reader: strings.NewReader("")}, storage.Attrs{}); !errors.Is(err, storage.ErrRefused) {
		t.Error(err)
	}
	return all
}

type recorder func(r *http.Request, body []byte)

func (n recorder) Do(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
	}
	n(r, body)
	if strings.HasSuffix(r.URL.Path, "refused") {
		return answers(func(*http.Request) *http.Response { return answer(http.StatusForbidden, "") }).Do(r)
	}
	return answers(func(*http.Request) *http.Response {
		return answer(http.StatusOK, "", "ETag", `"1"`, "Content-Length", "100000", "X-Amz-Checksum-Sha256", storage.SumOf(make([]byte, 100_000)).Base64())
	}).Do(r)
}

var statistics = regexp.MustCompile(`amz-sdk-invocation-id;|Signature=.*`)

// told is all of a request that matters.
func told(t *testing.T, r *http.Request, body []byte) string {
	t.Helper()
	var out strings.Builder
	fmt.Fprintf(&out, "%s %s Host %s, %d bytes, body %s\n", r.Method, r.URL, r.Host, r.ContentLength, storage.SumOf(body))
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		if name == "User-Agent" || name == "Amz-Sdk-Invocation-Id" {
			continue
		}
		fmt.Fprintf(&out, "  %s: %s\n", name, statistics.ReplaceAllString(strings.Join(r.Header[name], " | "), ""))
	}
	return out.String()
}
