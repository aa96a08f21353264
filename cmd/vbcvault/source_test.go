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

// once is a fault for nth.
func once(f vbctest.Fault) func() *vbctest.Fault {
	return func() *vbctest.Fault { return &f }
}

func isToken(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/token") }

// The token expires at any request: a new one comes, and that request is sent
// again, and nothing else.
func TestTokenExpiresAtAnyRequest(t *testing.T) {
	t.Parallel()
	notShort(t, "it tries each request of a run")
	for n := 1; n <= 7; n++ { // a listing, one of transcripts, two downloads, two DELETEs, a listing
		w := newWorld(t, vbctest.Config{}).inDir()
		all := w.someRecordings(2)
		w.nth(n, func(r *http.Request) bool { return !isToken(r) }, once(vbctest.Fault{Status: 401, Body: `{"fault":{"code":900903,"message":"Invalid Credentials","description":"Access Token Expired"}}`}))
		w.want(w.archive("--older-than", "90d", "--delete", "--workers", "1"), 0, map[string]int{"deleted": 2})
		w.mustHold(all...)
		if c := w.account.Counts(); c.ByKind[vbctest.Token] != 2 || c.Total != 2+7+1 {
			t.Errorf("at request %d: %v", n, c.ByKind)
		}
	}
}

// A refresh token that is dead costs one request; then the password is asked for.
func TestDeadRefreshToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	all := w.someRecordings(3)
	expired, refused := false, 0
	var mu sync.Mutex
	w.account.Inject(func(r *http.Request) *vbctest.Fault {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case isToken(r) && expired && refused == 0:
			refused++
			return &vbctest.Fault{Status: 400, Body: `{"error":"invalid_grant","error_description":"Persisted access token data not found"}`}
		case isAudio(r) && !expired:
			expired = true
			return &vbctest.Fault{Status: 401, Body: `{"fault":{"code":900903}}`}
		}
		return nil
	})
	w.want(w.archive("--older-than", "90d", "--delete", "--workers", "1"), 0, map[string]int{"deleted": 3})
	w.mustHold(all...)
	if c := w.account.Counts(); c.ByKind[vbctest.Token] != 3 || refused != 1 {
		t.Errorf("%v; want the first token, a refused refresh, and a second login", c.ByKind)
	}
}

// Every shape of "you have used up your quota" is waited out.
func TestQuotaInEveryShape(t *testing.T) {
	t.Parallel()
	soon := func() string { return time.Now().UTC().Add(time.Second).Format("2006-Jan-02 15:04:05-0700 MST") }
	for name, f := range map[string]func() vbctest.Fault{
		"wrapped": func() vbctest.Fault {
			return vbctest.Fault{Status: 429, Body: `{"fault":{"code":900802,"message":"Message throttled out","nextAccessTime":"` + soon() + `"}}`}
		},
		"not wrapped": func() vbctest.Fault {
			return vbctest.Fault{Status: 429, Body: `{"code":"900802","message":"Message throttled out","nextAccessTime":"` + soon() + `"}`}
		},
		"XML": func() vbctest.Fault {
			return vbctest.Fault{Status: 429, Body: `<amt:fault xmlns:amt="x"><amt:code>900802</amt:code><amt:nextAccessTime>` + soon() + `</amt:nextAccessTime></amt:fault>`}
		},
		"503 in name": func() vbctest.Fault {
			return vbctest.Fault{Status: 503, Body: `{"fault":{"code":900800,"nextAccessTime":"` + soon() + `"}}`}
		},
		"seconds": func() vbctest.Fault { return vbctest.Fault{Status: 429, Header: http.Header{"Retry-After": {"1"}}} },
		"date": func() vbctest.Fault {
			return vbctest.Fault{Status: 429, Header: http.Header{"Retry-After": {time.Now().UTC().Add(time.Second).Format(http.TimeFormat)}}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, vbctest.Config{}).inDir()
			all := w.someRecordings(2)
			w.nth(3, func(r *http.Request) bool { return !isToken(r) }, once(f()))
			r := w.archive("--older-than", "90d", "--delete", "--workers", "1", "--rate", "1000/s")
			w.want(r, 0, map[string]int{"deleted": 2, "throttled": 1})
			w.countedAsVBC(r)
			if waited, _ := r.summary["quota_wait_seconds"].(float64); waited <= 0 || waited > r.summary["seconds"].(float64) {
				t.Errorf("one worker waited %v s of %v s", waited, r.summary["seconds"])
			}
			w.mustHold(all...)
		})
	}
}

