package main_test

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/storagetest"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// everywhere runs a test with a directory, a bucket and a bucket with versions.
// Whatever changes the bucket while reading says which command is to read only
// fails the test; but for rebuild, commands try whether it can be written.
func everywhere(t *testing.T, cfg vbctest.Config, test func(t *testing.T, w *world, reading *atomic.Value)) {
	for name, place := range map[string]func(*world, func(op, key string, r *http.Request) *storagetest.S3Fault) *world{
		"directory": func(w *world, _ func(op, key string, r *http.Request) *storagetest.S3Fault) *world { return w.inDir() },
		"bucket":    (*world).inS3,
		"versions":  (*world).inVersionedS3,
	} {
		t.Run(name, func(t *testing.T) {
			var reading atomic.Value // string
			reading.Store("")
			w := place(newWorld(t, cfg), func(op, key string, r *http.Request) *storagetest.S3Fault {
				if is := reading.Load(); is != "" && r.Method != http.MethodGet && r.Method != http.MethodHead && (is == "rebuild" || !strings.HasSuffix(key, ".vbcvault-probe")) {
					t.Errorf("%s of %s, and nothing is to be changed", op, key)
				}
				return nil
			})
			test(t, w, &reading)
		})
	}
}

// known is what a manifest says of each recording, as far as a rebuilt one must
// say the same.
func (w *world) known(path string) map[string]string {
	w.t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		w.t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Query("SELECT kind, owner, id, start, size, raw, state, audio, sidecar, transcript, iif(state = 'erased', 0, stored_at), archived_at <> 0, damaged FROM recording")
	if err != nil {
		w.t.Fatal(err)
	}
	defer rows.Close()
	known := map[string]string{}
	for rows.Next() {
		var kind, owner, raw, state, damaged string
		var id, start, size, stored int64
		var archived bool
		var objects [3]string
		if err := rows.Scan(&kind, &owner, &id, &start, &size, &raw, &state, &objects[0], &objects[1], &objects[2], &stored, &archived, &damaged); err != nil {
			w.t.Fatal(err)
		}
		for i, text := range objects {
			if text == "" {
				continue
			}
			var o storage.Object
			if err := json.Unmarshal([]byte(text), &o); err != nil {
				w.t.Fatal(err)
			}
			objects[i] = fmt.Sprintln(o.Key, o.Content, o.VersionID)
		}
		known[fmt.Sprint(kind, owner, "/", id, "/", start)] = fmt.Sprintln(start, size, raw, state, objects, stored, archived, damaged)
	}
	if err := rows.Err(); err != nil {
		w.t.Fatal(err)
	}
	return known
}

