//go:build unix

package main_test

import (
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/evidence"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/storagetest"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// pause stops a process, and returns when it has stopped.
func (w *world) pause(cmd *exec.Cmd) {
	w.signal(cmd, syscall.SIGSTOP)
	for {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", w.process(cmd).Pid))
		if err != nil {
			w.t.Skipf("whether a process has stopped can't be seen here: %v", err)
		}
		if state := string(b[strings.LastIndexByte(string(b), ')')+2]); state == "T" || state == "Z" {
			return
		}
		runtime.Gosched()
	}
}

// The program is stopped after the store was asked and before the DELETE, for
// longer than a proof may be old. What was proven is gone when it goes on: the
// DELETE isn't sent on that proof.
func TestStoppedBetweenProofAndDelete(t *testing.T) {
	t.Parallel()
	for name, meanwhile := range map[string]func(w *world, rec vbctest.Recording){
		"the copy is removed": func(w *world, rec vbctest.Recording) { w.remove(key(rec, "mp3")) },
		"the copy rots":       func(w *world, rec vbctest.Recording) { w.flip(key(rec, "mp3")) },
		"a hold is made": func(w *world, rec vbctest.Recording) {
			w.want(w.run("hold", "add", "--id", fmt.Sprint(rec.ID), "--reason", "why", "--by", "who"), 0, nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // it mostly waits
			var cmd atomic.Pointer[exec.Cmd]
			var once sync.Once
			w := newWorld(t, vbctest.Config{})
			var all []vbctest.Recording
			w.inS3(func(op, key string, _ *http.Request) *storagetest.S3Fault {
				c := cmd.Load()
				if c == nil || op != "HeadObject" || !strings.HasSuffix(key, ".json") {
					return nil
				}
				once.Do(func() {
					w.pause(c)
					meanwhile(w, all[0])
					time.Sleep(evidence.Fresh + 500*time.Millisecond) // by the clock on the wall
					w.signal(c, syscall.SIGCONT)
				})
				return nil
			})
			all = w.someRecordings(1)
			w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 1})
			store := w.open()
			w.account.Inject(func(r *http.Request) *vbctest.Fault {
				if isDelete(r) {
					if o, err := store.Reread(t.Context(), storage.Object{Key: key(all[0], "mp3")}); err != nil || o.SHA256 != storage.Digest(all[0].SHA256()) {
						t.Errorf("a DELETE arrives without a copy: %v", err)
					}
				}
				return nil
			})
			c := w.command("archive", "--to", w.to, "--json", "--older-than", "90d", "--delete", "--workers", "1")
			cmd.Store(c)
			r := w.finish(c)
			cmd.Store(nil)
			held := name == "a hold is made"
			if held {
				w.want(r, 0, map[string]int{"deleted": 0, "skipped": 1})
			} else {
				w.want(r, 0, map[string]int{"deleted": 1, "failed": 0})
				w.mustHold(all...)
			}
			if w.account.Has(vbctest.Company, 0, all[0].ID) != held {
				t.Errorf("at VBC is %v", !held)
			}
			w.want(w.archive("--older-than", "90d", "--delete"), 0, nil)
			w.want(w.run("audit"), 0, nil)
		})
	}
}

// The program is stopped at random moments, in which some deletions have been
// begun, and a hold is made on everything. When hold add has returned, no DELETE
// arrives any more but of those that it has said to be under way, whatever becomes
// of the program: it may have been stopped while it wrote them.
func TestHoldWhileStopped(t *testing.T) {
	t.Parallel()
	rounds := 12
	if testing.Short() {
		rounds = 3
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(0, seed))
	waited := 0
	for range rounds {
		w := newWorld(t, vbctest.Config{Latency: 3 * time.Millisecond}).inDir()
		all := w.someRecordings(60)
		w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 60})
		begun := make(chan struct{})
		var once sync.Once
		var arrived atomic.Int64
		w.account.Inject(func(r *http.Request) *vbctest.Fault {
			if isDelete(r) {
				arrived.Add(1)
				once.Do(func() { close(begun) })
			}
			return nil
		})
		c := w.command("archive", "--to", w.to, "--json", "--older-than", "90d", "--delete", "--workers", "8")
		done := make(chan result, 1)
		go func() { done <- w.finish(c) }()
		<-begun
		time.Sleep(time.Duration(random.IntN(20)) * time.Millisecond) // the moment is what is tried
		w.pause(c)
		add := w.command("hold", "add", "--since", "2000-01-01", "--reason", "why", "--by", "who", "--wait", "0s")
		// Stopped in the middle of a commit, the program keeps everybody else from
		// writing: then nobody has said that the hold is in force.
		stuck := time.AfterFunc(2*time.Second, func() { w.signal(add, syscall.SIGKILL) })
		r := w.finish(add)
		stuck.Stop()
		if r.code == -1 {
			w.signal(c, syscall.SIGCONT)
			<-done
			w.nothingLost(all)
			continue
		}
		before := arrived.Load()
		underWay := int64(0)
		if m := saidUnderWay.FindStringSubmatch(r.stderr); m != nil {
			underWay, _ = strconv.ParseInt(m[1], 10, 64)
		}
		if r.code != 0 && r.code != 1 || (r.code == 1) != (underWay > 0) {
			t.Errorf("exit %d: %s", r.code, r.stderr)
		}
		waited += r.code
		w.signal(c, syscall.SIGCONT)
		if r := <-done; r.code != 0 {
			t.Errorf("the run: exit %d", r.code)
		}
		if n := arrived.Load() - before; n > underWay {
			t.Errorf("%d DELETEs arrived after hold add had returned, and it said that %d were under way", n, underWay)
		}
		w.nothingLost(all)
		w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 0})
		w.want(w.run("audit"), 0, nil)
	}
	t.Logf("in %d of %d rounds deletions were under way", waited, rounds)
}

