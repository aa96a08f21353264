package main_test

import (
	"database/sql"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

const suspended = `{"fault":{"code":303001,"type":"Status report","message":"Runtime Error","description":"Currently, Address endpoint : [ Name : VBC ] [ State : SUSPENDED ]"}}`

// VBC is out of order for some requests, with all or with a part: everything
// waits, which is said once, and nothing fails.
func TestOutageIsWaitedFor(t *testing.T) {
	t.Parallel()
	for name, hit := range map[string]func(*http.Request) bool{
		"everything but the login": func(r *http.Request) bool { return !isToken(r) },
		"audio alone":              isAudio,
		"deletions alone":          isDelete,
		"the login":                isToken,
	} {
		for way, f := range map[string]vbctest.Fault{
			"suspended":   {Status: 503, Body: suspended},
			"a page":      {Status: 502, Header: http.Header{"Content-Type": {"text/html"}}, Body: "<html>Bad Gateway</html>"},
			"Retry-After": {Status: 503, Header: http.Header{"Retry-After": {"1"}}},
			"no answer":   {Reset: true},
		} {
			if testing.Short() && way != "suspended" {
				continue
			}
			t.Run(name+"/"+way, func(t *testing.T) {
				t.Parallel() // it mostly waits
				w := newWorld(t, vbctest.Config{}).inDir()
				all := w.someRecordings(30)
				left := &atomic.Int64{} // requests until it is over, more than are in flight at once
				left.Store(12)
				if name == "the login" {
					left.Store(5) // one at a time
				}
				w.account.Inject(func(r *http.Request) *vbctest.Fault {
					if hit(r) && left.Add(-1) >= 0 {
						return &f
					}
					return nil
				})
				r := w.archive("--older-than", "90d", "--delete")
				w.want(r, 0, map[string]int{"archived": 30, "deleted": 30, "failed": 0})
				w.mustHold(all...)
				if n := strings.Count(r.stderr, "all requests wait"); n != strings.Count(r.stderr, "VBC answers again") || n > 1 || n == 0 && way != "Retry-After" {
					t.Errorf("that it waits is said %d times", n)
				}
				if c := w.account.Counts(); c.Total > 70+8+12 {
					t.Errorf("%v", c.ByKind)
				}
			})
		}
	}
}

// What doesn't end, ends the run: exit 3 with VBC's own words, and the next run
// does everything.
func TestOutageThatStaysEndsTheRun(t *testing.T) {
	t.Parallel()
	tomorrow := time.Now().UTC().Add(20 * time.Hour)
	for name, c := range map[string]struct {
		hit      func(*http.Request) bool
		fault    vbctest.Fault
		says     []string
		requests int
	}{
		"suspended":      {isList, vbctest.Fault{Status: 503, Body: suspended}, []string{"every request to VBC has failed since", "SUSPENDED", "unavailable"}, 16},
		"the login":      {isToken, vbctest.Fault{Status: 502, Body: "<html>"}, []string{"every request to VBC has failed since", "502"}, 12},
		"quota":          {isList, vbctest.Fault{Status: 429, Header: http.Header{"Retry-After": {"1"}}, Body: `{"fault":{"code":900802,"message":"Message throttled out"}}`}, []string{"VBC has refused every request since", "Message throttled out", "--max-wait"}, 8},
		"blocked":        {isList, vbctest.Fault{Status: 403, Body: `{"fault":{"code":900805,"message":"Message blocked","description":"You have been blocked from accessing the resource"}}`}, []string{"has blocked", "You have been blocked", "developer portal"}, 3},
		"blocked in XML": {isAudio, vbctest.Fault{Status: 403, Body: `<am:fault xmlns:am="http://wso2.org/apimanager"><am:code>900805</am:code><am:message>Message blocked</am:message></am:fault>`}, []string{"has blocked", "Message blocked"}, 12},
		"odd":            {isList, vbctest.Fault{Status: 403, Body: `{"code":"900803","message":"Message throttled out"}`}, []string{"this may not end by itself", "Message throttled out"}, 8},
		"one a day": {isList, vbctest.Fault{Status: 429, Body: `{"fault":{"code":900804,"message":"Message throttled out","nextAccessTime":"` + tomorrow.Format("2006-Jan-02 15:04:05-0700 MST") + `"}}`},
			[]string{"accepts no requests before " + tomorrow.Format("2006-01-02T15:04"), "--max-wait"}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, vbctest.Config{}).inDir()
			all := w.someRecordings(20)
			w.account.Inject(func(r *http.Request) *vbctest.Fault {
				if c.hit(r) {
					return &c.fault
				}
				return nil
			})
			r := w.archive("--older-than", "90d", "--delete", "--max-wait", "2s")
			w.want(r, 3, map[string]int{"deleted": 0, "exit_code": 3})
			for _, text := range c.says {
				if !strings.Contains(r.stderr, text) {
					t.Errorf("it doesn't say %q", text)
				}
			}
			if strings.Contains(r.stderr, "VBC_API_ROOT") {
				t.Error("a hint about addresses")
			}
			if n := w.account.Counts().Total; n > c.requests {
				t.Errorf("%v, want at most %d", w.account.Counts().ByKind, c.requests)
			}
			w.account.Inject(nil)
			w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 20})
			w.mustHold(all...)
		})
	}
}