// loseAll puts the manifest, and all that belongs to it, out of the way, and
// says where it is now.
func (w *world) loseAll() string {
	w.t.Helper()
	path, away := w.manifest(), w.t.TempDir()
	files, err := filepath.Glob(path + "*")
	for _, f := range files {
		if err == nil {
			err = os.Rename(f, filepath.Join(away, filepath.Base(f)))
		}
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return filepath.Join(away, filepath.Base(path))
}

// everything is the content of the destination.
func (w *world) everything() map[string]storage.Content {
	w.t.Helper()
	all := map[string]storage.Content{}
	store := w.open()
	for _, key := range storagetest.Keys(w.t, store) {
		o, err := store.Stat(w.t.Context(), storage.Object{Key: key})
		if err != nil {
			w.t.Fatal(err)
		}
		all[key] = o.Content
	}
	return all
}

// rebuild makes the manifest anew, sees that this asks VBC nothing and changes
// nothing in the archive, and returns the summary.
func (w *world) rebuild(reading *atomic.Value, code int, values map[string]int, args ...string) result {
	w.t.Helper()
	before := w.everything()
	w.account.ResetCounts()
	reading.Store("rebuild")
	r := w.run(append([]string{"rebuild", "--from", w.to, "--json"}, args...)...)
	reading.Store("")
	w.want(r, code, values)
	if n := w.account.Counts().Total; n != 0 {
		w.t.Errorf("%d requests to VBC", n)
	}
	if after := w.everything(); !cmp.Equal(before, after) {
		w.t.Errorf("the archive has changed: %s", cmp.Diff(before, after))
	}
	return r
}

// variedArchive is an archive with everything in it: both kinds, transcripts, a
// copy beside another, a hold, an erasure, and about half of it deleted at VBC.
// What archives it again is returned.
func (w *world) variedArchive() (args []string) {
	w.t.Helper()
	start := calls(w)[0].Start
	for i := range int64(4) {
		text := fmt.Sprintf(`{"text":"call %d"}`, i)
		if i == 2 {
			text = "plain text"
		}
		w.account.Add(vbctest.Recording{ID: 21 + i, Start: start.Add(time.Hour), Transcript: text},
			vbctest.Recording{Kind: vbctest.OnDemand, ID: 1 + i, Start: start, User: 745249 + i%2})
	}
	w.place(w.keyOf(1), "another whole copy")
	args = []string{"--older-than", "90d", "--kind", "company,on-demand", "--users", "745249,745250"}
	w.want(w.archive(args...), 0, map[string]int{"archived": 16, "transcripts": 4})
	w.hold(append([]string{"add", "--caller-id", "17325550100"}, byCounsel...)...)
	w.want(w.archive(append(args, "--delete", "--max-deletes", "6")...), 0, map[string]int{"deleted": 6})
	i := slices.IndexFunc(w.account.Deleted(), func(r vbctest.Recording) bool { return r.Transcript == "" })
	gone := w.account.Deleted()[i]
	if r := w.erase("--id", fmt.Sprint(gone.ID), "--kind", string(gone.Kind), "--user", owner(gone)); r.code != 0 {
		w.t.Fatal("not erased")
	}
	return args
}

// keyOf is where the audio of a company recording lies.
func (w *world) keyOf(id int64) string {
	all := w.account.Recordings()
	return key(all[slices.IndexFunc(all, func(r vbctest.Recording) bool { return r.Kind == vbctest.Company && r.ID == id })], "mp3")
}

func owner(r vbctest.Recording) string {
	if r.Kind == vbctest.OnDemand {
		return fmt.Sprint(r.User)
	}
	return ""
}

// A manifest that is made of the archive says what the lost one said, and a run
// with it does what one with that would have done.
func TestRebuild(t *testing.T) {
	t.Parallel()
	everywhere(t, vbctest.Config{Users: []int64{745249, 745250}}, func(t *testing.T, w *world, reading *atomic.Value) {
		args := w.variedArchive()
		path := w.manifest()
		lost := w.loseAll()
		r := w.rebuild(reading, 0, map[string]int{"recordings": 15, "transcripts": 4, "purged": 5, "erased": 1, "holds": 1, "listed": 0, "beside": 1, "lost": 0, "damaged": 0, "unknown": 0, "receipts": 15, "chains": 1})
		if !strings.Contains(r.stdout, `"finding":"beside"`) {
			t.Error("it doesn't say which copy lies beside another")
		}
		if w.manifest() != path {
			t.Errorf("it is in %s, and archive looks for %s", w.manifest(), path)
		}
		if was, is := w.known(lost), w.known(path); !cmp.Equal(was, is) {
			t.Errorf("it says something else than the lost one: %s", cmp.Diff(was, is))
		}
		if r := w.run("hold", "list"); !strings.Contains(r.stdout, "17325550100") {
			t.Error("it doesn't know the hold")
		}
		if r := w.run("status"); r.code != 0 || !strings.Contains(r.stdout, "Legal holds in force: 1") {
			t.Error("status")
		}
		if r := w.run("verify"); r.code != 0 || !strings.Contains(r.stdout, "checked 15 copies") {
			t.Error("verify")
		}
		if r := w.run("diff"); r.code != 0 {
			t.Error("diff")
		}
		if r := w.run("manifest", "check"); r.code != 0 {
			t.Error("check")
		}
		if r := w.run("audit"); r.code != 0 || !strings.Contains(r.stdout, "other chain") {
			t.Error("audit")
		}
		w.want(w.archive(args...), 0, map[string]int{"archived": 0, "transcripts": 0, "downloads": 0, "failed": 0, "listed": 10, "already_archived": 10})
		left := len(w.atVBC())
		w.want(w.archive(append(args, "--delete")...), 0, map[string]int{"deleted": left - 4, "skipped": 4, "downloads": 0, "failed": 0})
		w.hold(append([]string{"remove", "1"}, byCounsel...)...)
		w.want(w.archive(append(args, "--delete")...), 0, map[string]int{"deleted": 4, "downloads": 0, "failed": 0})
		if c := w.account.Counts(); c.ByKind[vbctest.Audio] != 0 || c.ByKind[vbctest.Delete] != left {
			t.Errorf("%v for the %d recordings that were left", c.ByKind, left)
		}
		if r := w.run("verify", "--deep"); r.code != 0 || !strings.Contains(r.stdout, "checked 15 copies") {
			t.Error("verify")
		}
		w.want(w.run("audit", "--json"), 0, map[string]int{"deleted": left, "open": 0})
	})
}

// A run that was killed in the middle, then its manifest lost: what it was about
// to do is done, once, and what it was deleting is looked at.
func TestRebuildAfterAKill(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("kills at many moments; not with -short")
	}
	for name, match := range map[string]func(*http.Request) bool{"audio": isAudio, "delete": isDelete} {
		for _, nth := range []int{1, 11} {
			for _, applied := range []bool{false, true} {
				if name == "audio" && applied {
					continue
				}
				t.Run(fmt.Sprintf("%s %d applied %v", name, nth, applied), func(t *testing.T) {
					everywhere(t, vbctest.Config{}, func(t *testing.T, w *world, reading *atomic.Value) {
						const n, workers = 15, 3
						all := w.someRecordings(n)
						args := []string{"--older-than", "90d", "--delete", "--workers", fmt.Sprint(workers)}
						if r := w.signalled(syscall.SIGKILL, match, nth, applied, args...); r.code != -1 {
							t.Fatalf("it wasn't killed: exit %d", r.code)
						}
						if w.proxy != nil {
							w.proxy.Idle()
						}
						downloads := w.account.Counts().ByKind[vbctest.Audio]
						w.loseAll()
						before := w.everything()
						w.account.ResetCounts()
						r := w.run("rebuild", "--from", w.to, "--json")
						if r.code != 0 && r.code != 1 { // 1: there may be metadata whose audio hasn't come
							if len(before) > 0 {
								t.Fatalf("exit %d", r.code)
							}
							return // the first download was killed, and nothing was stored yet
						}
						w.want(w.archive(args...), 0, map[string]int{"failed": 0})
						w.mustHold(all...)
						if left := w.atVBC(); len(left) != 0 {
							t.Errorf("%v are left at VBC", left)
						}
						if again := w.account.Counts().ByKind[vbctest.Audio]; downloads+again > n+workers {
							t.Errorf("%d downloads, and %d before, of %d recordings with %d in flight", again, downloads, n, workers)
						}
						for _, command := range []string{"verify", "audit", "diff"} {
							if r := w.run(command); r.code != 0 {
								t.Errorf("%s: exit %d", command, r.code)
							}
						}
						w.want(w.run("verify", "--json"), 0, map[string]int{"checked": n})
						w.want(w.run("audit", "--json"), 0, map[string]int{"open": 0})
					})
				})
			}
		}
	}
}

