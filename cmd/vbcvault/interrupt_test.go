package main_test

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/storage/storagetest"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// signalled runs vbcvault and sends it a signal from within the simulator, at
// the nth request that is a match: before it is answered, so that it is in
// flight; or, if applied, when it has taken effect and the answer is lost.
func (w *world) signalled(sig syscall.Signal, match func(*http.Request) bool, nth int, applied bool, args ...string) result {
	w.t.Helper()
	cmd := w.command(append([]string{"archive", "--to", w.to, "--json"}, args...)...)
	w.nth(nth, match, func() *vbctest.Fault {
		w.signal(cmd, sig)
		if sig == syscall.SIGKILL {
			return &vbctest.Fault{Apply: applied, Reset: true}
		}
		return nil
	})
	defer w.account.Inject(nil)
	return w.finish(cmd)
}

func (w *world) signal(cmd *exec.Cmd, sig os.Signal) {
	if err := w.process(cmd).Signal(sig); err != nil {
		w.t.Errorf("signal: %v", err)
	}
}

// kill -9 in the middle of everything that VBC is asked for. The next run
// finishes, and downloads at most what was in flight a second time.
func TestKillThenResume(t *testing.T) {
	t.Parallel()
	const n, workers = 30, 4
	matches := map[string]func(*http.Request) bool{"list": isList, "audio": isAudio, "delete": isDelete}
	for _, to := range []string{"s3", "directory"} {
		for name, match := range matches {
			for _, nth := range []int{1, 7, 23} {
				for _, applied := range []bool{false, true} {
					if name == "list" && nth > 1 || name != "delete" && applied || testing.Short() && (nth != 7 || to == "s3") {
						continue
					}
					t.Run(fmt.Sprintf("%s/%s %d applied %v", to, name, nth, applied), func(t *testing.T) {
						t.Parallel()
						w := newWorld(t, vbctest.Config{})
						if to == "s3" {
							w.inS3(nil)
						} else {
							w.inDir()
						}
						all := w.someRecordings(n)
						args := []string{"--older-than", "90d", "--delete", "--workers", fmt.Sprint(workers)}
						if r := w.signalled(syscall.SIGKILL, match, nth, applied, args...); r.code != -1 {
							t.Fatalf("it wasn't killed: exit %d", r.code)
						}
						w.nothingLost(all)
						w.want(w.archive(args...), 0, map[string]int{"failed": 0})
						if left := w.account.Recordings(); len(left) != 0 {
							t.Errorf("%d are left at VBC", len(left))
						}
						w.mustHold(all...)
						if c := w.account.Counts(); c.ByKind[vbctest.Audio] > n+workers {
							t.Errorf("%d downloads of %d recordings with %d in flight at once", c.ByKind[vbctest.Audio], n, workers)
						}
						if keys := w.keys(); len(keys) != 2*n {
							t.Errorf("%d objects for %d recordings", len(keys), n)
						}
					})
				}
			}
		}
	}
}

// kill -9 while S3 is being asked, also between the parts of a large upload.
func TestKillDuringUploads(t *testing.T) {
	t.Parallel()
	for _, op := range []string{"PutObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload", "HeadObject"} {
		for _, applied := range []bool{false, true} {
			if testing.Short() && (op != "UploadPart" || applied) {
				continue
			}
			t.Run(fmt.Sprintf("%s applied %v", op, applied), func(t *testing.T) {
				t.Parallel()
				var cmd atomic.Pointer[exec.Cmd]
				seen := 0
				w := newWorld(t, vbctest.Config{})
				w.inS3(func(is, key string, _ *http.Request) *storagetest.S3Fault {
					c := cmd.Load()
					if c == nil || is != op || strings.Contains(key, "probe") {
						return nil
					}
					if seen++; seen != 2 {
						return nil
					}
					w.signal(c, syscall.SIGKILL)
					return &storagetest.S3Fault{Apply: applied, Reset: true}
				})
				start := time.Now().AddDate(-1, 0, 0).Truncate(time.Second)
				for i := range int64(4) {
					w.account.Add(vbctest.Recording{ID: 1 + i, Start: start, Size: 11 << 20})
				}
				all := w.account.Recordings()
				args := []string{"--older-than", "90d", "--delete", "--workers", "2"}
				c := w.command(append([]string{"archive", "--to", w.to, "--json"}, args...)...)
				cmd.Store(c)
				if r := w.finish(c); r.code != -1 {
					t.Fatalf("it wasn't killed: exit %d", r.code)
				}
				cmd.Store(nil)
				w.proxy.Idle() // what the dead program has sent may still be under way
				w.nothingLost(all)
				w.want(w.archive(args...), 0, map[string]int{"failed": 0})
				w.mustHold(all...)
				if left := w.account.Recordings(); len(left) != 0 {
					t.Errorf("%d are left at VBC", len(left))
				}
				// A part that was on its way when its upload was aborted may bring
				// that back: S3 says to abort again. The next run does.
				store := w.open()
				if n, err := store.Tidy(t.Context(), ""); n > 2 || err != nil {
					t.Errorf("%d abandoned uploads of 2 workers are left, %v", n, err)
				}
				if n, err := store.Tidy(t.Context(), ""); n != 0 || err != nil {
					t.Errorf("%d abandoned uploads can't be removed, %v", n, err)
				}
			})
		}
	}
}

