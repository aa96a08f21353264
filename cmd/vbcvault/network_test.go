package main_test

import (
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/vbcvault/vbcvault/storage/storagetest"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// certificate writes a test server's certificate where a program can be told
// to trust it.
func certificate(t *testing.T, s *httptest.Server) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ca.pem")
	b := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TLS to both sides with certificates of one's own, and VBC through a proxy.
// The API's name is one that only the proxy can resolve.
func TestProxyAndCertificates(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inS3(nil)
	all := w.someRecordings(3)
	w.account.Add(vbctest.Recording{ID: 1, Start: all[0].Start, Size: 6 << 20}) // more than one part
	api := httptest.NewTLSServer(w.account)
	defer api.Close()
	target, err := url.Parse(storagetest.StartS3(t).URL)
	if err != nil {
		t.Fatal(err)
	}
	store := httptest.NewTLSServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.Out.URL.Scheme, r.Out.URL.Host = target.Scheme, target.Host }})
	defer store.Close()
	var tunnels atomic.Int64
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect || r.Host != "example.com:443" {
			http.Error(w, "not here", http.StatusForbidden)
			return
		}
		tunnels.Add(1)
		tunnel(t, w, api.Listener.Addr().String())
	}))
	defer proxy.Close()

	w.setenv("VBC_API_URL", "https://example.com")
	w.setenv("HTTPS_PROXY", proxy.URL)
	w.setenv("AWS_ENDPOINT_URL_S3", store.URL)
	w.setenv("AWS_CA_BUNDLE", certificate(t, store))
	r := w.archive("--older-than", "90d")
	w.want(r, 3, nil)
	if !strings.Contains(r.stderr, "certificate") {
		t.Error("a certificate that nobody vouches for was taken, or it isn't said")
	}
	w.setenv("SSL_CERT_FILE", certificate(t, api))
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"archived": 4, "deleted": 4})
	w.mustHold(all...)
	if tunnels.Load() == 0 {
		t.Error("the proxy was not used")
	}
	if w.proxy.Count("") != 0 {
		t.Error("S3 was asked without TLS")
	}
}

// tunnel joins a client with a server until one of them is through.
func tunnel(t *testing.T, w http.ResponseWriter, addr string) {
	server, err := net.Dial("tcp", addr)
	if err != nil {
		t.Error(err)
		return
	}
	client, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		t.Error(err)
		return
	}
	_, _ = io.WriteString(client, "HTTP/1.1 200 OK\r\n\r\n")
	go func() {
		_, _ = io.Copy(server, client)
		server.Close()
	}()
	_, _ = io.Copy(client, server)
	client.Close()
}

// Which user "self" is must be known before anything of theirs is stored.
func TestSelfUserMustBeKnown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{NoSelfLinks: true}).inDir()
	w.account.Add(vbctest.Recording{ID: 1, Kind: vbctest.OnDemand, Start: w.someRecordings(1)[0].Start})
	r := w.archive("--older-than", "90d", "--kind", "on-demand")
	w.want(r, 3, map[string]int{"archived": 0})
	if !strings.Contains(r.stderr, "--users 745249") || len(w.keys()) != 0 {
		t.Error("no hint, or something was stored")
	}
	w.want(w.archive("--older-than", "90d", "--kind", "on-demand", "--users", "745249", "--delete"), 0, map[string]int{"archived": 1, "deleted": 1})
}