// A deletion whose intent is beside the archive, and whose outcome isn't: the
// next run asks VBC, and its outcome follows on a proven copy.
func TestRebuildSettlesWhatWasBegun(t *testing.T) {
	t.Parallel()
	for _, applied := range []bool{false, true} {
		t.Run(fmt.Sprint(applied), func(t *testing.T) {
			everywhere(t, vbctest.Config{}, func(t *testing.T, w *world, reading *atomic.Value) {
				all := w.someRecordings(3)
				if r := w.signalled(syscall.SIGKILL, isDelete, 2, applied, "--older-than", "90d", "--delete", "--workers", "1"); r.code != -1 {
					t.Fatalf("exit %d, want a kill", r.code)
				}
				// A run that doesn't settle what was begun, since its listing doesn't cover
				// it and VBC doesn't say, stores the receipts all the same.
				w.account.Inject(func(r *http.Request) *vbctest.Fault {
					if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, fmt.Sprint("/", all[1].ID)) {
						return &vbctest.Fault{Status: http.StatusForbidden}
					}
					return nil
				})
				w.archive("--older-than", "90d", "--since", all[2].Start.UTC().Format(time.RFC3339))
				w.account.Inject(nil)
				w.want(w.run("audit", "--json"), 0, map[string]int{"open": 1})
				w.loseAll()
				w.rebuild(reading, 0, map[string]int{"purging": 1, "recordings": 3})
				if r := w.run("status"); !strings.Contains(r.stdout, "its deletion was started") {
					t.Error("status doesn't show what was begun")
				}
				w.want(w.run("audit", "--json"), 0, map[string]int{"open": 1})
				w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"failed": 0, "downloads": 0})
				if left := w.atVBC(); len(left) != 0 {
					t.Errorf("%v are left at VBC", left)
				}
				w.want(w.run("audit", "--json"), 0, map[string]int{"open": 0})
				w.mustHold(all...)
			})
		})
	}
}

// place stores an object as somebody else might.
func (w *world) place(key, text string) {
	w.t.Helper()
	if strings.HasPrefix(w.to, "s3://") { // as another tool does it
		bucket, full := strings.Split(w.to, "/")[2], "calls/"+key
		in := &s3.PutObjectInput{Bucket: &bucket, Key: &full, Body: strings.NewReader(text)}
		if _, err := storagetest.StartS3(w.t).Client().PutObject(w.t.Context(), in); err != nil {
			w.t.Fatal(err)
		}
		return
	}
	if _, err := w.open().Put(w.t.Context(), key, storage.Body{Reader: strings.NewReader(text)}, storage.Attrs{}); err != nil {
		w.t.Fatal(err)
	}
}

