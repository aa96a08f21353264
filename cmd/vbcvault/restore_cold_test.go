package main_test

import (
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/storagetest"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// glacier answers before the S3 server as Amazon documents it for audio in a
// cold storage class.
type glacier struct {
	mu     sync.Mutex
	class  string            // x-amz-storage-class
	tier   string            // x-amz-archive-status
	state  map[string]string // by key; "" = frozen, "thawing", "ready", "raced" = asked for by somebody else just now
	denied bool
	asked  []string // bodies of RestoreObject
}

func (g *glacier) answer(op, key string, r *http.Request) *storagetest.S3Fault {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.class == "" || !strings.HasSuffix(key, ".mp3") {
		return nil
	}
	switch state := g.state[key]; {
	case op == "HeadObject":
		h := http.Header{"X-Amz-Storage-Class": {g.class}}
		if g.tier != "" {
			h["X-Amz-Archive-Status"] = []string{g.tier}
		}
		if state == "thawing" {
			h["X-Amz-Restore"] = []string{`ongoing-request="true"`}
		}
		return &storagetest.S3Fault{AddHeader: h}
	case op == "GetObject" && state != "ready":
		return &storagetest.S3Fault{Status: http.StatusForbidden, Code: "InvalidObjectState"}
	case op == "RestoreObject" && g.denied:
		return &storagetest.S3Fault{Status: http.StatusForbidden, Code: "AccessDenied"}
	case op == "RestoreObject":
		body, _ := io.ReadAll(r.Body)
		g.asked = append(g.asked, string(body))
		if state != "" {
			g.state[key] = "thawing"
			return &storagetest.S3Fault{Status: http.StatusConflict, Code: "RestoreAlreadyInProgress"}
		}
		g.state[key] = "thawing"
		return &storagetest.S3Fault{Status: http.StatusAccepted}
	}
	return nil
}

// set moves all that is asked for to another state, and forgets what was asked.
func (g *glacier) set(state string, keys ...string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, key := range keys {
		g.state["calls/"+key] = state
	}
	g.asked = nil
}

// change changes how it answers.
func (g *glacier) change(f func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f()
}

// requests are the bodies of RestoreObject so far.
func (g *glacier) requests() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.asked)
}

// newGlacier is an archive of three recordings whose audio lies in a class.
func newGlacier(t *testing.T, class, tier string) (*world, *glacier, []vbctest.Recording) {
	g := &glacier{state: map[string]string{}}
	w := newWorld(t, vbctest.Config{}).inS3(g.answer)
	all := w.someRecordings(3)
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 3})
	g.change(func() { g.class, g.tier = class, tier })
	return w, g, all
}

// What lies in cold storage is asked for when somebody says so, once, and
// fetched when it is ready.
func TestRestoreFromColdStorage(t *testing.T) {
	t.Parallel()
	w, g, all := newGlacier(t, "GLACIER", "")
	out := newOut(t)
	names := []string{"--all", "--name-template", "{id}.mp3"}
	g.set("ready", key(all[0], "mp3"))

	r := w.retrieve(out, names...)
	w.want(r, 1, map[string]int{"restored": 1, "cold": 2, "thaw_asked": 0, "failed": 0, "wait_seconds": 5 * 3600})
	for _, says := range []string{"2 in cold storage (GLACIER; ", "costs money", "takes up to 5 hours with --tier standard", "add --thaw"} {
		if !strings.Contains(r.stderr, says) {
			t.Errorf("it doesn't say %q", says)
		}
	}
	if len(g.requests()) != 0 {
		t.Fatalf("asked for, although nobody said so: %q", g.requests())
	}

	g.set("raced", key(all[2], "mp3"))
	thaw := append(names, "--thaw", "--tier", "bulk", "--days", "3")
	r = w.retrieve(out, thaw...)
	w.want(r, 1, map[string]int{"already_there": 1, "thaw_asked": 2, "cold": 0, "failed": 0, "wait_seconds": 12 * 3600})
	if !strings.Contains(r.stderr, "ready within 12 hours, and readable for 3 days; run the same command again then") {
		t.Error("it doesn't say when to come back")
	}
	want := regexp.MustCompile(`<Days>3</Days>.*<Tier>Bulk</Tier>`)
	if len(g.requests()) != 2 || !want.MatchString(g.requests()[0]) || !want.MatchString(g.requests()[1]) {
		t.Errorf("asked: %q", g.requests())
	}

	g.set("thawing", key(all[1], "mp3"), key(all[2], "mp3"))
	for _, args := range [][]string{thaw, names} {
		r = w.retrieve(out, args...)
		w.want(r, 1, map[string]int{"already_there": 1, "thawing": 2, "thaw_asked": 0, "cold": 0})
		if len(g.requests()) != 0 || !strings.Contains(r.stderr, "requested earlier and not ready") {
			t.Errorf("asked for twice: %q", g.requests())
		}
	}

	g.set("ready", key(all[1], "mp3"), key(all[2], "mp3"))
	w.want(w.retrieve(out, thaw...), 0, map[string]int{"restored": 2, "already_there": 1, "thawing": 0})
	for i, r := range all {
		w.mustBeRestored(out, []string{"100001", "100002", "100003"}[i], r)
	}
}

// Classes and tiers have their own ways, and --out - knows them too.
func TestRestoreFromDeepArchive(t *testing.T) {
	t.Parallel()
	w, g, all := newGlacier(t, "DEEP_ARCHIVE", "")
	r := w.retrieve(newOut(t), "--all", "--thaw", "--tier", "expedited")
	w.want(r, 1, map[string]int{"failed": 3, "thaw_asked": 0})
	if len(g.requests()) != 0 || !strings.Contains(r.stderr, "DEEP_ARCHIVE, which has no expedited retrieval; choose another --tier") {
		t.Errorf("asked: %q", g.requests())
	}
	if r := w.run("restore", "--id", "100001", "--out", "-"); r.code != 1 || r.stdout != "" || !strings.Contains(r.stderr, "takes up to 12 hours with --tier standard; add --thaw") {
		t.Errorf("exit %d", r.code)
	}
	if r := w.run("restore", "--id", "100001", "--out", "-", "--thaw"); r.code != 1 || r.stdout != "" || len(g.requests()) != 1 {
		t.Errorf("exit %d, asked %q", r.code, g.requests())
	}
	g.set("ready", key(all[0], "mp3"))
	if r := w.run("restore", "--id", "100001", "--out", "-", "--thaw"); r.code != 0 || storage.SumOf([]byte(r.stdout)) != storage.Digest(all[0].SHA256()) {
		t.Errorf("exit %d, %d bytes", r.code, len(r.stdout))
	}
	g.change(func() { g.class, g.tier = "INTELLIGENT_TIERING", "DEEP_ARCHIVE_ACCESS" })
	g.set("", key(all[1], "mp3"))
	r = w.retrieve(newOut(t), "--id", "100002", "--thaw", "--tier", "bulk")
	w.want(r, 1, map[string]int{"thaw_asked": 1, "wait_seconds": 48 * 3600})
	if len(g.requests()) != 1 || strings.Contains(g.requests()[0], "Days") || !strings.Contains(r.stderr, "INTELLIGENT_TIERING/DEEP_ARCHIVE_ACCESS") {
		t.Errorf("asked: %q", g.requests())
	}
	g.change(func() { g.denied = true })
	g.set("", key(all[1], "mp3"))
	if r := w.retrieve(newOut(t), "--id", "100002", "--thaw"); r.code != 3 || !strings.Contains(r.stderr, "s3:RestoreObject") {
		t.Errorf("without the right: exit %d", r.code)
	}
}
