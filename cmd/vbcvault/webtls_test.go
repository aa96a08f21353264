package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/access"
)

// pair makes a certificate for 127.0.0.1 and its key, as PEM.
func pair(t *testing.T, serial int64) (certificate, key []byte) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})
}

// put puts a file in the place of another, as programs do that renew certificates.
func put(t *testing.T, path string, text []byte) {
	t.Helper()
	err := os.WriteFile(path+".new", text, 0o600)
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// heard is a log that tests read.
type heard struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (h *heard) Write(b []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.b.Write(b)
}

func (h *heard) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.b.String()
}

// A certificate that is renewed is used from the next connection on; one that can't be
// used changes nothing, and is said.
func TestPageTakesNewCertificates(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := config.Web{Listen: "127.0.0.1:0", TLS: config.WebTLS{Certificate: filepath.Join(dir, "c.pem"), Key: filepath.Join(dir, "k.pem")}}
	log := &heard{}
	if _, err := listenWeb(t.Context(), c, slog.New(slog.NewTextHandler(log, nil))); codeOf(err) != exitUsage {
		t.Fatalf("without the files: %v", err)
	}
	first, firstKey := pair(t, 1)
	put(t, c.TLS.Certificate, first)
	put(t, c.TLS.Key, firstKey)
	l, err := listenWeb(t.Context(), c, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- l.serve(ctx, access.Server(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") })))
	}()
	serial := func(config *tls.Config) (int64, error) {
		config.InsecureSkipVerify = true
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}}
		res, err := client.Get("https://" + l.Addr().String())
		if err != nil {
			return 0, err
		}
		res.Body.Close()
		return res.TLS.PeerCertificates[0].SerialNumber.Int64(), nil
	}
	is := func(want int64) {
		t.Helper()
		if got, err := serial(&tls.Config{}); got != want || err != nil {
			t.Errorf("certificate %d, %v; want %d", got, err, want)
		}
	}
	is(1)
	second, secondKey := pair(t, 2)
	put(t, c.TLS.Certificate, second) // the key isn't there yet
	is(1)
	if !strings.Contains(log.String(), "the earlier ones stay in use") {
		t.Errorf("the log doesn't say so: %s", log)
	}
	put(t, c.TLS.Key, secondKey)
	is(2)
	put(t, c.TLS.Certificate, []byte("broken"))
	is(2)
	is(2)
	if n := strings.Count(log.String(), "the earlier ones stay in use"); n != 2 {
		t.Errorf("it is said %d times, want once for each change", n)
	}
	if err := os.Remove(c.TLS.Key); err != nil {
		t.Fatal(err)
	}
	is(2)
	if _, err := serial(&tls.Config{MaxVersion: tls.VersionTLS11}); err == nil {
		t.Error("TLS 1.1 is taken")
	}
	if strings.Contains(log.String(), "PRIVATE") {
		t.Error("the log has the key")
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// What others on the network could read is refused at the start, and it is said how to mend
// that.
func TestOpenPageIsRefused(t *testing.T) {
	t.Parallel()
	for _, listen := range []string{":0", "0.0.0.0:0", "[::]:0"} {
		l, err := listenWeb(t.Context(), config.Web{Listen: listen, URL: "https://calls.example.com"}, slog.New(slog.DiscardHandler))
		if err == nil {
			l.Close()
		}
		if codeOf(err) != exitUsage || !strings.Contains(err.Error(), "others on the network could read") || !strings.Contains(hintFor(err), "add tls") {
			t.Errorf("%s: %v", listen, err)
		}
	}
	l, err := listenWeb(t.Context(), config.Web{Listen: "0.0.0.0:0", URL: "https://calls.example.com", Proxies: []string{"10.0.0.5"}}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}