// Everything that is wrong with an archive is said, and what is lost stays
// known as that.
func TestRebuildSaysWhatHasNoPlace(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		all := w.someRecordings(9)
		w.want(w.archive("--older-than", "90d", "--delete", "--max-deletes", "3"), 0, map[string]int{"deleted": 3})
		deleted := w.account.Deleted()
		kept := w.account.Recordings()
		path := w.manifest()
		w.loseAll()
		w.remove(key(deleted[0], "mp3"))  // lost: the metadata is left
		w.remove(key(deleted[1], "json")) // lost: the audio is left
		w.remove(key(kept[0], "mp3"))     // metadata alone
		w.remove(key(kept[1], "json"))    // audio alone
		w.remove(key(kept[2], "json"))    // and metadata that is none
		w.place(key(kept[2], "json"), `{"format":1}`)
		w.remove(key(kept[3], "mp3")) // another audio
		w.place(key(kept[3], "mp3"), strings.Repeat("x", int(kept[3].Size)))
		w.place("account=549825/kind=company/notes.txt", "somebody's")
		w.place("account=549825/kind=company/year=2026/month=05/day=13/20260512T101500Z_193228.mp3", "in another day's directory")
		w.place("receipts/account=549825/chain=X/notes.txt", "no receipts")
		w.place("catalog/account=549825/recordings.csv", "from another command")
		w.place("holiday.jpg", "foreign")
		w.place("photos/2026/a.jpg", "foreign")
		r := w.run("rebuild", "--from", w.to, "--json")
		w.want(r, 1, map[string]int{"recordings": 3, "purged": 3, "lost": 2, "missing": 1, "damaged": 2, "unknown": 5, "foreign": 2, "listed": 2})
		for _, want := range []string{
			`"finding":"lost","key":"` + key(deleted[0], "mp3"), `"finding":"lost","key":"` + key(deleted[1], "mp3"), `"finding":"missing","key":"` + key(kept[0], "json"),
			`"finding":"unknown","key":"` + key(kept[1], "mp3"), `"finding":"damaged","key":"` + key(kept[2], "json"), `"finding":"damaged","key":"` + key(kept[3], "mp3"),
			`"finding":"unknown","key":"account=549825/kind=company/notes.txt`, `day=13/20260512T101500Z_193228.mp3","means`, `"finding":"unknown","key":"receipts/account=549825/chain=X/notes.txt`,
			`"finding":"foreign","key":"holiday.jpg`, `"finding":"foreign","key":"photos/"`,
		} {
			if !strings.Contains(r.stdout, want) {
				t.Errorf("nothing like %s is said", want)
			}
		}
		if r := w.run("status"); strings.Count(r.stdout, "LOST") == 0 || w.manifest() != path {
			t.Error("status doesn't list what is lost")
		}
		w.want(w.run("verify", "--json"), 1, map[string]int{"lost": 2, "damaged": 0, "whole": 3})
		if r := w.run("manifest", "check"); r.code != 0 {
			t.Error("check")
		}
		w.account.ResetCounts()
		// One more download: nobody knows whether the other audio is somebody's only
		// copy, so it stays, and ours goes beside it.
		w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 4, "downloads": 5, "failed": 0})
		w.nothingLostBut(all, deleted[:2])
	}, vbctest.Config{})
}

// nothingLostBut fails unless every recording but those is at VBC, or has a
// whole copy somewhere in the destination.
func (w *world) nothingLostBut(all, lost []vbctest.Recording) {
	w.t.Helper()
	has := map[storage.Digest]bool{}
	for _, c := range w.everything() {
		has[c.SHA256] = true
	}
	for _, r := range all {
		if !w.account.Has(r.Kind, r.User, r.ID) && !has[storage.Digest(r.SHA256())] && !slices.ContainsFunc(lost, func(l vbctest.Recording) bool { return l.ID == r.ID }) {
			w.t.Errorf("%d is lost", r.ID)
		}
	}
}

