package main_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/storagetest"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// A store cuts off objects right after it has accepted them, or says besides that it
// has not, for an hour; then it behaves. Whatever lay under which name: the second
// run after that is done, everything is archived and deleted at VBC, and nothing
// damaged lies anywhere, be it audio, metadata, transcripts, receipts, or holds.
func TestDamagedRightAfterItWasStored(t *testing.T) {
	t.Parallel()
	notShort(t, "waits for a server in trouble")
	for name, fails := range map[string]bool{"and says that all is well": false, "and says that it failed": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, vbctest.Config{})
			var trouble atomic.Int64 // each so many-th object
			var puts, damaged atomic.Int64
			w.inS3(func(op, key string, r *http.Request) *storagetest.S3Fault {
				every := trouble.Load()
				if every == 0 || !strings.Contains(key, "account=") || op != "PutObject" && op != "CompleteMultipartUpload" || puts.Add(1)%every != 0 {
					return nil
				}
				f := &storagetest.S3Fault{After: func(status int) {
					if status == http.StatusOK {
						damaged.Add(1)
						storagetest.Truncate(t, storagetest.StartS3(t).Path(strings.Split(w.to, "/")[2], key))
					}
				}}
				if fails {
					f.Apply, f.Status, f.Code = true, 500, "InternalError"
				}
				return f
			})
			all := w.someRecordings(9)
			large := vbctest.Recording{ID: 200001, Start: all[0].Start.AddDate(0, 0, -1), Size: 5<<20 + 1000}
			spoken := vbctest.Recording{ID: 200002, Start: large.Start.AddDate(0, 0, -1), Size: 5000, Transcript: "Good morning"}
			w.account.Add(large, spoken)
			all = slices.Clone(w.account.Recordings())
			for i, every := range []int64{2, 3} {
				trouble.Store(every)
				args := []string{"--older-than", "90d", "--max-failures", "0", "--catalog"}
				if i > 0 {
					w.want(w.run("hold", "add", "--id", "4711", "--reason", "a matter", "--by", "counsel"), 0, nil)
					args = append(args, "--delete")
				}
				w.archive(args...)
			}
			trouble.Store(0)
			if damaged.Load() < 15 {
				t.Errorf("%d objects were damaged, which tests little", damaged.Load())
			}
			w.archive("--older-than", "90d", "--delete", "--catalog")
			w.want(w.archive("--older-than", "90d", "--delete", "--catalog"), 0, map[string]int{"failed": 0})
			if left := w.account.Recordings(); len(left) != 0 {
				t.Errorf("%d are left at VBC", len(left))
			}
			w.mustHold(all...)
			w.tidy(all)
		})
	}
}

// tidy fails unless the archive holds just these recordings, whole, under their own
// names, and nothing else is damaged.
func (w *world) tidy(all []vbctest.Recording) {
	w.t.Helper()
	var want []string
	for _, r := range all {
		want = append(want, key(r, "mp3"), key(r, "json"))
		if r.Transcript != "" {
			want = append(want, key(r, "transcript.txt"))
		}
	}
	slices.Sort(want)
	got := slices.DeleteFunc(w.keys(), func(key string) bool { return !strings.HasPrefix(key, "account=") })
	if !slices.Equal(got, want) {
		w.t.Errorf("the archive holds %q, want %q", got, want)
	}
	for _, k := range got {
		if strings.HasSuffix(k, ".json") && !json.Valid(w.read(k)) {
			w.t.Errorf("%s is damaged", k)
		}
	}
	w.want(w.run("verify", "--deep", "--json"), 0, map[string]int{"damaged": 0, "lost": 0, "whole": len(all)})
	w.want(w.run("diff", "--json"), 0, map[string]int{"unknown": 0, "beside": 0, "begun": 0})
	w.want(w.run("audit", "--json"), 0, nil)
}

// Receipts were damaged right after they were stored, once. Their name is theirs:
// the next run puts the true ones there.
func TestDamagedReceiptsAreReplaced(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{})
	var trouble atomic.Bool
	w.inS3(func(op, key string, r *http.Request) *storagetest.S3Fault {
		if !trouble.Load() || op != "PutObject" || !strings.Contains(key, "receipts/") {
			return nil
		}
		return &storagetest.S3Fault{After: func(int) {
			storagetest.Truncate(t, storagetest.StartS3(t).Path(strings.Split(w.to, "/")[2], key))
		}}
	})
	all := w.someRecordings(2)
	trouble.Store(true)
	w.want(w.archive("--older-than", "90d", "--delete"), 1, map[string]int{"deleted": 2})
	w.want(w.archive("--older-than", "90d", "--delete"), 1, nil)
	trouble.Store(false)
	w.want(w.archive("--older-than", "90d", "--delete"), 0, nil)
	w.tidy(all)
}

// What somebody else has put under a recording's names stays, whatever it is, under
// the name beside as well; the recording goes under the next that is free.
func TestAnotherOnesObjectStays(t *testing.T) {
	t.Parallel()
	for _, to := range []string{"directory", "s3"} {
		t.Run(to, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, vbctest.Config{})
			if to == "s3" {
				w.inS3(nil)
			} else {
				w.inDir()
			}
			all := w.someRecordings(2)
			store := w.open()
			theirs := map[string]string{
				key(all[0], "mp3"):  "another one's only copy",
				key(all[0], "json"): "another one's notes",
				key(all[1], "json"): `{"format":1,"size":1}`,
			}
			for k, text := range theirs {
				if _, err := store.Put(t.Context(), k, storage.Body{Reader: strings.NewReader(text)}, storage.Attrs{}); err != nil {
					t.Fatal(err)
				}
			}
			w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 2, "failed": 0})
			for k, text := range theirs {
				if got := string(w.read(k)); got != text {
					t.Errorf("%s is %q now, want it untouched", k, got)
				}
			}
			for _, r := range all {
				if !w.has(r) {
					t.Errorf("LOST: recording %d", r.ID)
				}
			}
			w.want(w.run("verify", "--deep", "--json"), 0, map[string]int{"whole": 2})
		})
	}
}

