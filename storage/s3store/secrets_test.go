package s3store_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/s3store"
)

// A server whose error repeats the credentials doesn't get them into ours.
func TestErrorsHoldNoSecrets(t *testing.T) {
	t.Parallel()
	const secret, session = "s3cr3t-key", "s3ssion-t0ken"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `<Error><Code>Odd</Code><Message>you sent %s and %s</Message></Error>`, secret, session)
	}))
	defer server.Close()
	s, err := s3store.Open(t.Context(), s3store.Options{Bucket: "b", AWS: &aws.Config{Region: "us-east-1", BaseEndpoint: aws.String(server.URL),
		Credentials: credentials.NewStaticCredentialsProvider("a", secret, session)}})
	if err != nil {
		t.Fatal(err)
	}
	_, put := s.Put(t.Context(), "k", storage.Body{Reader: strings.NewReader("x")}, storage.Attrs{})
	_, open := s.Open(t.Context(), storage.Object{Key: "k"})
	_, probe := s.Probe(t.Context(), "")
	for op, err := range map[string]error{"put": put, "open": open, "probe": probe} {
		if err == nil || !strings.Contains(err.Error(), "you sent [secret] and [secret]") {
			t.Errorf("%s: %v", op, err)
		}
	}
}

// Plain http goes to this host, and elsewhere only for those who insist.
func TestPlainHTTP(t *testing.T) {
	t.Parallel()
	for endpoint, fine := range map[string]bool{"http://127.0.0.1:9": true, "http://localhost:9": true, "http://[::1]:9": true,
		"http://192.0.2.1": false, "http://s3.example.com": false, "https://s3.example.com": true} {
		for _, insist := range []bool{false, true} {
			_, err := s3store.Open(t.Context(), s3store.Options{Bucket: "b", InsecureHTTP: insist, AWS: &aws.Config{BaseEndpoint: aws.String(endpoint)}})
			if (err == nil) != (fine || insist) {
				t.Errorf("%s, insisting %v: %v", endpoint, insist, err)
			}
		}
	}
}