// For people the first of each kind are shown, and a foreign file is no reason
// to fail.
func TestRebuildForPeople(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	w.someRecordings(2)
	w.want(w.archive("--older-than", "90d"), 0, nil)
	w.loseAll()
	for i := range 25 {
		w.place(fmt.Sprintf("picture%d.jpg", i), "foreign")
	}
	r := w.run("rebuild", "--from", w.to)
	if r.code != 0 || strings.Count(r.stdout, "\nforeign") != 21 || !strings.Contains(r.stdout, "and more; --json shows all") || !strings.Contains(r.stdout, "recordings  2 ") ||
		!strings.Contains(r.stdout, "The manifest is in "+w.manifest()) || !strings.Contains(r.stderr, "Nothing is changed in the archive") {
		t.Errorf("exit %d", r.code)
	}
}

// Two machines and a lost manifest make three chains. All are read, the last
// word about each recording counts, whichever chain has it, and none is continued.
func TestRebuildReadsAllChains(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world) {
		all := w.someRecordings(6)
		slices.SortFunc(all, func(a, b vbctest.Recording) int { return a.Start.Compare(b.Start) })
		first, last := all[2], all[5]
		other := filepath.Join(t.TempDir(), "other")
		every := []string{"--older-than", "90d", "--full-scan"}
		w.want(w.archive("--older-than", "90d", "--manifest", other), 0, map[string]int{"archived": 6})
		w.want(w.archive("--older-than", "90d", "--delete", "--max-deletes", "2", "--workers", "1"), 0, map[string]int{"deleted": 2})
		w.loseAll()
		w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 4})
		w.want(w.archive("--older-than", "90d", "--delete", "--manifest", other), 0, map[string]int{"deleted": 6}) // and finds them gone
		// VBC shows two again: the one machine sees the first, the other the last.
		w.account.Add(first)
		w.archive(every...)
		w.account.Add(last)
		w.archive(append(every, "--since", last.Start.Format(time.RFC3339), "--manifest", other)...)
		receipts := len(w.receipts())
		w.loseAll()
		w.want(w.run("rebuild", "--from", w.to, "--json"), 0, map[string]int{"recordings": 6, "purged": 4, "chains": 3, "lost": 0})
		w.account.ResetCounts()
		w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"failed": 0, "downloads": 0})
		if left := w.atVBC(); len(left) != 0 {
			t.Errorf("%v are left at VBC", left)
		}
		if n := len(w.receipts()); n != receipts+1 {
			t.Errorf("%d files of receipts, and %d before; want a chain of its own", n, receipts)
		}
		r := w.run("audit")
		if r.code != 0 || strings.Count(r.stdout, "other chain") != 3 {
			t.Error("audit")
		}
		w.mustHold(all...)
	}, vbctest.Config{})
}

// Of an id that VBC has given again both recordings are in the manifest, whether
// both were deleted or the first alone.
func TestRebuildOfAnIDGivenAgain(t *testing.T) {
	t.Parallel()
	for _, both := range []bool{false, true} {
		w := newWorld(t, vbctest.Config{}).inDir()
		start := time.Now().UTC().Truncate(time.Second).AddDate(-1, 0, 0)
		first, second := vbctest.Recording{Kind: vbctest.Company, ID: 5, Start: start, Size: 9000}, vbctest.Recording{Kind: vbctest.Company, ID: 5, Start: start.AddDate(0, 1, 0), Size: 9500}
		w.account.Add(first)
		w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 1})
		w.account.Add(second)
		args, purged := []string{"--older-than", "90d", "--full-scan"}, 1
		if both {
			args, purged = append(args, "--delete"), 2
		}
		w.want(w.archive(args...), 0, map[string]int{"archived": 1})
		path := w.manifest()
		was := w.known(w.loseAll())
		w.want(w.run("rebuild", "--from", w.to, "--json"), 0, map[string]int{"recordings": 2, "purged": purged, "beside": 0, "lost": 0})
		if is := w.known(path); !cmp.Equal(was, is) {
			t.Error(cmp.Diff(was, is))
		}
		w.want(w.run("diff", "--json"), 0, map[string]int{"beside": 0, "checked": 2})
		w.loseAll()
		w.remove(key(first, "mp3"))
		r := w.run("rebuild", "--from", w.to, "--json")
		if w.want(r, 1, map[string]int{"recordings": 1, "purged": purged, "lost": 1}); !strings.Contains(r.stdout, key(first, "")[:len(key(first, ""))-1]) {
			t.Error("it doesn't say that the first one's audio is missing")
		}
	}
}