// A server that lists uploads only by their exact key, or not at all: what a killed
// run has begun is aborted by what the manifest knows of it.
func TestUploadsOfAKilledRunAreAborted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{})
	parts := make(chan struct{}, 100)
	var hold atomic.Bool
	w.inS3(func(op, key string, r *http.Request) *storagetest.S3Fault {
		switch {
		case op == "ListMultipartUploads":
			return &storagetest.S3Fault{Status: 501, Code: "NotImplemented"}
		case op == "UploadPart" && hold.Load():
			parts <- struct{}{}
			return &storagetest.S3Fault{Status: 503, Code: "SlowDown"} // so that it goes on trying
		}
		return nil
	})
	all := w.someRecordings(1)
	for i := range 3 {
		w.account.Add(vbctest.Recording{ID: int64(300001 + i), Start: all[0].Start.AddDate(0, 0, -i), Size: 11 << 20})
	}
	hold.Store(true)
	cmd := w.command("archive", "--to", w.to, "--json", "--older-than", "90d")
	done := make(chan result)
	go func() { done <- w.finish(cmd) }()
	for range 3 {
		<-parts
	}
	if err := w.process(cmd).Kill(); err != nil {
		t.Fatal(err)
	}
	<-done
	w.proxy.Idle()
	hold.Store(false)
	if n := w.openUploads(); n == 0 {
		t.Fatal("the killed run has left no upload, which tests nothing")
	}
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"failed": 0})
	if n := w.openUploads(); n != 0 {
		t.Errorf("%d uploads are open for ever", n)
	}
	// What has ended is forgotten: nothing is aborted twice.
	w.proxy.Reset()
	w.want(w.archive("--older-than", "90d", "--delete"), 0, nil)
	if n := w.proxy.Count("AbortMultipartUpload"); n != 0 {
		t.Errorf("%d uploads are aborted once more", n)
	}
}

// openUploads counts the uploads that the server has, by asking it directly.
func (w *world) openUploads() (n int) {
	w.t.Helper()
	for _, err := range w.open().Unfinished(w.t.Context(), "") {
		if err != nil {
			w.t.Fatal(err)
		}
		n++
	}
	return n
}

// Without hard links a crash leaves locks, and anywhere temporary files, in every
// part of the archive. The next run removes them.
func TestLocksAndFilesOfACrashAreTidiedEverywhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	w.someRecordings(1)
	w.want(w.archive("--older-than", "90d"), 0, nil)
	dir := strings.TrimPrefix(w.to, "file://")
	var left []string
	for i, part := range []string{"account=549825", "receipts/account=549825/chain=X", "holds/account=549825", "erasures/account=549825", "catalog/account=549825/year=2026/month=05"} {
		for _, name := range []string{".vbcvault-tmp-lock-0123456789abcdef", fmt.Sprint(".vbcvault-tmp-", i)} {
			file := filepath.Join(dir, part, name)
			if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte("a caller's number"), 0o600); err != nil {
				t.Fatal(err)
			}
			left = append(left, file)
		}
	}
	other := filepath.Join(dir, "holds/account=1", ".vbcvault-tmp-lock-0123456789abcdef")
	if err := os.MkdirAll(filepath.Dir(other), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(other, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	w.account.Add(vbctest.Recording{ID: 200001, Start: time.Now().UTC().AddDate(-1, 0, -1), Size: 1000})
	w.want(w.archive("--older-than", "90d", "--full-scan"), 0, nil)
	for _, file := range left {
		if _, err := os.Stat(file); err == nil {
			t.Errorf("%s is still there", file)
		}
	}
	if _, err := os.Stat(other); err != nil {
		t.Errorf("another account's: %v", err)
	}
}

// A copy was read and found wrong, and lies in cold storage by now, as do all that
// are written: nothing can be read. The recording is archived anew in its place,
// once, and the store's checksum of what this run has sent counts.
func TestRefutedCopyInColdStorageIsReplaced(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{})
	var cold atomic.Bool
	w.inS3(func(op, key string, r *http.Request) *storagetest.S3Fault {
		if cold.Load() && op == "GetObject" && strings.HasSuffix(key, ".mp3") {
			return &storagetest.S3Fault{Status: http.StatusForbidden, Code: "InvalidObjectState"}
		}
		return nil
	})
	all := w.someRecordings(2)
	w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 2})
	w.flip(key(all[0], "mp3"))
	w.want(w.run("verify", "--deep", "--json"), 1, map[string]int{"damaged": 1})
	cold.Store(true)
	w.account.ResetCounts()
	w.want(w.archive("--older-than", "90d", "--full-scan"), 0, map[string]int{"failed": 0})
	w.want(w.archive("--older-than", "90d", "--full-scan"), 0, map[string]int{"failed": 0})
	if n := w.account.Counts().ByKind[vbctest.Audio]; n != 1 {
		t.Errorf("%d downloads, want one", n)
	}
	w.want(w.run("verify", "--json"), 0, map[string]int{"damaged": 0})
	w.want(w.archive("--older-than", "90d", "--delete", "--read-back", "never"), 0, map[string]int{"deleted": 2})
	w.mustHold(all...)
	cold.Store(false)
	w.tidy(all)
}
