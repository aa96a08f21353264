package main_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/storagetest"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// both runs a test with each kind of destination.
func both(t *testing.T, test func(t *testing.T, w *world), cfg vbctest.Config) {
	for name, place := range map[string]func(*world) *world{"s3": func(w *world) *world { return w.inS3(nil) }, "directory": (*world).inDir} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, place(newWorld(t, cfg)))
		})
	}
}

func TestArchiveThenDelete(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		all := w.someRecordings(12)
		r := w.archive("--older-than", "90d")
		w.want(r, 0, map[string]int{"listed": 12, "archived": 12, "already_archived": 0, "deleted": 0, "failed": 0, "skipped": 0})
		w.mustHold(all...)
		if n := len(w.account.Deleted()); n != 0 {
			t.Fatalf("without --delete %d were deleted", n)
		}

		// Again: nothing is left to do, and nothing is downloaded.
		w.account.ResetCounts()
		r = w.archive("--older-than", "90d")
		w.want(r, 0, map[string]int{"listed": 0, "archived": 0, "already_archived": 0, "bytes": 0})
		if c := w.account.Counts(); c.Total != 2 {
			t.Errorf("a run with nothing to do took %v; want a token and a listing", c.ByKind)
		}
		r = w.archive("--older-than", "90d", "--full-scan")
		w.want(r, 0, map[string]int{"listed": 12, "archived": 0, "already_archived": 12, "bytes": 0})

		w.account.ResetCounts()
		r = w.archive("--older-than", "90d", "--delete")
		w.want(r, 0, map[string]int{"listed": 12, "archived": 0, "already_archived": 12, "deleted": 12, "failed": 0})
		w.mustHold(all...)
		if n := len(w.account.Recordings()); n != 0 {
			t.Errorf("%d are left at VBC", n)
		}
		if c := w.account.Counts(); c.ByKind[vbctest.Audio] != 0 {
			t.Errorf("deleting downloaded %d again", c.ByKind[vbctest.Audio])
		}
		w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"listed": 0, "deleted": 0})
	}, vbctest.Config{})
}

// The sidecar has what VBC sent, byte for byte.
func TestSidecar(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	start := time.Date(2025, 5, 12, 10, 15, 0, 0, time.UTC)
	w.account.Add(vbctest.Recording{ID: 193228, Start: start, Extra: map[string]any{"new_field": map[string]any{"a": "<b>"}, "file_name": "../../../../etc/passwd"}})
	w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 1})
	rec := w.account.Recordings()[0]
	body := w.read(key(rec, "json"))
	var side struct {
		Account, Kind, SHA256, VBCVault string
		Size                            int64
		ArchivedAt                      time.Time `json:"archived_at"`
		Recording                       map[string]any
	}
	if err := json.Unmarshal(body, &side); err != nil {
		t.Fatal(err)
	}
	if side.Account != "549825" || side.Kind != "company" || side.Size != rec.Size || side.VBCVault == "" ||
		side.SHA256 != storage.Digest(rec.SHA256()).String() || time.Since(side.ArchivedAt) > time.Hour {
		t.Errorf("%s", body)
	}
	if !strings.Contains(string(body), `"new_field":{"a":"\u003cb\u003e"}`) || side.Recording["file_name"] != "../../../../etc/passwd" {
		t.Errorf("not what VBC sent: %s", body)
	}
	if keys := w.keys(); len(keys) != 2 {
		t.Errorf("%q", keys)
	}
}

// Ids of the two kinds may collide, and the audio endpoint doesn't tell them
// apart.
func TestOnDemandWithCollidingIDs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{Users: []int64{745250}}).inDir()
	start := time.Now().UTC().Truncate(time.Second).AddDate(-1, 0, 0)
	for i := range int64(5) {
		w.account.Add(
			vbctest.Recording{ID: 100 + i, Start: start},
			vbctest.Recording{ID: 100 + i, Start: start, Kind: vbctest.OnDemand},
			vbctest.Recording{ID: 100 + i, Start: start, Kind: vbctest.OnDemand, User: 745250})
	}
	all := w.account.Recordings()
	r := w.archive("--older-than", "90d", "--kind", "on-demand", "--users", "self", "--delete")
	w.want(r, 0, map[string]int{"listed": 5, "archived": 5, "deleted": 5})
	r = w.archive("--older-than", "90d", "--kind", "company,on-demand", "--users", "all,self", "--delete")
	w.want(r, 0, map[string]int{"listed": 10, "archived": 10, "deleted": 10})
	w.mustHold(all...)
}

func TestUsersRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{ProvisioningForbidden: true}).inDir()
	all := w.someRecordings(3)
	r := w.archive("--older-than", "90d", "--kind", "company,on-demand", "--users", "all", "--delete")
	w.want(r, 1, map[string]int{"listed": 3, "archived": 3, "deleted": 3})
	w.mustHold(all...)
	if !strings.Contains(r.stderr, "users could not be listed") {
		t.Error("it isn't said")
	}
}

