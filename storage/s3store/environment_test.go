package s3store_test

import (
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/s3store"
	"github.com/vbcvault/vbcvault/storage/storagetest"
)

// What is here has the store read the environment, as the program does, and so
// runs alone. All other tests give it a configuration.

// AWS_CA_BUNDLE is honoured, with our own transport, over https.
func TestOwnCertificateAuthority(t *testing.T) {
	server := storagetest.StartS3(t)
	bucket := server.NewBucket(t)
	target, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	var hashes atomic.Int64
	forward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.URL.Scheme, r.Out.URL.Host = target.Scheme, target.Host
		if len(r.In.Header.Get("X-Amz-Content-Sha256")) == 64 && r.In.Method == http.MethodPut {
			hashes.Add(1)
		}
	}}
	secure := httptest.NewTLSServer(forward)
	defer secure.Close()
	bundle := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(bundle, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	server.Setenv(t, secure.URL)
	t.Setenv("AWS_CA_BUNDLE", bundle)
	s := openAt(t, s3store.Options{Bucket: bucket})
	if !s.Direct() {
		t.Error("the program sends nothing directly")
	}
	o, err := put(t, s, "k", large())
	if err != nil {
		t.Fatal(err)
	}
	proves(t, s, o, large())
	if hashes.Load() < 2 {
		t.Errorf("%d parts with a signed digest; want each", hashes.Load())
	}
}

// Whatever goes wrong, what is said is one line, and holds no secret.
func TestErrorsAreReadable(t *testing.T) {
	server := storagetest.StartS3(t)
	bucket := server.NewBucket(t)
	server.Setenv(t, server.URL)
	t.Setenv("AWS_SECRET_ACCESS_KEY", "wrong-but-secret")
	_, err := openAt(t, s3store.Options{Bucket: bucket}).Probe(t.Context(), "")
	if err == nil || !errors.Is(err, storage.ErrRefused) || !strings.Contains(err.Error(), "AWS_SECRET_ACCESS_KEY") ||
		strings.Contains(err.Error(), "wrong-but-secret") || strings.ContainsAny(err.Error(), "\n") {
		t.Errorf("%v", err)
	}
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} {
		t.Setenv(name, "")
	}
	_, err = openAt(t, s3store.Options{Bucket: bucket}).Probe(t.Context(), "")
	if !errors.Is(err, storage.ErrRefused) || !strings.Contains(err.Error(), "no usable AWS credentials") {
		t.Errorf("without credentials: %v", err)
	}
	server.Setenv(t, server.URL)
	_, err = openAt(t, s3store.Options{Bucket: "no-such-bucket-here"}).Probe(t.Context(), "")
	if !errors.Is(err, storage.ErrRefused) || !strings.Contains(err.Error(), "NoSuchBucket") {
		t.Errorf("no bucket: %v", err)
	}
}
