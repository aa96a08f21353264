//go:build unix

package postgres_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres"
	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres/postgrestest"
)

// holder is the environment variable that has the test binary be another machine: it opens
// the manifest with this address and changes it until its lease is over.
const holder = "VBCVAULT_TEST_HOLDER"

const briefly = 2 * time.Second // a lease's time

func TestMain(m *testing.M) {
	if path := os.Getenv(holder); path != "" {
		beTheHolder(path)
		return
	}
	os.Exit(m.Run())
}

// beTheHolder says "held", then "added" for each change that was done, and why none is any
// more: "lost" if that is since the lease is over.
func beTheHolder(path string) {
	ctx := context.Background()
	m, err := postgres.Open(ctx, path, postgres.WithKey(aKey()), postgres.WithLease(briefly), postgres.WithMachine("a"))
	if err != nil {
		fmt.Println("error", err)
		return
	}
	fmt.Println("held")
	for err == nil {
		if err = m.AddTo(ctx, "a", 1); err == nil {
			fmt.Println("added")
		}
	}
	if _, lost := errors.AsType[*manifest.LeaseError](err); lost && m.Lease().Held() != nil {
		select {
		case <-m.Lease().Lost():
			fmt.Println("lost")
		default:
			fmt.Println("it is lost, and nobody is told")
		}
	} else {
		fmt.Println("error", err)
	}
	_ = m.Close() // what isn't ours isn't given back
}

// A machine stands still in the midst of what it does, until another one has taken over.
// When it goes on, it changes nothing, and knows that its lease is over.
func TestStandsStillPastItsLease(t *testing.T) {
	t.Parallel()
	address := postgrestest.New(t)
	var all sync.WaitGroup
	defer all.Wait()
	for i := range 4 {
		all.Go(func() {
			if err := holderStandsStill(t, postgrestest.Named(address, fmt.Sprint("m", i)), 10*i); err != nil {
				t.Error(err)
			}
		})
	}
}

// holderStandsStill has another process stand still when it has reported so many changes.
func holderStandsStill(t *testing.T, path string, after int) error {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), holder+"="+path, keyOf+"="+aKey())
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return err
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	says := bufio.NewScanner(out)
	for n := -1; n < after; n++ {
		if !says.Scan() || strings.HasPrefix(says.Text(), "error") {
			return fmt.Errorf("it says %q", says.Text())
		}
	}
	if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	m, err := takeOver(t.Context(), path)
	if err != nil {
		return err
	}
	defer m.Close()
	fence, name := m.Lease().Fence()
	if fence != 2 || name == "" {
		return fmt.Errorf("fence %d, holder %q", fence, name)
	}
	before, err := m.Number(t.Context(), "a")
	if err == nil {
		err = m.AddTo(t.Context(), "b", 1)
	}
	if err != nil {
		return err
	}
	if err := cmd.Process.Signal(syscall.SIGCONT); err != nil {
		return err
	}
	reported := after
	last := ""
	for says.Scan() {
		if last = says.Text(); last == "added" {
			reported++
		}
	}
	now, err := m.Number(t.Context(), "a")
	if err != nil || last != "lost" || now != before || reported > now {
		return fmt.Errorf("it was at %d, and is at %d, %w; %d were reported as done; at the end it says %q", before, now, err, reported, last)
	}
	return nil
}

// takeOver opens a manifest as soon as nobody else has its lease.
func takeOver(ctx context.Context, path string) (*postgres.Manifest, error) {
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		m, err := postgres.Open(ctx, path, postgres.WithKey(aKey()), postgres.WithLease(briefly), postgres.WithMachine("b"))
		if !errors.Is(err, manifest.ErrLocked) || time.Now().After(end) {
			return m, err
		}
		if !strings.Contains(err.Error(), `machine "a" has its lease`) && !strings.HasSuffix(err.Error(), manifest.ErrLocked.Error()) {
			return nil, fmt.Errorf("it doesn't say who has the lease: %w", err)
		}
	}
}