// A listing that fails for a moment heals. One that can't be read to its end
// is said, what was seen of it is done, and nothing is called gone.
func TestListingFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{MaxPageSize: 3}).inDir()
	all := w.someRecordings(9)
	w.nth(2, isList, once(vbctest.Fault{Status: 500, Body: "oops"}))
	w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 9})
	w.mustHold(all...)

	w = newWorld(t, vbctest.Config{MaxPageSize: 3}).inDir()
	all = w.someRecordings(9)
	w.account.Inject(func(r *http.Request) *vbctest.Fault {
		if isList(r) && r.URL.Query().Get("page") == "3" {
			return &vbctest.Fault{Status: 500, Body: "oops"}
		}
		return nil
	})
	r := w.archive("--older-than", "90d", "--delete")
	w.want(r, 1, map[string]int{"archived": 6, "deleted": 6, "failed": 0})
	if !strings.Contains(r.stderr, "could not be read completely") {
		t.Error("it isn't said")
	}
	w.account.Inject(nil)
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 3})
	w.mustHold(all...)

	w = newWorld(t, vbctest.Config{NullEmbedded: true}).inDir()
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"listed": 0})
}

// Slow is not broken: a body may take its time as long as it moves.
func TestSlowBody(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	all := w.someRecordings(2)
	w.account.Inject(func(r *http.Request) *vbctest.Fault { return &vbctest.Fault{Trickle: isAudio(r)} })
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 2})
	w.mustHold(all...)
}

// The gateway's "no such route" says nothing of a recording.
func TestWrongRouteOfADelete(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	all := w.someRecordings(2)
	w.account.Inject(func(r *http.Request) *vbctest.Fault {
		if isDelete(r) {
			return &vbctest.Fault{Status: 404, Body: `{"fault":{"code":404,"type":"Status report","message":"Runtime Error","description":"No matching resource found for given API Request"}}`}
		}
		return nil
	})
	w.want(w.archive("--older-than", "90d", "--delete"), 1, map[string]int{"archived": 2, "deleted": 0, "failed": 2})
	if r := w.run("status"); strings.Contains(r.stdout, "purged") {
		t.Error("it counts as purged")
	}
	w.account.Inject(nil)
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 2})
	w.mustHold(all...)
}

// Two pages show the same recording: it is done once.
func TestDuplicatesAreDoneOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{MaxPageSize: 4}).inDir()
	all := w.someRecordings(8)
	added := false
	w.account.Inject(func(r *http.Request) *vbctest.Fault {
		if isList(r) && r.URL.Query().Get("page") == "2" && !added {
			added = true // shifts what was on page 1 to page 2
			w.account.Add(vbctest.Recording{ID: 999, Start: time.Now().AddDate(0, -4, 0).Truncate(time.Second)})
		}
		return nil
	})
	w.want(w.archive("--older-than", "90d", "--delete"), 0, nil)
	if n := w.account.Counts().ByKind[vbctest.Audio]; n != len(w.account.Deleted()) {
		t.Errorf("%d downloads of %d recordings", n, len(w.account.Deleted()))
	}
	w.mustHold(all...)
}

// What fails for good stays at VBC, and status says what to do about it.
func TestStatusSaysWhatToDo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	all := w.someRecordings(2)
	w.nth(1, isAudio, once(vbctest.Fault{Status: 404, Body: `{"msg":"Audio not found"}`}))
	w.want(w.archive("--older-than", "90d", "--delete", "--workers", "1"), 1, map[string]int{"failed": 1, "deleted": 1})
	r := w.run("status")
	if !strings.Contains(r.stdout, fmt.Sprintf("company recording %d", all[0].ID)) || !strings.Contains(r.stdout, "Audio not found") || !strings.Contains(r.stdout, "check the recording in the VBC admin portal") {
		t.Error("it doesn't say which, why, or what to do")
	}
	w.nothingLost(all)
}
