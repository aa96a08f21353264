package main_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/storagetest"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// A byte that changes on its way into the store is noticed there: nothing is
// stored or deleted, and the next run heals it.
func TestFlippedUpload(t *testing.T) {
	t.Parallel()
	for _, ending := range []string{".mp3", ".json"} {
		flipped := map[string]bool{}
		w := newWorld(t, vbctest.Config{}).inS3(func(op, key string, _ *http.Request) *storagetest.S3Fault {
			if op == "PutObject" && strings.HasSuffix(key, ending) && !flipped[key] {
				flipped[key] = true
				return &storagetest.S3Fault{FlipBody: true}
			}
			return nil
		})
		all := w.someRecordings(3)
		w.want(w.archive("--older-than", "90d", "--delete"), 1, map[string]int{"archived": 0, "deleted": 0, "failed": 3})
		w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"archived": 3, "deleted": 3})
		w.mustHold(all...)
	}
}

// The store has taken the upload, and its answer is lost: what the next try
// finds there (412) is the copy, and is adopted.
func TestLostAnswerOfAPut(t *testing.T) {
	t.Parallel()
	lost := map[string]bool{}
	w := newWorld(t, vbctest.Config{}).inS3(func(op, key string, _ *http.Request) *storagetest.S3Fault {
		if op == "PutObject" && !strings.Contains(key, "probe") && !lost[key] {
			lost[key] = true
			return &storagetest.S3Fault{Apply: true, Reset: true}
		}
		return nil
	})
	all := w.someRecordings(4)
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 4})
	w.mustHold(all...)
	if keys := w.keys(); len(keys) != 8 || w.account.Counts().ByKind[vbctest.Audio] != 4 {
		t.Errorf("%q, %v", keys, w.account.Counts().ByKind)
	}
}

// The copy changes after it was verified: noticed right before the purge.
func TestCopyChangesBeforeThePurge(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inS3(nil)
	all := w.someRecordings(4)
	w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 4})
	client, bucket := storagetest.StartS3(t).Client(), strings.Split(w.to, "/")[2]
	for i, body := range []string{"another", ""} {
		name := aws.String("calls/" + key(all[i], "mp3"))
		if _, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: name, Body: strings.NewReader(body)}); err != nil {
			t.Fatal(err)
		}
	}
	for _, ending := range []string{"mp3", "json"} {
		if _, err := client.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &bucket, Key: aws.String("calls/" + key(all[2], ending))}); err != nil {
			t.Fatal(err)
		}
	}
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 4, "failed": 0})
	w.mustHold(all...)
}

// A bucket with versions: what lies below a delete marker is no copy.
func TestVersionedBucket(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inS3(nil)
	client, bucket := storagetest.StartS3(t).Client(), strings.Split(w.to, "/")[2]
	_, err := client.PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{Bucket: &bucket,
		VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled}})
	if err != nil {
		t.Fatal(err)
	}
	all := w.someRecordings(3)
	w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 3})
	if _, err := client.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &bucket, Key: aws.String("calls/" + key(all[0], "mp3"))}); err != nil {
		t.Fatal(err)
	}
	w.account.ResetCounts()
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 3})
	w.mustHold(all[1:]...)
	// This server won't have the key again, Amazon's will: it lies there, or
	// beside it.
	has := 0
	for _, k := range w.keys() {
		if strings.HasPrefix(k, strings.TrimSuffix(key(all[0], "mp3"), ".mp3")) && strings.HasSuffix(k, ".mp3") {
			if o, err := w.open().Stat(t.Context(), storage.Object{Key: k}); err == nil && o.SHA256 == storage.Digest(all[0].SHA256()) {
				has++
			}
		}
	}
	if n := w.account.Counts().ByKind[vbctest.Audio]; has != 1 || n > 2 {
		t.Errorf("%d copies, and %d downloads, of the one that was deleted in the bucket", has, n)
	}
}

// A bucket that locks whatever comes in, for a while.
func TestDefaultObjectLock(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inS3(nil)
	server := storagetest.StartS3(t)
	bucket := server.NewBucket(t, func(in *s3.CreateBucketInput) { in.ObjectLockEnabledForBucket = aws.Bool(true) })
	_, err := server.Client().PutObjectLockConfiguration(t.Context(), &s3.PutObjectLockConfigurationInput{Bucket: &bucket,
		ObjectLockConfiguration: &types.ObjectLockConfiguration{ObjectLockEnabled: types.ObjectLockEnabledEnabled,
			Rule: &types.ObjectLockRule{DefaultRetention: &types.DefaultRetention{Mode: types.ObjectLockRetentionModeGovernance, Days: aws.Int32(1)}}}})
	if err != nil {
		t.Fatal(err)
	}
	w.to = "s3://" + bucket
	w.account.Add(vbctest.Recording{ID: 1, Start: time.Now().AddDate(-1, 0, 0).Truncate(time.Second), Size: 6 << 20})
	w.someRecordings(2)
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 3, "failed": 0})
	if keys := server.Keys(t, bucket); len(keys) != 8 { // with receipts, and the key that signs them
		t.Errorf("%q", keys)
	}
}
