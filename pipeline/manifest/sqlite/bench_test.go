//go:build unix

package sqlite_test

import (
	"fmt"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// BenchmarkLife says what it costs to write down a page of a listing, to bring
// its recordings from listed to purged, and to see them again in a later
// listing.
func BenchmarkLife(b *testing.B) {
	m, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "m"))
	if err != nil {
		b.Fatal(err)
	}
	defer m.Close()
	if err := m.Bind(b.Context(), manifest.Binding{Account: "549825"}); err != nil {
		b.Fatal(err)
	}
	var spent, used [3]time.Duration
	const page = 100
	for n := range b.N {
		var rs []vbc.Recording
		for i := range int64(page) {
			id := int64(n)*page + i + 1
			start := day.Add(time.Duration(id) * time.Minute)
			r := vbc.ParseRecording(vbc.Company, "", fmt.Appendf(nil, `{"id":%d,"start":%q,"duration":200000,"file_size_in_bytes":1000,"file_name":"549825.17325550100.%d.mp3",`+
				`"download_url":"https://api.vonage.com/t/vbc.prod/call_recording/api/audio/recording/%d","call_direction":"INBOUND","call_id":"c91150a6-8cc4-4e73-9fef-%012d",`+
				`"caller_id":"1732%07d","cnam":"JOHN SMITH","dnis":"12125550100","extensions":["999"],"rule_ids":[1989]}`, id, vbc.FormatTime(start), start.UnixMilli(), id, id, id*7919%10000000))
			r.Account = "549825"
			rs = append(rs, r)
		}
		for i, do := range []func(){
			func() { see(b, m, 1, rs) },
			func() { live(b, m, rs) },
			func() { see(b, m, 2, rs) },
		} {
			begin, had := time.Now(), cpu(b)
			do()
			spent[i] += time.Since(begin)
			used[i] += cpu(b) - had
		}
	}
	for i, what := range []string{"listed", "lived", "seen"} {
		b.ReportMetric(float64(spent[i].Microseconds())/float64(b.N*page), "µs-"+what)
		b.ReportMetric(float64(used[i].Microseconds())/float64(b.N*page), "cpu-µs-"+what)
	}
}

func see(b *testing.B, m *sqlite.Manifest, run int64, rs []vbc.Recording) {
	if _, err := m.Add(b.Context(), run, rs); err != nil {
		b.Fatal(err)
	}
}

// live brings recordings from listed to purged, as many workers do.
func live(b *testing.B, m *sqlite.Manifest, rs []vbc.Recording) {
	var wg sync.WaitGroup
	for _, r := range rs {
		wg.Go(func() {
			o := func(key string) storage.Object {
				return storage.Object{Key: key, VersionID: "v", ETag: `"e"`, Checksum: "c-2", Content: storage.Content{Size: 1000, SHA256: storage.SumOf([]byte(key))}}
			}
			c := manifest.Copy{Audio: o(fmt.Sprint(r.ID, ".mp3")), Sidecar: o(fmt.Sprint(r.ID, ".json")), StoredAt: day}
			intent, outcome := receipt.New(receipt.Intent, 1, r), receipt.New(receipt.Result, 1, r)
			intent.Audio, intent.Sidecar, intent.Verified, outcome.Outcome = &c.Audio, &c.Sidecar, day, receipt.Deleted
			for _, step := range []func() error{
				func() error { return m.Stored(b.Context(), r, c) },
				func() error { return m.Verified(b.Context(), r, c, day, true) },
				func() error { return m.Purging(b.Context(), r, c, intent, false) },
				func() error { return m.Purged(b.Context(), r, outcome) },
			} {
				if err := step(); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// cpu is the CPU time of this program until now.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var me syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &me); err != nil {
		b.Fatal(err)
	}
	return time.Duration(me.Utime.Nano() + me.Stime.Nano())
}
