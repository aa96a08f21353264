//go:build unix

package postgres_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres"
	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres/postgrestest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/vbc"
)

// Whatever a machine believes of its lease, once another one has it the first one's
// transactions change nothing.
func TestNothingIsChangedWithoutTheLease(t *testing.T) {
	t.Parallel()
	database := postgrestest.New(t)
	path := postgrestest.Named(database, "m")
	_, key := newKey(t)
	m := open(t, path, key)
	r := of(1, day)
	stored(t, m, r)
	conn, err := pgx.Connect(t.Context(), database)
	must(t, err)
	defer conn.Close(t.Context())
	_, err = conn.Exec(t.Context(), "UPDATE vbcvault.lease SET until = clock_timestamp()")
	must(t, err)
	next := open(t, path, key)
	before, err := next.Chain(t.Context())
	must(t, err)
	for what, change := range map[string]func() error{
		"an intent": func() error { return purge(t.Context(), m, r) },
		"a receipt": func() error {
			return m.AddReceipt(t.Context(), receipt.Entry{Type: receipt.Signing, Verifier: "v", Account: account})
		},
		"a run":      func() error { _, err := m.BeginRun(t.Context(), manifest.RunOptions{}); return err },
		"a removal":  func() error { return m.Relist(t.Context(), r) },
		"a sighting": func() error { _, err := m.Add(t.Context(), 2, []vbc.Recording{of(2, day)}); return err },
	} {
		if _, lost := errors.AsType[*manifest.LeaseError](change()); !lost {
			t.Errorf("%s was written without the lease", what)
		}
	}
	if m.Lease().Held() == nil {
		t.Error("whoever was told that its lease is over believes that it has it")
	}
	after, err := next.Chain(t.Context())
	must(t, err)
	rows, err := next.All(t.Context(), r.Key())
	must(t, err)
	if runs, err := next.Runs(t.Context(), 9); err != nil || after != before || len(runs) > 0 || len(rows) != 1 || rows[0].State != manifest.Stored {
		t.Errorf("the chain was %+v and is %+v; %+v, %+v, %v", before, after, runs, rows, err)
	}
	must(t, purge(t.Context(), next, r))
}

// The lease of the tests in which a machine stands still.
const briefLease = 3 * time.Second

// A machine that stands still in the middle of a transaction keeps nobody from having the
// lease when it ends. When it goes on, nothing comes of that transaction.
func TestMachineThatStandsStill(t *testing.T) {
	if os.Getenv("VBCVAULT_STANDS_STILL") != "" {
		standStill(t)
		return
	}
	t.Parallel()
	path := postgrestest.Named(postgrestest.New(t), "m")
	k, key := newKey(t)
	m := open(t, path, key)
	r := of(1, day)
	stored(t, m, r)
	must(t, m.Close())

	machine := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestMachineThatStandsStill$", "-test.v")
	machine.Env = append(os.Environ(), "VBCVAULT_STANDS_STILL="+path, "VBCVAULT_SIGNING_KEY="+k.Secret())
	machine.Stderr = os.Stderr
	in, err := machine.StdinPipe()
	must(t, err)
	pipe, err := machine.StdoutPipe()
	must(t, err)
	must(t, machine.Start())
	defer machine.Process.Kill()
	out := bufio.NewScanner(pipe)
	said(t, out, "committing")
	must(t, machine.Process.Signal(syscall.SIGSTOP))

	var next *postgres.Manifest
	for next == nil {
		next, err = postgres.Open(t.Context(), path, key, postgres.WithLease(briefLease))
		if err != nil && !errors.Is(err, manifest.ErrLocked) {
			t.Fatal(err)
		}
	}
	defer next.Close()
	must(t, purge(t.Context(), next, r))
	must(t, machine.Process.Signal(syscall.SIGCONT))
	_, err = io.WriteString(in, "go on\n")
	must(t, err)
	if line := said(t, out, "purging: "); !strings.Contains(line, "lost its lease") {
		t.Errorf("the machine that stood still was told %q", line)
	}
	must(t, machine.Wait())
	if c, err := next.Chain(t.Context()); err != nil || c.Last != 1 {
		t.Errorf("there are %d receipts, %v; the machine that stood still has written one", c.Last, err)
	}
}

// said is the next line that has a word in it.
func said(t *testing.T, out *bufio.Scanner, word string) string {
	t.Helper()
	for out.Scan() {
		if strings.Contains(out.Text(), word) {
			return out.Text()
		}
	}
	t.Fatalf("the machine has ended without %q: %v", word, out.Err())
	return ""
}

// standStill is the other machine.
func standStill(t *testing.T) {
	committing := false
	m, err := postgres.Open(t.Context(), os.Getenv("VBCVAULT_STANDS_STILL"), postgres.WithKey(os.Getenv("VBCVAULT_SIGNING_KEY")), postgres.WithLease(briefLease),
		postgres.WithCommits(func(commit func() error) error {
			if committing {
				fmt.Println("committing")
				_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
			}
			return commit()
		}))
	must(t, err)
	committing = true
	fmt.Println("purging:", purge(context.WithoutCancel(t.Context()), m, of(1, day)))
	must(t, m.Close())
}
