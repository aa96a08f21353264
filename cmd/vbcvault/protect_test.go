package main_test

import (
	"encoding/json"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/storagetest"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// inLockedS3 is inS3 with Object Lock switched on.
func (w *world) inLockedS3(hook func(op, key string, r *http.Request) *storagetest.S3Fault) *world {
	return w.inBucket(hook, func(in *s3.CreateBucketInput) { in.ObjectLockEnabledForBucket = aws.Bool(true) })
}

var forSevenYears = []string{"--older-than", "90d", "--object-lock", "governance", "--retain", "7y"}

// Everything that is stored is locked and tagged, that is part of the proof,
// and the receipts say so.
func TestProtectedArchive(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	class := map[string]bool{} // of each kind of object, with its class
	w := newWorld(t, vbctest.Config{}).inLockedS3(func(op, key string, r *http.Request) *storagetest.S3Fault {
		if op == "PutObject" && !strings.Contains(key, "probe") {
			mu.Lock()
			defer mu.Unlock()
			class[path.Ext(key)+" "+r.Header.Get("X-Amz-Storage-Class")+" "+r.Header.Get("X-Amz-Tagging")] = true
		}
		return nil
	})
	all := transcribed(w, 3)
	if r := w.run("doctor", "--to", w.to, "--object-lock", "governance", "--retain", "7y"); r.code != 0 {
		t.Error("doctor finds something")
	}
	r := w.archive(append(forSevenYears, "--delete", "--storage-class", "STANDARD_IA", "--tag", "department=legal")...)
	w.want(r, 0, map[string]int{"archived": 3, "deleted": 3})
	if !strings.Contains(r.stderr, "Copies are kept locked for 7y (governance), audio in STANDARD_IA, tagged.") {
		t.Error("it doesn't announce how copies are kept")
	}
	mu.Lock()
	for _, want := range []string{".mp3 STANDARD_IA", ".json ", ".jsonl ", ".txt "} { // transcripts are JSON and text
		if !class[want+" department=legal"] || len(class) != 4 {
			t.Errorf("stored as %v", class)
		}
	}
	mu.Unlock()
	store := w.open()
	for _, key := range storagetest.Keys(t, store) { // receipts, too
		o, err := store.Stat(t.Context(), storage.Object{Key: key})
		if err != nil || o.LockedUntil.Before(time.Now().AddDate(7, 0, -1)) {
			t.Errorf("%s is locked until %v, %v", key, o.LockedUntil, err)
		}
	}
	locked := 0
	var text strings.Builder
	for _, key := range w.receipts() {
		text.Write(w.read(key))
	}
	for line := range strings.Lines(text.String()) {
		var e struct{ Audio, Sidecar, Transcript *storage.Object }
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		if e.Audio != nil && !e.Audio.LockedUntil.IsZero() && !e.Sidecar.LockedUntil.IsZero() && (e.Transcript == nil || !e.Transcript.LockedUntil.IsZero()) {
			locked++
		}
	}
	if locked != 3 {
		t.Errorf("%d intents say that the copy is locked", locked)
	}
	w.mustHold(all...)
}

// What was archived without a lock doesn't justify a deletion under one: it is
// locked first, and where that is refused the recording stays.
func TestUnprotectedCopyIsNotPurged(t *testing.T) {
	t.Parallel()
	var refuse atomic.Bool
	refuse.Store(true)
	w := newWorld(t, vbctest.Config{}).inLockedS3(func(_, _ string, r *http.Request) *storagetest.S3Fault {
		if r.URL.Query().Has("retention") && refuse.Load() {
			return &storagetest.S3Fault{Status: http.StatusForbidden, Code: "AccessDenied"}
		}
		return nil
	})
	all := w.someRecordings(3)
	w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 3})
	r := w.archive(append(forSevenYears, "--delete")...)
	w.want(r, 1, map[string]int{"deleted": 0, "failed": 3, "downloads": 0})
	if !strings.Contains(r.stderr, "is not protected as requested") || !strings.Contains(r.stderr, "it is not locked") {
		t.Error("it doesn't say why")
	}
	if len(w.atVBC()) != 3 {
		t.Fatal("something was deleted")
	}
	refuse.Store(false)
	w.want(w.archive(append(forSevenYears, "--delete")...), 0, map[string]int{"deleted": 3, "downloads": 0})
	w.mustHold(all...)
}

// A bucket that ignores what it is asked for is refused before anything is
// downloaded.
func TestBucketWithoutProtection(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inS3(nil)
	w.someRecordings(2)
	for what, args := range map[string][]string{
		"Object Lock is off for this bucket": {"--object-lock", "governance", "--retain", "7y"},
		"doesn't encrypt as requested":       {"--sse", "aws:kms"},
		"403":                                {"--expected-bucket-owner", "123456789012"},
	} {
		r := w.archive(append(slices.Clone(args), "--older-than", "90d", "--delete")...)
		w.want(r, 3, map[string]int{"deleted": 0, "downloads": 0})
		if !strings.Contains(r.stderr, what) {
			t.Errorf("it doesn't say %q", what)
		}
		if _, hint, _ := strings.Cut(r.stderr, "hint: "); what != "403" && !strings.Contains(hint, args[0]) {
			t.Errorf("the hint doesn't name %s", args[0])
		}
		if r := w.run(append([]string{"doctor", "--to", w.to}, args...)...); r.code != 1 || !strings.Contains(r.stdout, what) {
			t.Errorf("doctor doesn't say %q", what)
		}
	}
	if len(w.atVBC()) != 2 || len(w.keys()) != 0 {
		t.Error("something has happened")
	}
}

// A copy that turns out not to be encrypted is no reason to delete; one that is,
// is, and the receipts say so.
func TestUnencryptedCopyIsNotPurged(t *testing.T) {
	t.Parallel()
	var encrypts atomic.Bool
	w := newWorld(t, vbctest.Config{}).inS3(func(op, _ string, r *http.Request) *storagetest.S3Fault {
		h := r.Header
		if op == "PutObject" && !strings.Contains(r.URL.Path, "probe") &&
			(h.Get("X-Amz-Server-Side-Encryption") != "aws:kms" || h.Get("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id") != "alias/recordings") {
			t.Errorf("%s is sent without", r.URL.Path)
		}
		if op == "CreateMultipartUpload" || encrypts.Load() { // it promises, and the HEAD shows otherwise
			return &storagetest.S3Fault{AddHeader: http.Header{"X-Amz-Server-Side-Encryption": {"aws:kms"}, "X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id": {"arn:aws:kms:::key/1"}}}
		}
		return nil
	})
	all := w.someRecordings(2)
	asked := []string{"--older-than", "90d", "--delete", "--sse", "aws:kms", "--kms-key", "alias/recordings"}
	r := w.archive(asked...)
	w.want(r, 1, map[string]int{"deleted": 0, "failed": 2, "downloads": 2})
	if !strings.Contains(r.stderr, "doesn't say that it is encrypted") || len(w.atVBC()) != 2 {
		t.Error("deleted, or not said why")
	}
	if r := w.run("status"); !strings.Contains(r.stdout, "lock or encrypt the copy in the bucket") {
		t.Error("status doesn't say what to do")
	}
	encrypts.Store(true)
	w.want(w.archive(asked...), 0, map[string]int{"deleted": 2, "downloads": 0})
	for _, key := range w.receipts() {
		if text := string(w.read(key)); !strings.Contains(text, `"encryption":"aws:kms"`) {
			t.Errorf("%s doesn't say how copies are encrypted", key)
		}
	}
	w.mustHold(all...)
}