// A user without a number, none at all, and a recording whose own link names
// another user than the one whose listing shows it: what can be done is done, and
// that it isn't all is exit 1.
func TestStrangeUsers(t *testing.T) {
	t.Parallel()
	args := []string{"--older-than", "90d", "--kind", "company,on-demand", "--users", "all", "--delete"}
	for name, change := range map[string]func(map[string]any){
		"a UUID": func(m map[string]any) {
			if e, ok := m["_embedded"].(map[string]any); ok && e["data"] != nil {
				e["data"].([]any)[0].(map[string]any)["id"] = "5f0c-11"
			}
		},
		"none": func(m map[string]any) {
			if e, ok := m["_embedded"].(map[string]any); ok && e["data"] != nil {
				m["_embedded"], m["total_items"], m["total_pages"] = nil, 0, 0
			}
		},
		"another name": func(m map[string]any) {
			if e, ok := m["_embedded"].(map[string]any); ok && e["data"] != nil {
				m["_embedded"] = map[string]any{"things": []any{map[string]any{"id": 1}}}
			}
		},
	} {
		w := newWorld(t, vbctest.Config{Users: []int64{77}, Frame: change}).inDir()
		all := w.someRecordings(2)
		w.account.Add(vbctest.Recording{Kind: vbctest.OnDemand, User: 77, ID: 7, Start: all[0].Start})
		r := w.archive(args...)
		w.want(r, 1, map[string]int{"deleted": 2})
		if !strings.Contains(r.stderr, "the account's users could not be listed") || !w.account.Has(vbctest.OnDemand, 77, 7) {
			t.Errorf("%s: it isn't said", name)
		}
	}
	for _, linked := range []int64{78, 79} { // one that is listed too, and one that isn't
		w := newWorld(t, vbctest.Config{Users: []int64{77, 78}}).inDir()
		all := w.someRecordings(2)
		link := map[string]any{"self": map[string]any{"href": fmt.Sprintf("https://x/accounts/549825/users/%d/call_recordings/1", linked)}}
		w.account.Add(vbctest.Recording{Kind: vbctest.OnDemand, User: 77, ID: 1, Start: all[0].Start, Extra: map[string]any{"_links": link}},
			vbctest.Recording{Kind: vbctest.OnDemand, User: 78, ID: 2, Start: all[0].Start})
		r := w.archive(args...)
		w.want(r, r.code, map[string]int{"archived": 3, "deleted": 3, "unreadable": 1})
		if r.code > 1 || !w.account.Has(vbctest.OnDemand, 77, 1) || !strings.Contains(r.stderr, fmt.Sprintf("VBC shows it in the listing of user 77, but its link names user %d", linked)) {
			t.Errorf("exit %d, or it isn't said", r.code)
		}
	}
}

func TestDryRunTouchesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inS3(nil)
	w.someRecordings(7)
	manifests := func() int {
		files, _ := os.ReadDir(w.state)
		return len(files)
	}
	r := w.run("archive", "--to", w.to, "--older-than", "90d", "--delete", "--dry-run")
	if r.code != 0 || !strings.Contains(r.stdout, "would archive     7") || !strings.Contains(r.stdout, "would delete      7") ||
		!strings.Contains(r.stdout, "UTC here") || !strings.Contains(r.stdout, "The oldest:") {
		t.Errorf("exit %d", r.code)
	}
	r = w.archive("--older-than", "90d", "--delete", "--dry-run")
	w.want(r, 0, map[string]int{"listed": 7, "to_archive": 7, "to_delete": 7})
	if n := w.proxy.Count(""); n != 0 || manifests() != 0 {
		t.Errorf("%d requests to the destination, %d files in the state directory; want none", n, manifests())
	}
	for _, req := range w.account.Log() {
		if req.Kind != vbctest.Token && req.Method != http.MethodGet {
			t.Errorf("%s %s was sent", req.Method, req.Path)
		}
	}

	// With a manifest, while another run holds it: what is done counts.
	w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 7})
	w.proxy.Reset()
	r = w.archive("--older-than", "90d", "--delete", "--max-deletes", "2", "--dry-run")
	w.want(r, 0, map[string]int{"listed": 7, "already_archived": 7, "to_archive": 0, "to_delete": 2, "held_back": 5})
	if n := w.proxy.Count(""); n != 0 {
		t.Errorf("%d requests to the destination", n)
	}
}

