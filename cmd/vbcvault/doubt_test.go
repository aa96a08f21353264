package main_test

import (
	"crypto/tls"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// Somebody listens to a recording and finds its copy wrong, between the intent and the
// DELETE: that one is not sent. The copy is read again, and what was intended withdrawn.
func TestDoubtBeforeADeleteIsWritten(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{})
	var once sync.Once
	api := httptest.NewUnstartedServer(w.account)
	api.TLS = &tls.Config{GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if !slices.Contains(hello.SupportedProtos, "h2") { // DELETEs alone go by HTTP/1.1
			once.Do(func() { w.doubtWhatIsPurging() })
		}
		return nil, nil
	}}
	api.StartTLS()
	t.Cleanup(api.Close)
	w.setenv("VBC_API_URL", api.URL)
	w.setenv("SSL_CERT_FILE", certificate(t, api))
	w.inDir()
	all := w.someRecordings(2)
	w.want(w.archive("--older-than", "90d", "--delete", "--workers", "1"), 0, map[string]int{"archived": 2, "deleted": 2})
	w.mustHold(all...)
	w.want(w.run("audit", "--json"), 0, map[string]int{"not_sent": 1, "deleted": 2})
}

// doubtWhatIsPurging writes down that the copy was found wrong of what is just being deleted.
func (w *world) doubtWhatIsPurging() {
	m, err := sqlite.OpenBeside(w.t.Context(), w.manifest())
	if err != nil {
		w.t.Error(err)
		return
	}
	defer m.Close()
	doubted := 0
	for row, err := range m.Search(w.t.Context(), manifest.Query{States: []manifest.State{manifest.Purging}}) {
		if err == nil {
			err = m.Doubt(w.t.Context(), row.Recording)
		}
		if err != nil {
			w.t.Error(err)
			return
		}
		doubted++
	}
	if doubted != 1 {
		w.t.Errorf("%d deletions are under way, want 1", doubted)
	}
}
