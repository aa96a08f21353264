//go:build unix

package postgres_test

import (
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres"
	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres/postgrestest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// BenchmarkTransitions says how many steps of recordings a database takes in a second,
// from so many accounts at once with so many workers each. What workers do together is
// committed together, so their number is that of a batch.
func BenchmarkTransitions(b *testing.B) {
	for _, of := range []struct{ accounts, workers int }{{1, 1}, {1, 16}, {1, 128}, {8, 1}, {8, 16}, {8, 128}} {
		b.Run(fmt.Sprintf("accounts=%d/workers=%d", of.accounts, of.workers), func(b *testing.B) {
			s := postgrestest.Shared(b)
			address := s.Database(b)
			manifests := openAll(b, address, of.accounts)
			empty := s.Usage(b, address)
			each := 1000 / of.accounts
			recordings := make([][]vbc.Recording, of.accounts)
			for i, m := range manifests {
				for at := 0; at < each; at += 1000 {
					page := invented(at, min(1000, each-at))
					if _, err := m.Add(b.Context(), 1, page); err != nil {
						b.Fatal(err)
					}
					recordings[i] = append(recordings[i], page...)
				}
			}
			before, begun := s.Usage(b, address), used(b)
			b.ResetTimer()
			var steps atomic.Int64
			var wg sync.WaitGroup
			for i, m := range manifests {
				work := make(chan vbc.Recording)
				for range of.workers {
					wg.Go(func() {
						for r := range work {
							steps.Add(live(b, m, r))
						}
					})
				}
				wg.Go(func() {
					for _, r := range recordings[i] {
						work <- r
					}
					close(work)
				})
			}
			wg.Wait()
			b.StopTimer()
			after, ended := s.Usage(b, address), used(b)
			n := float64(steps.Load())
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(n/b.Elapsed().Seconds(), "steps/s")
			b.ReportMetric(float64(after.Commits-before.Commits)/n, "commits/step")
			b.ReportMetric(float64(after.Bytes-empty.Bytes)/float64(each*of.accounts), "bytes/recording")
			b.ReportMetric(float64((after.CPU-before.CPU).Microseconds())/n, "server-µs/step")
			b.ReportMetric(float64((ended-begun).Microseconds())/n, "client-µs/step")
		})
	}
}

// openAll opens so many manifests of one database for runs.
func openAll(b *testing.B, address string, n int) []*postgres.Manifest {
	b.Helper()
	key, err := receipt.NewKey()
	if err != nil {
		b.Fatal(err)
	}
	all := make([]*postgres.Manifest, n)
	var wg sync.WaitGroup
	for i := range all {
		wg.Go(func() {
			m, err := postgres.Open(b.Context(), postgrestest.Named(address, fmt.Sprint("account-", i)), postgres.WithKey(key.Secret()), postgres.WithMachine("bench"))
			if err == nil {
				err = m.Bind(b.Context(), manifest.Binding{Account: strconv.Itoa(549825 + i)})
			}
			if err != nil {
				b.Error(err)
				return
			}
			all[i] = m
		})
	}
	wg.Wait()
	if b.Failed() {
		b.FailNow()
	}
	b.Cleanup(func() {
		for _, m := range all {
			wg.Go(func() { _ = m.Close() })
		}
		wg.Wait()
	})
	return all
}

// invented are recordings as VBC lists them.
func invented(from, n int) (all []vbc.Recording) {
	for i := range n {
		id := int64(from + i + 1)
		start := day.Add(time.Duration(id) * time.Minute)
		r := vbc.ParseRecording(vbc.Company, "", fmt.Appendf(nil, `{"id":%d,"start":%q,"duration":200000,"file_size_in_bytes":1000,"file_name":"549825.17325550100.%d.mp3",`+
			`"call_direction":"INBOUND","call_id":"c91150a6-8cc4-4e73-9fef-%012d","caller_id":"1732%07d","cnam":"JOHN SMITH","dnis":"12125550100","extensions":["999"],"rule_ids":[1989]}`,
			id, vbc.FormatTime(start), start.UnixMilli(), id, id*7919%10000000))
		r.Account = "549825"
		all = append(all, r)
	}
	return all
}

// live brings a recording from listed to purged, and returns the number of steps.
func live(b *testing.B, m *postgres.Manifest, r vbc.Recording) int64 {
	o := func(key string) storage.Object {
		return storage.Object{Key: key, VersionID: "v", ETag: `"e"`, Checksum: "c-2", Content: storage.Content{Size: 1000, SHA256: storage.SumOf([]byte(key))}}
	}
	c := manifest.Copy{Audio: o(fmt.Sprint(r.ID, ".mp3")), Sidecar: o(fmt.Sprint(r.ID, ".json")), StoredAt: day}
	intent, outcome := receipt.New(receipt.Intent, 1, r), receipt.New(receipt.Result, 1, r)
	intent.Audio, intent.Sidecar, intent.Verified, outcome.Outcome = &c.Audio, &c.Sidecar, day, receipt.Deleted
	all := []func() error{
		func() error { return m.Stored(b.Context(), r, c) },
		func() error { return m.Verified(b.Context(), r, c, day, true) },
		func() error { return m.Purging(b.Context(), r, c, intent, false) },
		func() error { return m.Purged(b.Context(), r, outcome) },
	}
	for _, step := range all {
		if err := step(); err != nil {
			b.Error(err)
		}
	}
	return int64(len(all))
}

// used is the CPU time of this program until now.
func used(b *testing.B) time.Duration {
	b.Helper()
	var me syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &me); err != nil {
		b.Fatal(err)
	}
	return time.Duration(me.Utime.Nano() + me.Stime.Nano())
}

// BenchmarkLeases says what it costs to keep so many accounts, while nothing happens.
func BenchmarkLeases(b *testing.B) {
	for _, n := range []int{10, 100, 500} {
		b.Run(fmt.Sprintf("accounts=%d", n), func(b *testing.B) {
			s := postgrestest.Shared(b)
			address := s.Database(b)
			openAll(b, address, n)
			before, begun := s.Usage(b, address), used(b)
			b.ResetTimer()
			time.Sleep(2 * manifest.RenewEvery)
			b.StopTimer()
			after, ended := s.Usage(b, address), used(b)
			seconds := b.Elapsed().Seconds()
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(after.Connections), "connections")
			b.ReportMetric(float64(after.Commits-before.Commits)/seconds, "commits/s")
			b.ReportMetric((after.CPU-before.CPU).Seconds()/seconds*100, "server-%CPU")
			b.ReportMetric((ended-begun).Seconds()/seconds*100, "client-%CPU")
		})
	}
}