// An erasure that broke off is still one that has begun, and is finished by
// saying it again; one that was finished stays finished.
func TestRebuildOfABegunErasure(t *testing.T) {
	t.Parallel()
	var erasing atomic.Bool
	w := newWorld(t, vbctest.Config{}).inS3(func(_, key string, r *http.Request) *storagetest.S3Fault {
		if erasing.Load() && r.Method == http.MethodDelete && strings.HasSuffix(key, ".mp3") {
			return &storagetest.S3Fault{Status: http.StatusBadRequest, Code: "InvalidArgument"}
		}
		return nil
	})
	all := w.someRecordings(3)
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 3})
	if r := w.erase("--id", fmt.Sprint(all[1].ID)); r.code != 0 {
		t.Fatal("not erased")
	}
	erasing.Store(true)
	if r := w.erase("--id", fmt.Sprint(all[0].ID)); r.code != 3 {
		t.Fatal("it didn't break off")
	}
	erasing.Store(false)
	w.want(w.archive("--older-than", "90d", "--delete"), 0, nil) // stores the receipts
	path := w.manifest()
	was := w.known(w.loseAll())
	w.want(w.run("rebuild", "--from", w.to, "--json"), 0, map[string]int{"recordings": 1, "erased": 2, "begun": 1, "lost": 0, "unknown": 0})
	is := w.known(path)
	if erased := fmt.Sprint("company/", all[1].ID); was[erased] != is[erased] {
		t.Error(cmp.Diff(was[erased], is[erased]))
	}
	if r := w.run("diff"); r.code != 1 || !strings.Contains(r.stdout, "run vbcvault erase again") {
		t.Error("diff doesn't say what was begun")
	}
	if r := w.erase("--id", fmt.Sprint(all[0].ID)); r.code != 0 || len(w.of(fmt.Sprint("_", all[0].ID, "."))) != 0 {
		t.Error("not erased")
	}
	w.want(w.run("diff", "--json"), 0, map[string]int{"whole": 1})
	w.place(key(all[1], "mp3"), "back from a backup")
	r := w.run("diff", "--json")
	w.want(r, 1, map[string]int{"unknown": 1})
	w.mustSay(r, "unknown", key(all[1], "mp3"), "was erased")
	w.loseAll()
	r = w.run("rebuild", "--from", w.to, "--json")
	w.want(r, 1, map[string]int{"recordings": 1, "erased": 2, "unknown": 1})
	w.mustSay(r, "unknown", key(all[1], "mp3"), "was erased")
	w.want(w.run("audit", "--json"), 0, nil)
	w.mustHold(all[2])
}

// A hold that receipts tell of, and whose text is nowhere, holds everything.
func TestRebuildWithAHoldWhoseTextIsLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	w.someRecordings(3)
	w.want(w.archive("--older-than", "90d"), 0, nil)
	w.hold(append([]string{"add", "--id", "100002"}, byCounsel...)...)
	w.want(w.archive("--older-than", "90d"), 0, nil) // stores it
	w.loseAll()
	w.remove(w.of("holds/")[0])
	w.want(w.run("rebuild", "--from", w.to, "--json"), 1, map[string]int{"holds": 1, "damaged": 1, "recordings": 3})
	if r := w.run("hold", "list"); !strings.Contains(r.stdout, "every recording") {
		t.Error("the list doesn't say that everything is held")
	}
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 0, "skipped": 3})
}