// The network is away when a run begins, as while a router starts.
func TestNetworkAwayAtTheStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	w.someRecordings(2)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	w.setenv("VBC_API_URL", "http://"+address)
	r := w.archive("--older-than", "90d", "--max-wait", "1s")
	w.want(r, 3, nil)
	if !strings.Contains(r.stderr, "connection refused") || !strings.Contains(r.stderr, "check the network") {
		t.Error("it doesn't say what is wrong")
	}
	time.AfterFunc(3*time.Second, func() { // longer than the tries of one request take
		if l, err := net.Listen("tcp", address); err == nil {
			server := &http.Server{Handler: w.account, ReadHeaderTimeout: time.Minute}
			t.Cleanup(func() { server.Close() })
			_ = server.Serve(l)
		}
	})
	w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 2})
}

// The first recordings all fail alike, for a cause that each of them could have
// for itself: going on would waste requests on all of them.
func TestStopsWhenTheFirstAllFailAlike(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]vbctest.Fault{"sizes": {OtherSize: -1}, "pages": {Status: 200, Body: "<html>Sign in</html>"}, "gone": {Status: 404, Body: `{"msg":"Audio not found","status":404}`}} {
		w := newWorld(t, vbctest.Config{}).inDir()
		all := w.someRecordings(200)
		w.account.Inject(func(r *http.Request) *vbctest.Fault {
			if isAudio(r) {
				return &f
			}
			return nil
		})
		r := w.archive("--older-than", "90d", "--delete")
		w.want(r, 3, map[string]int{"deleted": 0})
		// Workers that fail at the same moment may be counted before the run is stopped.
		if !regexp.MustCompile(`the first 4[0-8] recordings all failed in the same way`).MatchString(r.stderr) {
			t.Errorf("%s: it isn't said", name)
		}
		if n := w.account.Counts().ByKind[vbctest.Audio]; n > 2*(40+8) {
			t.Errorf("%s: %d downloads", name, n)
		}
		w.account.Inject(nil)
		w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 200})
		w.mustHold(all...)
	}
}

// A run that hangs is not left alone for ever: who comes by says for how long it
// has made no progress, and after a day that isn't well any more.
func TestOtherRunWithoutProgress(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	w.someRecordings(3)
	end := w.hangs()
	skip := []string{"--older-than", "90d", "--if-running", "skip"}
	if r := w.archive(skip...); r.code != 0 || !strings.Contains(r.stderr, "no_progress_for") {
		t.Errorf("exit %d, or it doesn't say for how long", r.code)
	}
	w.begun(time.Now().Add(-23 * time.Hour))
	w.want(w.archive(skip...), 0, nil)
	w.begun(time.Now().Add(-25 * time.Hour))
	r := w.archive(skip...)
	w.want(r, 1, map[string]int{"exit_code": 1})
	if !strings.Contains(r.stderr, "made no progress for 25h") || !strings.Contains(r.stderr, "vbcvault status --manifest "+w.manifest()) || !strings.Contains(r.stderr, "SIGTERM") {
		t.Error("it doesn't say for how long, or what to do")
	}
	r = w.archive("--older-than", "90d")
	w.want(r, 3, nil)
	if !strings.Contains(r.stderr, "made no progress for 25h") {
		t.Error("it doesn't say for how long")
	}
	w.progress(time.Now().Add(-time.Hour)) // as a run writes down that gets on
	w.want(w.archive(skip...), 0, nil)
	if err := end(); err != nil {
		t.Errorf("the first run: %v", err)
	}
}

// begun changes when the last run seems to have begun.
func (w *world) begun(at time.Time) {
	w.t.Helper()
	w.rewrite("UPDATE run SET started = ?", at.UnixMilli())
}

// progress changes when it seems to have got on.
func (w *world) progress(at time.Time) {
	w.t.Helper()
	w.rewrite("INSERT OR REPLACE INTO meta (key, value) VALUES ('progress', ?)", at.UnixMilli())
}

func (w *world) rewrite(text string, args ...any) {
	w.t.Helper()
	db, err := sql.Open("sqlite", w.manifest())
	if err != nil {
		w.t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(text, args...); err != nil {
		w.t.Fatal(err)
	}
}
