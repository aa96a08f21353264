package main_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"path"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// traffic sees all requests of all accounts.
type traffic struct {
	seen, open atomic.Int64 // requests; connections
	at         atomic.Int64 // the request that is the moment
	moment     atomic.Pointer[func()]
}

func (tr *traffic) before(h http.Handler) http.Handler { return &watched{tr, h} }

// watched is an account whose connections are counted.
type watched struct {
	*traffic
	account http.Handler
}

const knock = "/knock" // is asked for by the test itself

func (w *watched) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	if r.URL.Path == knock {
		return
	}
	if f := w.moment.Load(); f != nil && w.seen.Add(1) == w.at.Load() {
		(*f)()
	}
	w.account.ServeHTTP(out, r)
}

// watch counts connections from when they are accepted until all that came on them is
// answered and they are closed.
func (w *watched) watch(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		w.open.Add(1)
	case http.StateClosed, http.StateHijacked:
		w.open.Add(-1)
	case http.StateActive, http.StateIdle:
	}
}

// settle waits until all that a dead process has sent is answered: its connections are
// accepted before the test's own, and closed once there is nothing more on them.
func (s *served) settle(tr *traffic) {
	s.t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for _, a := range s.accounts {
		resp, err := client.Get(a.url + knock)
		if err != nil {
			s.t.Fatal(err)
		}
		resp.Body.Close()
	}
	s.eventually("the requests of the dead process are answered", func() bool { return tr.open.Load() == 0 })
}

// asked is what one process has asked of one account: how often, of each kind, and
// which recordings' audio and deletion.
func asked(log []vbctest.Request) (kinds map[vbctest.RequestKind]int, of map[vbctest.RequestKind]map[string]int) {
	kinds, of = map[vbctest.RequestKind]int{}, map[vbctest.RequestKind]map[string]int{vbctest.Audio: {}, vbctest.Delete: {}}
	for _, r := range log {
		kinds[r.Kind]++
		if one := of[r.Kind]; one != nil {
			one[path.Base(r.Path)]++
		}
	}
	return kinds, of
}

// kill -9 of the service at twenty random moments: as it starts, as it opens its state,
// in the midst of listings, downloads and deletions. Each account ends complete. VBC is
// asked for no recording's audio twice but where its download, or the proof of its copy,
// was in flight at a kill, and then once more; the same holds for deletions. What a new
// start asks for itself, a token and a listing, is counted apart: no start asks more
// than an undisturbed one.
func TestServeIsKilled(t *testing.T) {
	t.Parallel()
	notShort(t, "it starts twenty processes")
	const n, workers, kills = 100, 3, 20
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)

	tr := &traffic{}
	s := newServedBy(t, vbctest.Config{Latency: 4 * time.Millisecond}, tr.before, "acme", "globex", "initech", "hooli")
	s.defaults = fmt.Sprintf("  older-than: 90d\n  delete: true\n  workers: %d\n", workers)
	s.write()
	s.each(n)
	undisturbed := s.undisturbed(n)
	s.accounts = s.accounts[:3]
	all := map[string][]vbctest.Recording{}
	for _, a := range s.accounts {
		all[a.name] = a.Recordings()
	}

	for _, a := range s.accounts {
		if r := s.ask("run", a.name); r.code != 0 {
			t.Fatalf("run: exit %d", r.code)
		}
		a.ResetCounts()
	}
	lives := make(map[string][][]vbctest.Request)
	under := 0
	for i := range kills {
		s.kindle()
		if i%3 == 2 { // also as it starts, which no request tells
			time.Sleep(time.Duration(random.IntN(150)) * time.Millisecond)
			s.kill()
		} else {
			dead := make(chan struct{})
			kill := func() {
				_ = s.cmd.Process.Kill()
				close(dead)
			}
			tr.seen.Store(0)
			tr.at.Store(1 + random.Int64N(70))
			tr.moment.Store(&kill)
			<-dead
			s.end()
			tr.moment.Store(nil)
		}
		s.settle(tr)
		for _, a := range s.accounts {
			if len(a.Recordings()) > 0 {
				under++
			}
			lives[a.name] = append(lives[a.name], a.Log())
			a.ResetCounts()
		}
	}
	if under < kills*len(s.accounts)*2/3 {
		t.Errorf("only %d of %d kills of an account hit one in progress", under, kills*len(s.accounts))
	}
	s.start()
	for _, a := range s.accounts {
		s.eventually(a.name+" is done", func() bool { return slices.Equal(s.states(a.name, "archive"), []string{"done"}) })
		lives[a.name] = append(lives[a.name], a.Log())
		s.complete(a, all[a.name])
		if left := a.Recordings(); len(left) > 0 {
			t.Errorf("%s: %d are left at VBC", a.name, len(left))
		}
		s.frugal(a, lives[a.name], n, workers, undisturbed)
	}
}

// undisturbed is what a run of the last account asks, with as many recordings.
func (s *served) undisturbed(n int) map[vbctest.RequestKind]int {
	s.t.Helper()
	a := s.accounts[len(s.accounts)-1]
	s.start()
	s.want(s.ask("run", a.name, "--wait", "--json"), 0, map[string]int{"archived": n, "deleted": n})
	s.signalIt(syscall.SIGTERM)
	s.end()
	kinds, _ := asked(a.Log())
	return kinds
}

// own is what a start asks for itself: everything but audio and deletions, and the look
// at a recording whose deletion was in flight.
func own(kinds map[vbctest.RequestKind]int) (sum int) {
	for kind, n := range kinds {
		if kind != vbctest.Audio && kind != vbctest.Delete && kind != vbctest.Get {
			sum += n
		}
	}
	return sum
}

// frugal fails if the lives of a service have asked for more than what is right.
func (s *served) frugal(a servedAccount, lives [][]vbctest.Request, n, workers int, undisturbed map[vbctest.RequestKind]int) {
	s.t.Helper()
	total, starts := map[vbctest.RequestKind]int{}, 0
	for i, life := range lives {
		kinds, of := asked(life)
		if len(life) > 0 {
			starts++
		}
		for kind, seen := range kinds {
			total[kind] += seen
		}
		// One more: transcripts are listed on both sides of where the first run came to.
		if own(kinds) > own(undisturbed)+1 || kinds[vbctest.Get] > workers {
			s.t.Errorf("%s, life %d: it asks %v, an undisturbed run %v", a.name, i, kinds, undisturbed)
		}
		for kind, once := range of {
			again := map[string]bool{}
			for id, times := range once {
				if times > 1 {
					s.t.Errorf("%s, life %d: %d requests of kind %s for %s", a.name, i, times, kind, id)
				}
				for _, later := range lives[i+1:] {
					if _, next := asked(later); next[kind][id] > 0 {
						again[id] = true
					}
				}
			}
			if len(again) > workers {
				s.t.Errorf("%s, life %d: %d recordings were asked for (%s) again later, with %d in flight at once: %v", a.name, i, len(again), kind, workers, slices.Collect(maps.Keys(again)))
			}
		}
	}
	s.t.Logf("%s: %d recordings, %d downloads, %d deletions; what %d starts ask themselves: %d requests, %d at most a start",
		a.name, n, total[vbctest.Audio], total[vbctest.Delete], starts, own(total), own(undisturbed)+1)
	if extra := total[vbctest.Audio] - n; extra > workers*starts {
		s.t.Errorf("%s: %d downloads of %d recordings", a.name, total[vbctest.Audio], n)
	}
}
