package media_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/media"
)

// A player that takes nothing any more doesn't hold the store for ever: the answer ends,
// and not as if it were whole.
func TestStalledPlayer(t *testing.T) {
	media.Stalled(50 * time.Millisecond)
	defer media.Stalled(10 * time.Minute)
	a := audioOf(&shelf{b: make([]byte, 32<<20)}) // more than lies between
	ended := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(ended)
		answer := media.Ask(r, a)
		defer answer.Close()
		if err := answer.Send(w); err != nil {
			panic(http.ErrAbortHandler)
		}
	}))
	defer s.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	<-ended
	if n, err := io.Copy(io.Discard, res.Body); err == nil {
		t.Errorf("%d bytes, as if they were all", n)
	}
}
