package pipeline

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// While the first recordings of a page are worked on, the next pages are listed: where
// VBC takes its time to answer, there is always something to do.
func TestPagesAreListedAhead(t *testing.T) {
	t.Parallel()
	const pages, perPage = 3, 2 * smallSlice
	l := newLab(t, "directory")
	l.account.Generate(pages*perPage, l.cutoff.AddDate(-1, 0, 0).Truncate(time.Second), time.Minute)
	var listed atomic.Int64
	all := make(chan struct{})
	enough := sync.OnceFunc(func() { close(all) })
	l.fault = func(r *http.Request) *vbctest.Fault {
		switch {
		case strings.HasSuffix(r.URL.Path, "/company_call_recordings") && listed.Add(1) == pages:
			enough()
		case strings.Contains(r.URL.Path, "/audio/"):
			select {
			case <-all:
			case <-time.After(30 * time.Second):
				enough()
				t.Errorf("%d pages were listed before any recording was through, want %d", listed.Load(), pages)
			}
		}
		return nil
	}
	s, err := l.run(Options{Workers: 2, PageSize: perPage})
	if err != nil || s.Archived != pages*perPage || s.Failed > 0 {
		t.Errorf("%v, %+v", err, s)
	}
}
