package s3store_test

import (
	"flag"
	"fmt"
	"strings"
	"testing"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/s3store"
	"github.com/vbcvault/vbcvault/storage/storagetest"
)

var servers = flag.String("dialects", "", "also try the conformance suite on these servers (or all), which are built first")

// The conformance suite on other real servers; see make dialects.
func TestConformanceOfOtherServers(t *testing.T) {
	if *servers == "" {
		t.Skip("builds three large servers; make dialects")
	}
	for _, name := range storagetest.Dialects {
		if *servers != "all" && !strings.Contains(*servers, name) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			server := storagetest.StartDialect(t, name)
			storagetest.Run(t, func(t *testing.T) (storage.Destination, func(*testing.T, string)) {
				bucket := server.NewBucket(t)
				return openAt(t, s3store.Options{Bucket: bucket, Prefix: "x", AWS: server.Config(server.URL), AskConditions: true}), func(t *testing.T, key string) {
					storagetest.Overwrite(t, server, bucket, "x/"+key)
				}
			})
			s := openAt(t, s3store.Options{Bucket: server.NewBucket(t), AWS: server.Config(server.URL), AskConditions: true})
			for _, f := range s.Diagnose(t.Context()) {
				t.Logf("%v %s: %s", f.Level, f.Check, f.Means)
			}
			for _, b := range [][]byte{small(), large()} {
				o, err := put(t, s, fmt.Sprint(len(b)), b)
				if err != nil {
					t.Fatal(err)
				}
				has, err := s.Stat(t.Context(), o)
				t.Logf("%d bytes are proven by %s, %v", len(b), has.Proof, err)
			}
		})
	}
}