var saidUnderWay = regexp.MustCompile(`deletions of recordings that it covers were already in progress \((\d+)\)`)

// A hold is made when a deletion has been begun and its DELETE is about to be
// written: it isn't.
func TestHoldBeforeADeleteIsWritten(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{})
	var added atomic.Pointer[result]
	var once sync.Once
	api := httptest.NewUnstartedServer(w.account)
	api.TLS = &tls.Config{GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if slices.Contains(hello.SupportedProtos, "h2") {
			return nil, nil
		}
		once.Do(func() { // DELETEs alone go by HTTP/1.1: the first one's connection is being made
			r := w.run("hold", "add", "--since", "2000-01-01", "--reason", "why", "--by", "who", "--wait", "0s")
			added.Store(&r)
		})
		return nil, nil
	}}
	api.StartTLS()
	t.Cleanup(api.Close)
	w.setenv("VBC_API_URL", api.URL)
	w.setenv("SSL_CERT_FILE", certificate(t, api))
	w.inDir()
	all := w.someRecordings(2)
	w.want(w.archive("--older-than", "90d", "--delete", "--workers", "1"), 0, map[string]int{"archived": 2, "deleted": 0, "skipped": 2})
	if r := added.Load(); r == nil || r.code != 1 || !strings.Contains(r.stderr, "were already in progress (1)") {
		t.Errorf("hold add: %+v; want that it says that one deletion was under way", r)
	}
	for _, r := range all {
		if !w.account.Has(r.Kind, r.User, r.ID) {
			t.Errorf("recording %d is held, and was deleted", r.ID)
		}
	}
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 0})
	w.want(w.run("audit"), 0, nil)
}

// hold add waits for what is under way, and returns when it knows.
func TestHoldWaits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	w.someRecordings(1)
	arrived, release := make(chan struct{}), make(chan struct{})
	w.account.Inject(func(r *http.Request) *vbctest.Fault {
		if isDelete(r) {
			close(arrived)
			<-release
		}
		return nil
	})
	done := make(chan result, 1)
	go func() { done <- w.archive("--older-than", "90d", "--delete") }()
	<-arrived
	if r := w.run("erase", "--id", "100001", "--reason", "why", "--by", "who", "--yes"); r.code != 3 || !strings.Contains(r.stderr, "deletions at VBC are in progress (1)") {
		t.Errorf("erase: exit %d", r.code)
	}
	add := w.command("hold", "add", "--id", "100001", "--reason", "why", "--by", "who")
	said := make(chan result, 1)
	stderr := &lines{want: "waiting for deletions in progress: 1", found: make(chan struct{})}
	add.Stderr = stderr
	go func() {
		err := add.Run()
		said <- result{code: add.ProcessState.ExitCode(), stderr: fmt.Sprint(err)}
	}()
	<-stderr.found
	close(release)
	if r := <-said; r.code != 0 {
		t.Errorf("exit %d, want 0: it is known what became of it", r.code)
	}
	if r := <-done; r.code != 0 {
		t.Errorf("the run: exit %d", r.code)
	}

	// What an interrupted run has begun stays open, and is said at once.
	w.account.Inject(nil)
	w.account.Add(vbctest.Recording{ID: 7, Start: time.Now().AddDate(-1, 0, 0)})
	if r := w.signalled(syscall.SIGKILL, isDelete, 1, true, "--older-than", "90d", "--delete"); r.code != -1 {
		t.Fatalf("it wasn't killed: exit %d", r.code)
	}
	if r := w.run("hold", "add", "--id", "7", "--reason", "why", "--by", "who"); r.code != 1 || !strings.Contains(r.stderr, "was interrupted") {
		t.Errorf("exit %d: %s", r.code, r.stderr)
	}
	w.want(w.archive("--older-than", "90d", "--delete"), 0, nil)
	w.want(w.run("hold", "add", "--id", "7", "--reason", "why", "--by", "who"), 0, nil)
}

// lines says when a text has been written.
type lines struct {
	want  string
	found chan struct{}
	mu    sync.Mutex
	all   string
	once  sync.Once
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all += string(p); strings.Contains(l.all, l.want) {
		l.once.Do(func() { close(l.found) })
	}
	return len(p), nil
}