// What is held back on purpose is no failure.
func TestHoldingBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	all := w.someRecordings(9)
	w.want(w.archive("--older-than", "90d", "--delete", "--delete-after", "7d"), 0, map[string]int{"archived": 9, "deleted": 0, "skipped": 9})
	w.want(w.archive("--older-than", "90d", "--delete", "--delete-after", "7d"), 0, map[string]int{"archived": 0, "deleted": 0, "skipped": 9})
	w.want(w.archive("--older-than", "90d", "--delete", "--delete-after", "1ms", "--max-deletes", "4"), 0, map[string]int{"deleted": 4, "skipped": 5})
	w.want(w.archive("--older-than", "90d", "--delete", "--max-deletes", "0"), 0, map[string]int{"deleted": 0, "skipped": 5})
	if n := len(w.account.Deleted()); n != 4 {
		t.Errorf("%d were deleted, want 4", n)
	}
	w.mustHold(all...)
}

func TestAccountNumber(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cfg    vbctest.Config
		args   []string
		n      int
		code   int
		lookup int
	}{
		"from the links":       {vbctest.Config{}, nil, 2, 0, 0},
		"from Provisioning":    {vbctest.Config{NoSelfLinks: true}, nil, 2, 0, 1},
		"refused":              {vbctest.Config{NoSelfLinks: true, ProvisioningForbidden: true}, nil, 2, 3, 1},
		"refused, but given":   {vbctest.Config{NoSelfLinks: true, ProvisioningForbidden: true}, []string{"--account", "549825"}, 2, 0, 0},
		"refused, but empty":   {vbctest.Config{NoSelfLinks: true, ProvisioningForbidden: true}, nil, 0, 0, 0},
		"given, and another's": {vbctest.Config{}, []string{"--account", "1"}, 2, 3, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, c.cfg).inDir()
			all := w.someRecordings(c.n)
			r := w.archive(append([]string{"--older-than", "90d"}, c.args...)...)
			w.want(r, c.code, map[string]int{"exit_code": c.code})
			if n := w.account.Counts().ByKind[vbctest.AccountLookup]; n != c.lookup {
				t.Errorf("%d requests for the account, want %d", n, c.lookup)
			}
			if c.code == 0 {
				w.mustHold(all...)
			} else if keys := w.keys(); len(keys) != 0 {
				t.Errorf("stored before the account was known: %q", keys)
			}
			if name == "refused" && !strings.Contains(r.stderr, "--account NUMBER") {
				t.Error("it doesn't ask for --account")
			}
		})
	}
}

// Every saved request is hours for someone.
func TestRequestsPerRecording(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inS3(nil)
	const n = 200
	w.someRecordings(n)
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": n})
	c := w.account.Counts()
	if per := float64(c.Total) / n; per > 2.05 {
		t.Errorf("%.3f requests at VBC per recording: %v", per, c.ByKind)
	}
	if got, most := w.proxy.Count(""), 4*n+9; got > most {
		t.Errorf("%d requests to S3 for %d recordings, want at most %d: 4 each, two probes, a look for abandoned uploads, one for holds, three for the receipts, and two for the key of the log", got, n, most)
	}
	t.Logf("VBC: %.3f requests per recording, S3: %.3f", float64(c.Total)/n, float64(w.proxy.Count(""))/n)
}

// At the size of a migration: every request counts, those for the listing,
// the token and the exports included.
func TestRequestsOfAMigration(t *testing.T) {
	t.Parallel()
	notShort(t, "archives 2,000 recordings twice")
	const n = 2000 // two slices; with more it is the same, again and again
	for fetch, most := range map[string]float64{"direct": 2.005, "export": 1.015} {
		w := newWorld(t, vbctest.Config{ExportPolls: 1}).inDir()
		start := time.Now().UTC().Truncate(time.Second).AddDate(-2, 0, 0)
		for i := range int64(n) {
			w.account.Add(vbctest.Recording{ID: 1 + i, Start: start.Add(time.Duration(i) * time.Minute), Size: 2000})
		}
		r := w.archive("--older-than", "90d", "--delete", "--fetch", fetch, "--workers", "64")
		w.want(r, 0, map[string]int{"deleted": n})
		w.countedAsVBC(r)
		c := w.account.Counts()
		per := float64(c.Total) / n
		t.Logf("%s: %.4f requests per recording: %v", fetch, per, c.ByKind)
		if per > most {
			t.Errorf("%s: %.4f requests per recording, want at most %.3f: %v", fetch, per, most, c.ByKind)
		}
	}
}

func TestFaultsOfS3CostNoRequestAtVBC(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	w := newWorld(t, vbctest.Config{}).inS3(func(op, key string, _ *http.Request) *storagetest.S3Fault {
		if k := op + key; (op == "PutObject" || op == "HeadObject") && !strings.Contains(key, "probe") && !seen[k] {
			seen[k] = true
			return &storagetest.S3Fault{Status: http.StatusServiceUnavailable, Code: "SlowDown", Apply: len(seen)%2 == 0}
		}
		return nil
	})
	all := w.someRecordings(10)
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 10})
	if c := w.account.Counts(); c.Total != 4+2*10 {
		t.Errorf("%v; want a token, a listing before and one after, one of transcripts, and two requests for each recording", c.ByKind)
	}
	w.mustHold(all...)
}
