//go:build unix

package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres"
	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres/postgrestest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

const account = "549825"

var day = time.Date(2026, 5, 12, 10, 15, 0, 0, time.UTC)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newKey is the signing key of one test's manifests.
func newKey(t testing.TB) (receipt.Key, postgres.Option) {
	t.Helper()
	k, err := receipt.NewKey()
	must(t, err)
	return k, postgres.WithKey(k.Secret())
}

// open opens a manifest for a run until the test ends.
func open(t testing.TB, path string, options ...postgres.Option) *postgres.Manifest {
	t.Helper()
	m, err := postgres.Open(t.Context(), path, options...)
	must(t, err)
	t.Cleanup(func() { m.Close() })
	must(t, m.Bind(t.Context(), manifest.Binding{Account: account}))
	return m
}

func of(id int64, start time.Time) vbc.Recording {
	r := vbc.ParseRecording(vbc.Company, "", fmt.Appendf(nil, `{"id":%d,"start":%q,"file_size_in_bytes":1000}`, id, vbc.FormatTime(start)))
	r.Account = account
	return r
}

func copyOf(r vbc.Recording) manifest.Copy {
	o := func(key string) storage.Object {
		return storage.Object{Key: key, Proof: storage.ProofRead, Content: storage.Content{Size: 1000, SHA256: storage.SumOf([]byte(key))}}
	}
	return manifest.Copy{Audio: o(fmt.Sprint(r.ID, "-", r.Nth, ".mp3")), Sidecar: o(fmt.Sprint(r.ID, "-", r.Nth, ".json")), StoredAt: day}
}

// stored brings recordings as far as a copy that may be purged.
func stored(t testing.TB, m *postgres.Manifest, recordings ...vbc.Recording) {
	t.Helper()
	_, err := m.Add(t.Context(), 1, recordings)
	must(t, err)
	for _, r := range recordings {
		must(t, m.Stored(t.Context(), r, copyOf(r)))
	}
}

func purge(ctx context.Context, m *postgres.Manifest, r vbc.Recording) error {
	e, c := receipt.New(receipt.Intent, 1, r), copyOf(r)
	e.Audio, e.Sidecar, e.Verified, e.Account = &c.Audio, &c.Sidecar, day, account
	return m.Purging(ctx, r, c, e, false)
}

// waits returns when somebody waits for a lock in a database, or done is closed, and says
// which.
func waits(t testing.TB, database string, done <-chan struct{}) bool {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), database)
	must(t, err)
	defer conn.Close(context.WithoutCancel(t.Context()))
	for {
		select {
		case <-done:
			return false
		default:
		}
		var is bool
		must(t, conn.QueryRow(t.Context(), "SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')").Scan(&is))
		if is {
			return true
		}
	}
}

// isolations are those that a server may have as its default.
var isolations = []string{"read committed", "repeatable read", "serializable"}

// While the intent of a purge is on its way, a hold waits for it, and then knows that a
// deletion is under way; whatever follows on a hold sees it.
func TestHoldWaitsForAnIntent(t *testing.T) {
	t.Parallel()
	for _, isolation := range isolations {
		t.Run(isolation, func(t *testing.T) {
			t.Parallel()
			database := postgrestest.New(t)
			alter(t, database, isolation)
			path := postgrestest.Named(database, "m")
			_, key := newKey(t)
			begun, proceed := make(chan struct{}, 1), make(chan struct{})
			intending := false
			m := open(t, path, key, postgres.WithCommits(func(commit func() error) error {
				if intending {
					begun <- struct{}{}
					<-proceed
				}
				return commit()
			}))
			r, later := of(1, day), of(2, day)
			stored(t, m, r, later)
			intending = true // the writer is told by its channel
			purged := make(chan error, 1)
			go func() { purged <- purge(t.Context(), m, r) }()
			<-begun

			beside, err := postgres.OpenBeside(t.Context(), path, key)
			must(t, err)
			defer beside.Close()
			held := make(chan struct{})
			var h manifest.Hold
			go func() {
				defer close(held)
				h, err = beside.AddHold(context.WithoutCancel(t.Context()), manifest.Hold{IDs: []int64{1, 2}, Reason: "why", By: "who"})
			}()
			if !waits(t, database, held) {
				t.Error("a hold was made while an intent was being committed, which doesn't know it")
			}
			close(proceed)
			if err := <-purged; err != nil {
				t.Error(err)
			}
			<-held
			must(t, err)
			if n, err := beside.UnderWay(t.Context(), h); err != nil || n != 1 {
				t.Errorf("%d deletions are under way, %v", n, err)
			}
			if _, ok := errors.AsType[*manifest.HeldError](purge(t.Context(), m, later)); !ok {
				t.Error("an intent doesn't know of a hold")
			}
		})
	}
}

// While a hold is being made, an intent waits for it, and then knows it.
func TestIntentWaitsForAHold(t *testing.T) {
	t.Parallel()
	for _, isolation := range isolations {
		t.Run(isolation, func(t *testing.T) {
			t.Parallel()
			database := postgrestest.New(t)
			alter(t, database, isolation)
			path := postgrestest.Named(database, "m")
			_, key := newKey(t)
			m := open(t, path, key)
			r := of(1, day)
			stored(t, m, r)
			begun, proceed := make(chan struct{}), make(chan struct{})
			beside, err := postgres.OpenBeside(t.Context(), path, key, postgres.WithCommits(func(commit func() error) error {
				close(begun)
				<-proceed
				return commit()
			}))
			must(t, err)
			defer beside.Close()
			held := make(chan error, 1)
			go func() {
				_, err := beside.AddHold(t.Context(), manifest.Hold{IDs: []int64{1}, Reason: "why", By: "who"})
				held <- err
			}()
			<-begun
			purged := make(chan struct{})
			go func() {
				defer close(purged)
				err = purge(context.WithoutCancel(t.Context()), m, r)
			}()
			if !waits(t, database, purged) {
				t.Error("an intent was committed while a hold was being made")
			}
			close(proceed)
			must(t, <-held)
			<-purged
			if _, ok := errors.AsType[*manifest.HeldError](err); !ok {
				t.Errorf("the intent doesn't know of the hold: %v", err)
			}
		})
	}
}

// alter makes an isolation the default of a database.
func alter(t testing.TB, database, isolation string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), database)
	must(t, err)
	defer conn.Close(t.Context())
	_, err = conn.Exec(t.Context(), fmt.Sprintf("DO $$ BEGIN EXECUTE format('ALTER DATABASE %%I SET default_transaction_isolation = ''%s''', current_database()); END $$", isolation))
	must(t, err)
}

// What was written is on the server's disk, also where the server would rather not wait
// for that.
func TestServerThatDoesNotWaitForItsDisk(t *testing.T) {
	t.Parallel()
	s := postgrestest.Start(t)
	s.Admin(t, "ALTER SYSTEM SET synchronous_commit = off", "ALTER SYSTEM SET wal_writer_delay = '10s'", "SELECT pg_reload_conf()")
	path := postgrestest.Named(s.Database(t), "m")
	_, key := newKey(t)
	m := open(t, path, key)
	h, err := m.AddHold(t.Context(), manifest.Hold{IDs: []int64{1}, Reason: "why", By: "who"})
	must(t, err)
	s.Stop(t, "immediate")
	s.Again(t)
	beside, err := postgres.OpenBeside(t.Context(), path, key)
	must(t, err)
	defer beside.Close()
	if all, err := beside.Holds(t.Context()); err != nil || len(all) != 1 || all[0].Digest != h.Digest {
		t.Errorf("after a crash of the server there are %+v, %v", all, err)
	}
}