// What is in the way is refused before anything is read, and nothing is left
// where archive would look for a manifest.
func TestRebuildIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	w.someRecordings(2)
	if r := w.run("rebuild", "--from", w.to); r.code != 2 || !strings.Contains(r.stderr, "contains no archive of vbcvault") {
		t.Error("an empty directory")
	}
	w.want(w.archive("--older-than", "90d"), 0, nil)
	path := w.manifest()
	if r := w.run("rebuild", "--from", w.to); r.code != 2 || !strings.Contains(r.stderr, "overwrites nothing") {
		t.Error("over the manifest")
	}
	was := w.known(path)
	w.loseAll()
	w.place("account=7/kind=company/year=2026/month=05/day=12/20260512T101500Z_1.json", "another account's")
	if r := w.run("rebuild", "--from", w.to); r.code != 2 || !strings.Contains(r.stderr, "549825, 7") {
		t.Error("it doesn't say which accounts there are")
	}
	if r := w.run("rebuild", "--from", w.to, "--account", "8"); r.code != 2 || !strings.Contains(r.stderr, "nothing of account 8") {
		t.Error("an account that isn't there")
	}
	if err := os.WriteFile(path+"-wal", []byte("left of another"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := w.run("rebuild", "--from", w.to, "--account", "549825"); r.code != 2 || !strings.Contains(r.stderr, "-wal belongs to a manifest") {
		t.Error("beside another manifest's -wal")
	}
	if err := os.Remove(path + "-wal"); err != nil {
		t.Fatal(err)
	}
	if found, err := filepath.Glob(filepath.Join(w.state, "*.manifest*")); err != nil || slices.ContainsFunc(found, func(f string) bool { return !strings.HasSuffix(f, ".lock") }) {
		t.Errorf("%v, %v", found, err)
	}
	w.want(w.run("rebuild", "--from", w.to, "--account", "549825", "--json"), 0, map[string]int{"recordings": 2})
	if is := w.known(path); !cmp.Equal(was, is) {
		t.Error(cmp.Diff(was, is))
	}
}

// kill -9 in the middle leaves nothing that could be taken for a manifest, and
// is no obstacle.
func TestRebuildKilled(t *testing.T) {
	t.Parallel()
	var running atomic.Pointer[exec.Cmd]
	var seen atomic.Int64
	w := newWorld(t, vbctest.Config{})
	w.inS3(func(op, _ string, _ *http.Request) *storagetest.S3Fault {
		if cmd := running.Load(); cmd != nil && op == "HeadObject" && seen.Add(1) == 15 {
			w.signal(cmd, syscall.SIGKILL)
		}
		return nil
	})
	all := w.someRecordings(20)
	w.want(w.archive("--older-than", "90d"), 0, nil)
	path := w.manifest()
	was := w.known(w.loseAll())
	cmd := w.command("rebuild", "--from", w.to, "--workers", "2")
	running.Store(cmd)
	if r := w.finish(cmd); r.code != -1 {
		t.Fatalf("it wasn't killed: exit %d", r.code)
	}
	running.Store(nil)
	if found, err := filepath.Glob(filepath.Join(w.state, "*.manifest")); err != nil || len(found) != 0 {
		t.Errorf("%v, %v", found, err)
	}
	if r := w.run("status"); r.code != 2 {
		t.Error("status has taken something for a manifest")
	}
	if r := w.run("verify", "--manifest", path+".unfinished"); r.code != 2 {
		t.Error("verify has taken half a manifest for one")
	}
	w.want(w.run("rebuild", "--from", w.to, "--json"), 0, map[string]int{"recordings": 20})
	if is := w.known(path); !cmp.Equal(was, is) {
		t.Error(cmp.Diff(was, is))
	}
	if found, err := filepath.Glob(path + ".unfinished*"); err != nil || len(found) != 0 {
		t.Errorf("%v is left, %v", found, err)
	}
	w.mustHold(all...)
}

// Bytes that have rotted behind the store's back are found by reading, and large
// recordings need no reading the second time.
func TestRebuildDeep(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inS3(nil)
	all := w.someRecordings(3)
	w.account.Add(vbctest.Recording{ID: 1, Start: all[0].Start.Add(-time.Hour), Size: 11 << 20})
	w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 4})
	w.flip(key(all[1], "mp3"))
	w.loseAll()
	w.want(w.run("rebuild", "--from", w.to, "--json"), 0, map[string]int{"recordings": 4})
	w.proxy.Reset()
	w.want(w.run("verify", "--json"), 0, map[string]int{"whole": 4})
	if n := w.proxy.Count("GetObject"); n != 0 {
		t.Errorf("verify has read %d objects that the store can prove", n)
	}
	w.loseAll()
	w.want(w.run("rebuild", "--from", w.to, "--json", "--deep"), 1, map[string]int{"recordings": 3, "damaged": 1, "listed": 1})
}

// A thousand recordings take no more memory than a hundred.
func TestRebuildOfMany(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("archives 1,000 recordings; not with -short")
	}
	needsPeak(t)
	peaks := map[int]int64{}
	for _, n := range []int{100, 1000} {
		var running atomic.Pointer[exec.Cmd]
		var mu sync.Mutex // guards peaks
		w := newWorld(t, vbctest.Config{})
		w.inS3(func(op, _ string, _ *http.Request) *storagetest.S3Fault {
			if cmd := running.Load(); cmd != nil && op == "HeadObject" {
				mu.Lock()
				defer mu.Unlock()
				peaks[n] = max(peaks[n], peakMemory(w.process(cmd)))
			}
			return nil
		})
		w.someRecordings(n)
		w.want(w.archive("--older-than", "90d", "--delete", "--workers", "16"), 0, map[string]int{"deleted": n})
		w.loseAll()
		cmd := w.command("rebuild", "--from", w.to, "--json", "--progress", "plain")
		running.Store(cmd)
		w.want(w.finish(cmd), 0, map[string]int{"recordings": n, "purged": n})
		running.Store(nil)
		w.account.ResetCounts()
		w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"listed": 0, "downloads": 0})
	}
	t.Logf("peak: %d MiB for 100 recordings, %d MiB for 1,000", peaks[100]>>20, peaks[1000]>>20)
	if more := peaks[1000] - peaks[100]; peaks[100] == 0 || more > 32<<20 {
		t.Errorf("%d MiB more for 1,000 recordings than for 100", more>>20)
	}
}

