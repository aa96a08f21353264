package s3store_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/s3store"
	"github.com/vbcvault/vbcvault/storage/storagetest"
)

// Every version and delete marker of a key goes, and nothing of a longer one.
func TestEraser(t *testing.T) {
	t.Parallel()
	server := storagetest.StartS3(t)
	for name, versioned := range map[string]bool{"versions": true, "none": false} {
		t.Run(name, func(t *testing.T) {
			bucket, client := server.NewBucket(t), server.Client()
			want := 1
			if versioned {
				want = 4
				_, err := client.PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{Bucket: &bucket,
					VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled}})
				if err != nil {
					t.Fatal(err)
				}
			}
			s := openProtected(t, server, bucket, server.URL, s3store.Protection{})
			mustPut(t, s, "a/1", 10, storage.Attrs{})
			if versioned { // three versions, and a marker between them
				for range 2 {
					if _, err := client.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &bucket, Key: aws.String("calls/a/1")}); err != nil {
						t.Fatal(err)
					}
					if _, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: aws.String("calls/a/1")}); err != nil {
						t.Fatal(err)
					}
				}
				want++
			}
			longer := mustPut(t, s, "a/12", 10, storage.Attrs{})
			mustPut(t, s, "a/1-0", 10, storage.Attrs{})
			if _, err := client.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &bucket, Key: aws.String("calls/a/1-0")}); err != nil {
				t.Fatal(err)
			}
			e := s3store.NewEraser(s)
			keys := []string{"a/1", "a/12"}
			if versioned {
				keys = []string{"a/1", "a/1-0", "a/12"} // of which one is below a marker
			}
			if has, err := e.Keys(t.Context(), "a/1", nil); err != nil || !slices.Equal(has, keys) {
				t.Errorf("keys %q, %v; want %q", has, err, keys)
			}
			if has, err := e.Keys(t.Context(), "a/", func(key string) bool { return key == "a/12" }); err != nil || !slices.Equal(has, []string{"a/12"}) {
				t.Errorf("keys that are wanted: %q, %v", has, err)
			}
			versions, err := e.Versions(t.Context(), "a/1")
			if err != nil || len(versions) != (want+1)/2 || versions[len(versions)-1].Size != 10 || versioned && versions[0].Size != 0 {
				t.Errorf("versions %+v, %v; want the newest first, and no markers", versions, err)
			} else if text, err := s.Open(t.Context(), versions[len(versions)-1]); err != nil {
				t.Errorf("the oldest can't be read: %v", err)
			} else if err := text.Close(); err != nil {
				t.Error(err)
			}
			if err := e.Retained(t.Context(), "a/1"); err != nil {
				t.Errorf("retained: %v", err)
			}
			if n, err := e.Erase(t.Context(), "a/1"); n != want || err != nil {
				t.Errorf("%d versions were erased, %v; want %d", n, err, want)
			}
			if n, err := e.Erase(t.Context(), "a/1"); n != 0 || err != nil {
				t.Errorf("again: %d, %v", n, err)
			}
			if left := server.Keys(t, bucket); len(left) != 1 {
				t.Errorf("the bucket holds %q", left)
			}
			mustStat(t, s, longer)
		})
	}
}

// What S3 itself holds is retained without an end.
func TestEraserHeeds(t *testing.T) {
	t.Parallel()
	server := storagetest.StartS3(t)
	bucket := lockedBucket(t, server)
	s := openProtected(t, server, bucket, server.URL, s3store.Protection{})
	o := mustPut(t, s, "k", 10, storage.Attrs{})
	_, err := server.Client().PutObjectLegalHold(t.Context(), &s3.PutObjectLegalHoldInput{Bucket: &bucket, Key: aws.String("calls/k"),
		LegalHold: &types.ObjectLockLegalHold{Status: types.ObjectLockLegalHoldStatusOn}})
	if err != nil {
		t.Fatal(err)
	}
	held, ok := errors.AsType[*storage.RetainedError](s3store.NewEraser(s).Retained(t.Context(), "k"))
	if !ok || !held.Until.IsZero() {
		t.Errorf("%v", held)
	}
	mustStat(t, s, o)
}
