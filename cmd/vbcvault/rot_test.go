package main_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/vbcvault/vbcvault/storage/storagetest"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// A copy has rotted on the disk of a server that remembers the checksum of what
// arrived. However that was read and found: the next run, whatever its options,
// archives the recording anew, and nothing is deleted on the server's word.
func TestRottenCopyIsArchivedAnew(t *testing.T) {
	t.Parallel()
	for name, finds := range map[string]func(w *world, all []vbctest.Recording){
		"verify --deep": func(w *world, _ []vbctest.Recording) {
			w.want(w.run("verify", "--deep", "--json"), 1, map[string]int{"damaged": 1})
		},
		"verify --deep, then verify and diff --fix by the server's word": func(w *world, _ []vbctest.Recording) {
			w.want(w.run("verify", "--deep", "--json"), 1, map[string]int{"damaged": 1})
			w.want(w.run("verify", "--json"), 1, map[string]int{"damaged": 1})
			w.want(w.run("diff", "--fix", "--json"), 1, map[string]int{"damaged": 1})
		},
		"restore": func(w *world, _ []vbctest.Recording) {
			w.want(w.run("restore", "--all", "--out", w.t.TempDir(), "--json"), 1, map[string]int{"failed": 1})
		},
		"restore to stdout": func(w *world, all []vbctest.Recording) {
			w.want(w.run("restore", "--id", "100001", "--out", "-"), 1, nil)
		},
		"rebuild --deep": func(w *world, _ []vbctest.Recording) {
			w.loseAll()
			w.want(w.run("rebuild", "--from", w.to, "--deep", "--json"), 1, map[string]int{"damaged": 1})
		},
		"the manifest is lost, and the run itself reads": func(w *world, _ []vbctest.Recording) {
			w.loseAll()
			w.archive("--older-than", "90d", "--delete") // rotten metadata isn't adopted; rotten audio fails, and is archived anew by the next run
		},
		"nobody, before the run that deletes": func(*world, []vbctest.Recording) {},
	} {
		for what, ending := range map[string]string{"audio": "mp3", "metadata": "json"} {
			if ending == "json" && strings.Contains(name, "stdout") || testing.Short() && !strings.HasPrefix(name, "nobody") {
				continue // which is the audio alone
			}
			t.Run(name+"/"+what, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, vbctest.Config{}).inS3(nil)
				all := w.someRecordings(3)
				w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 3})
				w.flip(key(all[0], ending))
				finds(w, all)
				if !strings.HasPrefix(name, "nobody") && !strings.Contains(name, "itself") {
					w.account.ResetCounts()
					w.want(w.archive("--older-than", "90d"), 0, map[string]int{"failed": 0})
					// After a rebuild nobody knows that the rotten object was ours: it stays,
					// and the whole one goes beside it.
					most := 1
					if strings.HasPrefix(name, "rebuild") {
						most = 2
					}
					if n := w.account.Counts().ByKind[vbctest.Audio]; n < 1 || n > most {
						t.Errorf("%d downloads, want that of the one that has rotted", n)
					}
					w.want(w.run("verify", "--deep", "--json"), 0, map[string]int{"damaged": 0, "lost": 0})
				}
				r := w.archive("--older-than", "90d", "--delete")
				w.want(r, 0, map[string]int{"failed": 0})
				if left := w.account.Recordings(); len(left) != 0 {
					t.Errorf("%d are left at VBC", len(left))
				}
				for _, rec := range all {
					if !w.has(rec) {
						t.Errorf("LOST: recording %d", rec.ID)
					}
				}
				w.want(w.run("verify", "--deep", "--json"), 0, map[string]int{"damaged": 0, "lost": 0, "whole": 3})
				w.want(w.archive("--older-than", "90d", "--delete"), 0, nil)
			})
		}
	}
}

// What VBC has no more, and was read and found wrong, stays lost until a reading
// finds it whole.
func TestRottenOnlyCopyStaysLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inS3(nil)
	all := w.someRecordings(2)
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 2})
	w.flip(key(all[0], "mp3"))
	w.want(w.run("verify", "--json"), 0, map[string]int{"whole": 2}) // the server's word
	w.want(w.run("restore", "--all", "--out", t.TempDir(), "--json"), 1, map[string]int{"failed": 1})
	w.want(w.run("verify", "--json"), 1, map[string]int{"lost": 1})
	w.want(w.run("diff", "--json"), 1, map[string]int{"lost": 1})
	w.flip(key(all[0], "mp3"))
	w.want(w.run("verify", "--json"), 0, map[string]int{"whole": 2})
	w.want(w.run("diff", "--json"), 0, map[string]int{"lost": 0})
}

// Copies of earlier runs are read once more before their recordings are deleted,
// those of this run are not; --read-back says otherwise. VBC is asked for nothing
// more.
func TestReadBack(t *testing.T) {
	t.Parallel()
	const n = 5
	for flag, want := range map[string][2]int{"auto": {0, n}, "always": {n, n}, "never": {0, 0}} {
		t.Run(flag, func(t *testing.T) {
			for i, earlier := range []bool{false, true} {
				w := newWorld(t, vbctest.Config{}).inS3(nil)
				all := w.someRecordings(n)
				if earlier {
					w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": n})
				}
				w.proxy.Reset()
				w.account.ResetCounts()
				r := w.archive("--older-than", "90d", "--delete", "--read-back", flag)
				w.want(r, 0, map[string]int{"deleted": n, "read_back": want[i]})
				if got := w.proxy.Count("GetObject"); got != 2*want[i] {
					t.Errorf("earlier %v: %d objects were read, want %d", earlier, got, 2*want[i])
				}
				if c := w.account.Counts(); c.Total > 4+2*n {
					t.Errorf("earlier %v: %v", earlier, c.ByKind)
				}
				w.mustHold(all...)
			}
		})
	}
}

// The copy is another object when it is proven than when it was read: it is read
// again.
func TestReplacedBetweenReadingAndProof(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{})
	var replace func(key string)
	w.inS3(func(op, key string, r *http.Request) *storagetest.S3Fault {
		if replace != nil && op == "GetObject" && strings.HasSuffix(key, ".json") {
			replace(key)
		}
		return nil
	})
	all := w.someRecordings(1)
	w.want(w.archive("--older-than", "90d"), 0, map[string]int{"archived": 1})
	client, bucket := storagetest.StartS3(t).Client(), strings.Split(w.to, "/")[2]
	replace = func(string) { // when the audio has been read
		replace = nil
		if _, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: aws.String("calls/" + key(all[0], "mp3")), Body: strings.NewReader("another")}); err != nil {
			t.Error(err)
		}
	}
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 1, "failed": 0})
	w.mustHold(all...)
}
