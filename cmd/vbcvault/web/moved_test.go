package web_test

import (
	"bytes"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/s3store"
	"github.com/vbcvault/vbcvault/storage/storagetest"
)

// inS3 is a bucket of the real server, through a proxy.
func inS3(t testing.TB, hook func(op, key string, r *http.Request) *storagetest.S3Fault) (open func(testing.TB) storage.Destination, bucket string, proxy *storagetest.S3Proxy) {
	t.Helper()
	server := storagetest.StartS3(t)
	bucket, proxy = server.NewBucket(t), server.Proxy(t, hook)
	return func(t testing.TB) storage.Destination {
		s, err := s3store.Open(t.Context(), s3store.Options{Bucket: bucket, AWS: server.Config(proxy.URL)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}, bucket, proxy
}

// Each range that a player asks for is one range that S3 is asked for.
func TestPlayingFromS3(t *testing.T) {
	t.Parallel()
	asked := make(chan string, 100)
	open, _, proxy := inS3(t, func(op, _ string, r *http.Request) *storagetest.S3Fault {
		if op == "GetObject" {
			asked <- r.Header.Get("Range")
		}
		return nil
	})
	p, _ := player(t, pageOptions{Open: open})
	audio := audioOf(t, p, "acme", 193228)
	proxy.Reset()
	for len(asked) > 0 {
		<-asked
	}
	a := p.ask(http.MethodGet, firstCall+"/audio", "Range", "bytes=100-199").want(t, http.StatusPartialContent)
	if a.Text != string(audio[100:200]) || proxy.Count("") != 1 || <-asked != "bytes=100-199" {
		t.Errorf("%d bytes, %d requests", len(a.Text), proxy.Count(""))
	}
}

// What was copied under the same name by somebody else, ETag and version included, is
// played as long as it is the same; other bytes aren't.
func TestPlayingWhatWasMoved(t *testing.T) {
	t.Parallel()
	open, bucket, proxy := inS3(t, nil)
	p, h := player(t, pageOptions{Open: open})
	row, client := rowOf(t, p, 193228), storagetest.StartS3(t).Client()
	key, audio := row.Copy.Audio.Key, audioOf(t, p, "acme", 193228)
	upload, err := client.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: &bucket, Key: &key})
	if err != nil {
		t.Fatal(err)
	}
	part, err := client.UploadPart(t.Context(), &s3.UploadPartInput{Bucket: &bucket, Key: &key, UploadId: upload.UploadId, PartNumber: new(int32(1)), Body: bytes.NewReader(audio)})
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.CompleteMultipartUpload(t.Context(), &s3.CompleteMultipartUploadInput{Bucket: &bucket, Key: &key, UploadId: upload.UploadId,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: []types.CompletedPart{{ETag: part.ETag, PartNumber: new(int32(1))}}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{0, 1} { // the second time, it is known
		if a := p.ask(http.MethodGet, firstCall+"/audio", "Range", "bytes=5-9").want(t, http.StatusPartialContent); a.Text != string(audio[5:10]) {
			t.Errorf("%d bytes", len(a.Text))
		}
		if want == 0 {
			proxy.Reset()
		} else if n := proxy.Count(""); n != 1 {
			t.Errorf("%d requests the second time", n)
		}
	}
	storagetest.Overwrite(t, storagetest.StartS3(t), bucket, key)
	before := len(h.all())
	p.ask(http.MethodGet, "/call/acme/company/-/193228/0/audio", "Range", "bytes=0-4").want(t, http.StatusBadGateway, "The audio is damaged")
	if n := len(h.all()); n != before || before != 1 {
		t.Errorf("%d listenings", n)
	}
}