// Metadata that is damaged or in cold storage doesn't take a call from under the
// hold that covers it.
func TestRebuildDoesNotForgetWhatIsHeld(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	all := w.someRecordings(2)
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 2})
	w.hold(append([]string{"add", "--extension", "101"}, byCounsel...)...)
	w.want(w.archive("--older-than", "90d"), 0, nil)
	w.loseAll()
	w.remove(key(all[0], "json"))
	if r := w.run("rebuild", "--from", w.to); r.code != 1 {
		t.Error("nothing is missing?")
	}
	if r := w.erase("--id", fmt.Sprint(all[0].ID)); r.code != 3 || !strings.Contains(r.stderr, "is under hold 1") {
		t.Error("what is held is erased")
	}
}

// While metadata lies in cold storage, nobody knows what it says: no manifest is
// made, and no recording is called gone.
func TestColdMetadata(t *testing.T) {
	t.Parallel()
	var cold, broken atomic.Bool
	broken.Store(true)
	w := newWorld(t, vbctest.Config{}).inS3(func(op, key string, _ *http.Request) *storagetest.S3Fault {
		if cold.Load() && op == "GetObject" && strings.HasSuffix(key, ".json") && strings.Contains(key, "kind=") {
			return &storagetest.S3Fault{Status: http.StatusForbidden, Code: "InvalidObjectState"}
		}
		return nil
	})
	w.account.Inject(func(r *http.Request) *vbctest.Fault {
		if broken.Load() && isAudio(r) {
			return &vbctest.Fault{Status: 404, Body: `{"msg":"not found","status":404}`}
		}
		return nil
	})
	all := w.someRecordings(1)
	w.want(w.archive("--older-than", "90d"), 1, map[string]int{"failed": 1})
	broken.Store(false)
	older := w.backup()
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 1})
	cold.Store(true)
	w.restore(older)
	w.want(w.archive("--older-than", "90d", "--full-scan"), 1, map[string]int{"failed": 1})
	if r := w.run("list", "--json"); strings.Contains(r.stdout, `"gone"`) {
		t.Error("what is in cold storage is called gone")
	}
	w.loseAll()
	if r := w.run("rebuild", "--from", w.to); r.code != 3 || !strings.Contains(r.stderr, "cold storage") {
		t.Error("a manifest was made, or it isn't said why not")
	}
	cold.Store(false)
	w.want(w.run("rebuild", "--from", w.to, "--json"), 0, map[string]int{"recordings": 1, "purged": 1})
	w.mustHold(all...)
}

// An erasure that broke off is known outside its manifest, from before the first
// object went.
func TestBegunErasureIsKnownOutside(t *testing.T) {
	t.Parallel()
	var erasing atomic.Bool
	w := newWorld(t, vbctest.Config{}).inS3(func(_, key string, r *http.Request) *storagetest.S3Fault {
		if erasing.Load() && r.Method == http.MethodDelete && strings.HasSuffix(key, ".mp3") {
			return &storagetest.S3Fault{Status: http.StatusBadRequest, Code: "InvalidArgument"}
		}
		return nil
	})
	all := w.someRecordings(2)
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 2})
	erasing.Store(true)
	if r := w.erase("--id", fmt.Sprint(all[0].ID)); r.code != 3 {
		t.Fatal("it didn't break off")
	}
	erasing.Store(false)
	w.loseAll()
	w.want(w.run("rebuild", "--from", w.to, "--json"), 0, map[string]int{"recordings": 1, "erased": 1, "begun": 1, "lost": 0})
	if r := w.erase("--id", fmt.Sprint(all[0].ID)); r.code != 0 || len(w.of(fmt.Sprintf("_%d.", all[0].ID))) != 0 {
		t.Error("it doesn't go on")
	}
}

// Holds keep the numbers by which people know them.
func TestRebuildKeepsHoldNumbers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	w.someRecordings(6)
	w.want(w.archive("--older-than", "90d"), 0, nil)
	for i := range 6 {
		w.hold(append([]string{"add", "--id", fmt.Sprint(100001 + i)}, byCounsel...)...)
	}
	w.hold("remove", "3", "--reason", "case closed", "--by", "counsel@example.com")
	w.want(w.archive("--older-than", "90d"), 0, nil)
	before := w.run("hold", "list", "--all").stdout
	w.loseAll()
	w.want(w.run("rebuild", "--from", w.to, "--json"), 0, nil)
	if after := w.run("hold", "list", "--all").stdout; before != after {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
}
