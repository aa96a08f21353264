//go:build unix

package postgres_test

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres"
	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres/postgrestest"
)

// set changes settings of a database, for connections that are made from now on.
func set(t *testing.T, address string, settings ...string) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range settings {
		postgrestest.Shared(t).Admin(t, "ALTER DATABASE "+strings.TrimPrefix(u.Path, "/")+" SET "+one)
	}
}

// connect is a connection of somebody else's.
func connect(t *testing.T, address string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

// locked has a manifest's row of lease locked by somebody, until the function is called.
func locked(t *testing.T, address string) (end func()) {
	t.Helper()
	tx, err := connect(t, address).Begin(t.Context())
	if err == nil {
		_, err = tx.Exec(t.Context(), "SELECT FROM vbcvault.lease FOR NO KEY UPDATE")
	}
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		if err := tx.Commit(context.Background()); err != nil {
			t.Error(err)
		}
	}
}

// waits waits until somebody waits for a lock in a database.
func somebodyWaits(t *testing.T, address string) {
	t.Helper()
	conn := connect(t, address)
	eventually(t, "somebody waits for the lock", func() (is bool) {
		err := conn.QueryRow(t.Context(), "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'").Scan(&is)
		if err != nil {
			t.Error(err)
		}
		return is
	})
}

// What a database's administrator has set makes no change see less, or be less durable: a
// change that waits for the lock sees what whoever had it has done, and is on disk when it
// is reported as done.
func TestSettingsOfTheDatabase(t *testing.T) {
	t.Parallel()
	address := postgrestest.New(t)
	set(t, address, "default_transaction_isolation = 'repeatable read'", "synchronous_commit = off")
	m := openIt(t, postgres.Open, postgrestest.Named(address, "m"))
	tx, err := connect(t, address).Begin(t.Context())
	if err == nil {
		_, err = tx.Exec(t.Context(), "SELECT FROM vbcvault.lease FOR NO KEY UPDATE")
	}
	if err == nil {
		_, err = tx.Exec(t.Context(), "INSERT INTO vbcvault.meta (account, key, value) SELECT id, 'test b', '7' FROM vbcvault.account")
	}
	if err != nil {
		t.Fatal(err)
	}
	saw := make(chan string, 1)
	go func() {
		said, err := m.Says(t.Context(), "SELECT coalesce(max(value), 'nothing') || ' ' || current_setting('synchronous_commit') FROM vbcvault.meta WHERE account = $1 AND key = 'test b'")
		if err != nil {
			said = err.Error()
		}
		saw <- said
	}()
	somebodyWaits(t, address)
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if said := <-saw; said != "7 on" {
		t.Errorf("the change has seen %q", said)
	}
	set(t, address, "synchronous_commit = local") // says more than "on" would
	if said, err := openIt(t, postgres.Open, postgrestest.Named(address, "new")).Says(t.Context(), "SELECT current_setting('synchronous_commit') WHERE $1::bigint > 0"); err != nil || said == "off" {
		t.Errorf("%q, %v", said, err)
	}
}

// statement_timeout ends what waits for a lock, or takes long. A change is tried again; it
// is done once.
func TestStatementTimeout(t *testing.T) {
	t.Parallel()
	address := postgrestest.New(t)
	set(t, address, "statement_timeout = '100ms'", "lock_timeout = '50ms'")
	m := openIt(t, postgres.Open, postgrestest.Named(address, "m"))
	unlock := locked(t, address)
	done := make(chan error, 1)
	go func() { done <- m.AddTo(t.Context(), "a", 1) }()
	somebodyWaits(t, address)
	time.Sleep(300 * time.Millisecond) // for some tries: whether there were any changes nothing
	unlock()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if n, err := m.Number(t.Context(), "a"); err != nil || n != 1 {
		t.Errorf("%d, %v", n, err)
	}
	if _, err := m.Says(t.Context(), "SELECT pg_sleep(1)::text WHERE $1::bigint > 0"); err == nil || !strings.Contains(err.Error(), "statement_timeout") {
		t.Errorf("what takes too long: %v", err)
	}
	if err := m.AddTo(t.Context(), "a", 1); err != nil || m.Lease().Held() != nil {
		t.Errorf("after it: %v", err)
	}
}
