//go:build unix

package postgres_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres"
	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres/postgrestest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
)

// holdsLeases is set for a process of these tests that is a machine with the leases of
// manifests: an address, a key and how many.
const holdsLeases = "VBCVAULT_TEST_HOLDS_LEASES"

// BenchmarkTakeOver kills a machine that works on so many accounts, at a random moment, and
// says after how long another one has them that tries each second; and after how long, if
// it gives them back in order.
func BenchmarkTakeOver(b *testing.B) {
	const accounts = 20
	for _, how := range []string{"killed", "stopped"} {
		b.Run(how, func(b *testing.B) {
			address := postgrestest.New(b)
			k, err := receipt.NewKey()
			if err != nil {
				b.Fatal(err)
			}
			machine := exec.Command(os.Args[0], "-test.run", "^TestMachineWithLeases$", "-test.timeout", "0")
			machine.Env = append(os.Environ(), fmt.Sprintf("%s=%s %s %d", holdsLeases, address, k.Secret(), accounts))
			in, err := machine.StdinPipe()
			if err != nil {
				b.Fatal(err)
			}
			out, err := machine.StdoutPipe()
			if err != nil {
				b.Fatal(err)
			}
			if err := machine.Start(); err != nil {
				b.Fatal(err)
			}
			for lines := bufio.NewScanner(out); lines.Scan() && lines.Text() != "ready"; {
				b.Log(lines.Text())
			}
			time.Sleep(rand.N(manifest.RenewEvery))
			ended := time.Now()
			if how == "killed" {
				_ = machine.Process.Kill()
			} else {
				_ = in.Close()
			}
			var mu sync.Mutex
			var all []time.Duration
			var wg sync.WaitGroup
			for i := range accounts {
				wg.Go(func() {
					m, err := another(b.Context(), postgrestest.Named(address, fmt.Sprint("account-", i)), k.Secret())
					if err != nil {
						b.Error(err)
						return
					}
					defer m.Close()
					mu.Lock()
					all = append(all, time.Since(ended))
					mu.Unlock()
				})
			}
			wg.Wait()
			_ = machine.Wait()
			slices.Sort(all)
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(all[len(all)/2].Seconds(), "median-s")
			b.ReportMetric(all[len(all)-1].Seconds(), "worst-s")
		})
	}
}

// another takes a manifest's lease as soon as it can.
func another(ctx context.Context, path, key string) (*postgres.Manifest, error) {
	for {
		m, err := postgres.Open(ctx, path, postgres.WithKey(key), postgres.WithMachine("another"))
		if !errors.Is(err, manifest.ErrLocked) {
			return m, err
		}
		time.Sleep(time.Second)
	}
}

// TestMachineWithLeases is no test: it is the machine of BenchmarkTakeOver, until it is
// killed or its standard input ends.
func TestMachineWithLeases(t *testing.T) {
	given, ok := os.LookupEnv(holdsLeases)
	if !ok {
		t.Skip("this is a process that another test starts")
	}
	var address, key string
	var n int
	if _, err := fmt.Sscan(given, &address, &key, &n); err != nil {
		t.Fatal(err)
	}
	var all []*postgres.Manifest
	for i := range n {
		m, err := postgres.Open(t.Context(), postgrestest.Named(address, fmt.Sprint("account-", i)), postgres.WithKey(key), postgres.WithMachine("one"))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
	}
	fmt.Println("ready")
	_, _ = bufio.NewReader(os.Stdin).ReadByte()
	for _, m := range all {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
}
