package s3store_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/vbcvault/vbcvault/storage/s3store"
)

// answers is a server in this process, without a network, so that a test's clock
// can be moved (testing/synctest).
type answers func(r *http.Request) *http.Response

func (a answers) Do(r *http.Request) (*http.Response, error) {
	if err := context.Cause(r.Context()); err != nil {
		return nil, err
	}
	if r.Body != nil {
		_, _ = io.Copy(io.Discard, r.Body)
	}
	resp := a(r)
	resp.Request, resp.Proto, resp.ProtoMajor = r, "HTTP/1.1", 1
	return resp, nil
}

// answer makes one, of which header is a list of names and values.
func answer(status int, body string, header ...string) *http.Response {
	h := http.Header{}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Header: h, ContentLength: int64(len(body)), Body: io.NopCloser(strings.NewReader(body))}
}

// fake is a store on such a server, with the retries of the program.
func fake(t *testing.T, endpoint string, a answers) *s3store.Store {
	t.Helper()
	return openAt(t, s3store.Options{Bucket: "b", AWS: &aws.Config{
		BaseEndpoint: aws.String(endpoint), Region: "us-east-1", HTTPClient: a, Retryer: s3store.NewRetryer,
		Credentials: credentials.NewStaticCredentialsProvider("key", "secret", ""),
	}})
}

// memory is a bucket of single objects.
type memory map[string][]byte

func (m memory) answer(r *http.Request, body []byte) *http.Response {
	switch r.Method {
	case http.MethodPut:
		m[r.URL.Path] = bytes.Clone(body)
		return answer(http.StatusOK, "", "ETag", `"1"`)
	default:
		b, ok := m[r.URL.Path]
		if !ok {
			return answer(http.StatusNotFound, "")
		}
		return answer(http.StatusOK, string(b), "ETag", `"1"`)
	}
}
