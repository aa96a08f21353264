package main_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// What isn't a recording doesn't become one, and its recording stays at VBC.
func TestBadAudioStaysAtVBC(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]vbctest.Fault{
		"an error page":        {Status: 200, Header: http.Header{"Content-Type": {"audio/mpeg"}}, Body: "<html><body>Service unavailable</body></html>"},
		"JSON":                 {Status: 200, Body: `{"msg":"try later"}`},
		"nothing":              {Status: 200},
		"cleanly short":        {ShortAfter: 5000},
		"longer than declared": {OtherSize: 100},
		"gzip":                 {Gzip: true},
		"not found":            {Status: 404, Body: `{"msg":"Audio not found","status":404}`},
		"forbidden":            {Status: 403, Body: `{"msg":"no","status":403}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, vbctest.Config{}).inDir()
			all := w.someRecordings(4)
			broken := fmt.Sprint(all[2].ID)
			w.account.Inject(func(r *http.Request) *vbctest.Fault {
				if isAudio(r) && strings.HasSuffix(r.URL.Path, broken) {
					return &f
				}
				return nil
			})
			w.want(w.archive("--older-than", "90d", "--delete"), 1, map[string]int{"archived": 3, "deleted": 3, "failed": 1})
			w.mustHold(all[0], all[1], all[3])
			if !w.account.Has(vbctest.Company, 0, all[2].ID) {
				t.Error("the broken one was deleted")
			}
			if n := w.account.Counts().ByKind[vbctest.Audio]; name != "gzip" && n > 3+2 {
				t.Errorf("%d downloads: a permanent fault is tried at most twice", n)
			}
			if keys := w.keys(); len(keys) != 6 {
				t.Errorf("%q", keys)
			}
			st := w.run("status")
			if st.code != 0 || !strings.Contains(st.stdout, "company recording "+broken) {
				t.Error("status doesn't name it")
			}
			// It is tried again by the next run, and heals.
			w.account.Inject(nil)
			w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"archived": 1, "deleted": 1})
			w.mustHold(all...)
		})
	}
}

func TestPassingFaultsOfVBCHeal(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]vbctest.Fault{
		"503":                {Status: 503, Body: "busy"},
		"reset":              {Reset: true},
		"cut in the middle":  {CutAfter: 3000},
		"token refused once": {Status: 401, Body: `{"fault":{"code":900903,"message":"Access Token Expired"}}`},
		"quota":              {Status: 429, Header: http.Header{"Retry-After": {"1"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, vbctest.Config{}).inDir()
			all := w.someRecordings(3)
			var mu sync.Mutex
			seen, most := map[string]bool{}, 3
			if f.Status == http.StatusUnauthorized {
				most = 2 // the fourth login within a minute waits for the rest of it
			}
			w.account.Inject(func(r *http.Request) *vbctest.Fault {
				mu.Lock()
				defer mu.Unlock()
				if k := r.Method + r.URL.Path; !seen[k] && (isDelete(r) && name != "cut in the middle" || isAudio(r)) && len(seen) < most {
					seen[k] = true
					return &f
				}
				return nil
			})
			w.want(w.archive("--older-than", "90d", "--delete", "--workers", "1"), 0, map[string]int{"archived": 3, "deleted": 3})
			w.mustHold(all...)
		})
	}
}

// A DELETE that takes effect and is reported as failed is found to be done.
func TestLostAnswerOfADelete(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	all := w.someRecordings(3)
	var once sync.Once
	w.account.Inject(func(r *http.Request) (f *vbctest.Fault) {
		if isDelete(r) {
			once.Do(func() { f = &vbctest.Fault{Status: 502, Apply: true} })
		}
		return f
	})
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 3, "failed": 0})
	w.mustHold(all...)
}

// A DELETE that says 204 and does nothing is noticed by the same run, at the
// price of one listing, and done again by the next.
func TestDeleteWithoutEffectIsNoticed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	w.someRecordings(2)
	w.account.Inject(func(r *http.Request) *vbctest.Fault { return &vbctest.Fault{NoEffect: isDelete(r)} })
	w.want(w.archive("--older-than", "90d", "--delete"), 1, map[string]int{"deleted": 0, "failed": 2})
	if n := w.account.Counts().ByKind[vbctest.List]; n != 2 {
		t.Errorf("%d listings, want one before and one after", n)
	}
	w.account.ResetCounts()
	w.want(w.archive("--older-than", "90d"), 1, map[string]int{"failed": 2, "deleted": 0})
	w.account.Inject(nil)
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 2, "failed": 0})
	if c := w.account.Counts(); c.ByKind[vbctest.Audio] != 0 || len(w.account.Recordings()) != 0 {
		t.Errorf("%v, %d left", c.ByKind, len(w.account.Recordings()))
	}
}

func TestDeleteForbidden(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	all := w.someRecordings(2)
	w.account.Inject(func(r *http.Request) *vbctest.Fault {
		if isDelete(r) {
			return &vbctest.Fault{Status: 403, Body: `{"msg":"deletion is not allowed","status":403}`}
		}
		return nil
	})
	r := w.archive("--older-than", "90d", "--delete")
	w.want(r, 1, map[string]int{"archived": 2, "deleted": 0, "failed": 2})
	if c := w.account.Counts(); c.ByKind[vbctest.Delete] != 2 {
		t.Errorf("%d DELETEs for two that are forbidden", c.ByKind[vbctest.Delete])
	}
	w.mustHold(all...)
}

// A quota: everything gets done, without a storm of refused requests.
func TestQuotaIsLearned(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{Quota: 20, QuotaWindow: time.Second}).inDir()
	all := w.someRecordings(40)
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 40})
	w.mustHold(all...)
	// Two windows close before the pace is known, on at most the eight workers'
	// requests and the listing's.
	if c := w.account.Counts(); c.Throttled > 2*(8+1) {
		t.Errorf("%d of %d requests were refused", c.Throttled, c.Total)
	}
}