// kill -9 at random moments, again and again, until the work is done in spite
// of it. Each time a recording is at VBC or whole in the destination.
func TestKillAtRandomMoments(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		const batch = 30
		kills := 25
		if testing.Short() {
			kills = 4
		}
		args := []string{"archive", "--to", w.to, "--older-than", "90d", "--delete", "--workers", "4", "--json"}
		seed := time.Now().UnixNano()
		random := rand.New(rand.NewPCG(0, uint64(seed)))
		t.Logf("seed %d", seed)
		var all []vbctest.Recording
		start := time.Now().UTC().Truncate(time.Second).AddDate(-3, 0, 0)
		for killed := 0; killed < kills; {
			for i := range batch {
				id := int64(len(all) + 1)
				r := vbctest.Recording{Kind: vbctest.Company, ID: id, Start: start.Add(time.Duration(id) * time.Minute), Size: 3000 + 1000*int64(i)}
				if i == 7 {
					r.Size = 6 << 20 // in two parts
				}
				w.account.Add(r)
				all = append(all, r)
			}
			for done := false; !done && killed < kills; {
				cmd, longest := w.command(args...), 250
				if killed%3 == 2 {
					cmd, longest = w.command(append(args, "--fetch", "export")...), 500 // VBC takes a while to pack
				}
				timer := time.AfterFunc(time.Duration(random.IntN(longest))*time.Millisecond, func() {
					if p := w.process(cmd); p != nil {
						_ = p.Kill()
					}
				})
				done = w.finish(cmd).code == 0
				timer.Stop()
				if w.proxy != nil {
					w.proxy.Idle()
				}
				if !done {
					killed++
				}
				w.nothingLost(all)
			}
		}
		w.want(w.run(args...), 0, nil)
		if left := w.account.Recordings(); len(left) != 0 {
			t.Errorf("%d are left at VBC", len(left))
		}
		w.mustHold(all...)
		if r := w.run("audit"); r.code != 0 {
			t.Error("the receipts are not intact")
		}
		t.Logf("%d SIGKILLs, %d recordings, none lost unless this fails", kills, len(all))
	}, vbctest.Config{Latency: time.Millisecond})
}

// SIGTERM: what is in flight comes to its end, nothing new is begun, and no
// DELETE goes out any more.
func TestTerminationDrains(t *testing.T) {
	t.Parallel()
	const n, workers = 40, 4
	w := newWorld(t, vbctest.Config{Latency: 2 * time.Millisecond}).inS3(nil)
	all := w.someRecordings(n)
	args := []string{"--older-than", "90d", "--delete", "--workers", fmt.Sprint(workers)}
	r := w.signalled(syscall.SIGTERM, isAudio, 10, false, args...)
	w.want(r, 130, map[string]int{"failed": 0, "exit_code": 130})
	if !strings.Contains(r.stderr, "run the same command again") {
		t.Error("it doesn't say how to go on")
	}
	w.nothingLost(all)
	c := w.account.Counts()
	if c.ByKind[vbctest.Audio] > 10+workers {
		t.Errorf("%d downloads were begun, the signal came at the 10th", c.ByKind[vbctest.Audio])
	}
	r = w.archive(args...)
	w.want(r, 0, map[string]int{"failed": 0})
	if again := w.account.Counts().ByKind[vbctest.Audio]; again != n {
		t.Errorf("%d downloads in all for %d recordings: what was in flight was thrown away", again, n)
	}
	w.mustHold(all...)
}

// The first signal drains, the second doesn't wait for that.
func TestSecondSignalEndsAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	all := w.someRecordings(3)
	cmd := w.command("archive", "--to", w.to, "--older-than", "90d", "--delete")
	var once sync.Once
	w.account.Inject(func(r *http.Request) *vbctest.Fault {
		if isAudio(r) {
			once.Do(func() { w.signal(cmd, syscall.SIGTERM) })
		}
		return &vbctest.Fault{Hang: isAudio(r)}
	})
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	w.running.Lock()
	err = cmd.Start()
	w.running.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	said := false
	for lines := bufio.NewScanner(stderr); !said && lines.Scan(); {
		said = strings.Contains(lines.Text(), "A second signal stops at once")
	}
	w.signal(cmd, syscall.SIGTERM)
	if _ = cmd.Wait(); !said || cmd.ProcessState.ExitCode() != -1 {
		t.Errorf("it said so: %v; exit code %d, want an end by the signal", said, cmd.ProcessState.ExitCode())
	}
	w.nothingLost(all)
}

// hangs has a run stand still in its first listing, until end, which waits for it.
func (w *world) hangs() (end func() error) {
	first := w.command("archive", "--to", w.to, "--older-than", "90d")
	inFlight, release := make(chan struct{}), make(chan struct{})
	var held atomic.Bool
	w.account.Inject(func(r *http.Request) *vbctest.Fault {
		if isList(r) && held.CompareAndSwap(false, true) {
			close(inFlight)
			<-release
		}
		return nil
	})
	done := make(chan error, 1)
	go func() { done <- first.Run() }()
	<-inFlight
	return func() error {
		close(release)
		return <-done
	}
}

// A second copy started by cron.
func TestSecondRunIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	w.someRecordings(3)
	end := w.hangs()
	before := w.account.Counts().Total
	r := w.archive("--older-than", "90d")
	w.want(r, 3, map[string]int{"exit_code": 3})
	if !strings.Contains(r.stderr, "--if-running skip") {
		t.Error("no hint")
	}
	w.want(w.archive("--older-than", "90d", "--if-running", "skip"), 0, map[string]int{"listed": 0})
	if after := w.account.Counts().Total; after != before {
		t.Errorf("the refused runs sent %d requests", after-before)
	}
	// A dry run takes no lock.
	w.want(w.archive("--older-than", "90d", "--dry-run"), 0, map[string]int{"to_archive": 3})
	if err := end(); err != nil {
		t.Errorf("the first run: %v", err)
	}
}
