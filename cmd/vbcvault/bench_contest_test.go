//go:build unix

package main_test

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vbcvault/vbcvault/storage/storagetest"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// load is what contestants of a benchmark have to do.
type load struct {
	name    string
	says    string // what the manual calls it
	n       int    // recordings
	size    int64  // bytes of each
	workers int
	vbc     vbctest.Config
	toDir   bool // the destination is a directory on a disk, else a bucket
}

// contestant is somebody who archives recordings and deletes them at VBC.
type contestant struct {
	name    string
	command func(c *contest) *exec.Cmd // makes it, and what it needs
	missing func() string              // why this one can't take part here, "" if it can; nil = it always can
	moved   func(c *contest) int       // how many recordings it has archived and deleted; nil = as many as VBC has deleted
}

// contest is a contestant with an account and a destination of its own.
type contest struct {
	*world
	load
	database benchDatabase // with the manifest; the zero one is a file
	source   string        // a bucket with what rclone moves
	who      contestant
	sees     func(op, key string, r *http.Request) // called with each request to S3 by way of the proxy; may be nil
	profiles string                                // directory for profiles, "" = none are written
}

// outcome is what a contestant has needed for each recording.
type outcome struct {
	wall, cpu   float64 // seconds; cpu is the program's, of user and system
	databaseCPU float64 // seconds of a database server's, 0 = there was none
	peak        float64 // bytes resident, of the whole run; 0 where that isn't known
	vbc, s3     float64 // requests; s3 isn't counted while the time is measured
}

// newContest makes an account with the load's recordings, a destination, and a
// directory on the disk for the manifest: what is made durable costs what it does
// there. Simulator and S3 server have what is theirs in memory, where there is enough.
func newContest(t testing.TB, l load, who contestant) *contest {
	t.Helper()
	c := &contest{world: newWorld(t, l.vbc), load: l, who: who}
	if l.toDir {
		unix.Sync() // what earlier contests have written doesn't wait for this one
		c.inDirectory(onDisk(t))
	} else {
		c.inS3(func(op, key string, r *http.Request) *storagetest.S3Fault {
			if c.sees != nil {
				c.sees(op, key, r)
			}
			return nil
		})
	}
	c.env = append(c.env, "VBCVAULT_STATE_DIR="+onDisk(t))
	start := time.Date(2025, 5, 12, 10, 15, 0, 0, time.UTC)
	for i := range int64(l.n) {
		c.account.Add(vbctest.Recording{ID: 1 + i, Start: start.Add(time.Duration(i) * time.Second), Size: l.size})
	}
	return c
}

// onDisk is a new directory on a disk, until the test ends. (Temporary files of tests
// are in memory, see storagetest.TempInMemory.)
func onDisk(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp(*disk, "vbcvault-bench-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// race runs the contestant to its end. Everything must be deleted at VBC then.
func (c *contest) race() outcome {
	c.t.Helper()
	runtime.GC() // what simulators of earlier contests have left isn't collected now
	cmd := c.who.command(c)
	if !c.toDir {
		cmd.Env = append(cmd.Env, "AWS_ENDPOINT_URL_S3="+c.direct) // past the counting proxy, which costs as much as it measures
	}
	before := c.database.cpu(c.t)
	begin := time.Now()
	peak := c.peakUntilEnd(cmd)
	wall := time.Since(begin)
	if n := c.archived(); n != c.n {
		c.t.Fatalf("%s: %d of %d were archived and deleted", c.who.name, n, c.n)
	}
	each := func(d time.Duration) float64 { return d.Seconds() / float64(c.n) }
	o := outcome{
		wall: each(wall), cpu: each(cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()),
		databaseCPU: each(c.database.cpu(c.t) - before), peak: float64(peak), vbc: float64(c.account.Counts().Total) / float64(c.n),
	}
	c.discard()
	return o
}

func (c *contest) archived() int {
	if c.who.moved != nil {
		return c.who.moved(c)
	}
	return len(c.account.Deleted())
}

// discard removes the copies: those of some rounds would fill the memory.
func (c *contest) discard() {
	where := strings.TrimPrefix(c.to, "file://")
	if !c.toDir {
		where = storagetest.StartS3(c.t).Path(strings.Split(c.to, "/")[2], "")
	}
	if err := os.RemoveAll(where); err != nil {
		c.t.Fatal(err)
	}
}

// countS3 is how many requests to S3 a contestant makes for each recording: in a run of
// its own through the proxy, of at most 200.
func countS3(t testing.TB, l load, who contestant) float64 {
	t.Helper()
	if l.toDir {
		return 0
	}
	l.n = min(l.n, 200)
	c := newContest(t, l, who)
	c.peakUntilEnd(who.command(c))
	n := float64(c.proxy.Count("")) / float64(l.n)
	c.discard()
	return n
}

// ours is vbcvault, with those flags.
func ours(name string, flags ...string) contestant {
	return contestant{name: name, command: func(c *contest) *exec.Cmd {
		return c.command(append([]string{
			"archive", "--to", c.to, "--older-than", "90d", "--delete", "--workers", fmt.Sprint(c.workers), "--progress", "none", "--log-level", "warn",
		}, flags...)...)
	}}
}

// built is vbcvault as somebody has built it, at this path.
func built(name, path string) contestant {
	this := ours(name, "--fetch", "direct")
	return contestant{name: name, command: func(c *contest) *exec.Cmd {
		c.program = path
		return this.command(c)
	}}
}

// looping is the loop of package benchloop, with those flags.
func looping(name string, flags ...string) contestant {
	return contestant{name: name, command: func(c *contest) *exec.Cmd {
		path, err := buildLoop()
		if err != nil {
			c.t.Fatal(err)
		}
		cmd := exec.Command(path, append([]string{"--to", c.to, "--workers", fmt.Sprint(c.workers)}, flags...)...)
		if c.profiles != "" {
			cmd.Args = append(cmd.Args, "--profile", filepath.Join(c.profiles, "cpu.loop"))
		}
		cmd.Env = c.env
		return cmd
	}}
}

var buildLoop = building("loop", "./benchloop")
