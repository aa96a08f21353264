//go:build unix

package postgres_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres"
	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres/postgrestest"
	"github.com/vbcvault/vbcvault/storage"
)

// diagnosed are the findings about a database, by their names.
func diagnosed(t *testing.T, address string) map[string]storage.Finding {
	t.Helper()
	out := map[string]storage.Finding{}
	for _, f := range postgres.Diagnose(t.Context(), address) {
		if f.Means == "" || f.Level != storage.OK && f.Mend == "" {
			t.Errorf("it doesn't say what it means, or how to mend it: %+v", f)
		}
		out[f.Check] = f
	}
	return out
}

// TestDiagnoseChangesNothing looks at a database of which all is well but that the user
// owns the tables.
func TestDiagnoseChangesNothing(t *testing.T) {
	t.Parallel()
	found := diagnosed(t, postgrestest.New(t))
	for _, check := range []string{"database", "database version", "database encryption", "database standby", "database durability", "database clock", "database connections", "database format"} {
		if found[check].Level != storage.OK {
			t.Errorf("%s: %+v", check, found[check])
		}
	}
	if f := found["database rights"]; f.Level != storage.Warning || !strings.Contains(f.Means, "owns the tables") {
		t.Errorf("%+v", f)
	}
}

// TestDiagnoseFinds makes one thing wrong each.
func TestDiagnoseFinds(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		wrong string // a statement for the database
		check string
		level storage.Level
		says  string
	}{
		{"commits that aren't on disk", "ALTER DATABASE %s SET synchronous_commit = off", "database durability", storage.Failure, "synchronous_commit is off"},
		{"searches that are ended", "ALTER DATABASE %s SET statement_timeout = '10s'", "database timeouts", storage.Warning, "statement_timeout is 10s"},
		{"tables of a newer program", "UPDATE vbcvault.migration SET oldest = 1000, program = '9.0.0'", "database format", storage.Failure, "9.0.0"},
		{"tables of an older program", "DELETE FROM vbcvault.migration WHERE format = (SELECT max(format) FROM vbcvault.migration)", "database format", storage.Failure, ""},
		{"no tables", "DROP SCHEMA vbcvault CASCADE", "database format", storage.Failure, "no tables"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			address := postgrestest.New(t)
			conn, err := pgx.Connect(t.Context(), address)
			if err != nil {
				t.Fatal(err)
			}
			wrong := test.wrong
			if strings.Contains(wrong, "%s") {
				wrong = fmt.Sprintf(wrong, conn.Config().Database)
			}
			if _, err := conn.Exec(t.Context(), wrong); err != nil {
				t.Fatal(err)
			}
			if err := conn.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			if f := diagnosed(t, address)[test.check]; f.Level != test.level || !strings.Contains(f.Means, test.says) {
				t.Errorf("%+v", f)
			}
		})
	}
}

// TestDiagnoseWithoutADatabase names an address where nothing answers, or nobody is let in.
func TestDiagnoseWithoutADatabase(t *testing.T) {
	t.Parallel()
	good, err := url.Parse(postgrestest.New(t))
	if err != nil {
		t.Fatal(err)
	}
	at := func(change func(*url.URL)) string {
		u := *good
		change(&u)
		return u.String()
	}
	for address, mend := range map[string]string{
		at(func(u *url.URL) { u.Host = "127.0.0.1:1" }):                          "the server is running",
		at(func(u *url.URL) { u.Path = "/nobody" }):                              "create the database",
		at(func(u *url.URL) { u.User = url.User("nobody") }):                     "check the user and the password",
		at(func(u *url.URL) { u.RawQuery = "sslmode=verify-full" }):              "ssl = on",
		at(func(u *url.URL) { u.User = url.UserPassword("vbcvault", "hunter") }): "the password has a place of its own",
	} {
		ctx, stop := context.WithCancel(t.Context())
		all := postgres.Diagnose(ctx, address)
		stop()
		if len(all) != 1 || all[0].Level != storage.Failure || !strings.Contains(all[0].Mend, mend) {
			t.Errorf("%s: %+v", address, all)
		}
		if err := postgres.Migrate(t.Context(), address); !strings.Contains(address, "hunter") && !strings.Contains(postgres.Advice(err), mend) {
			t.Errorf("%s: %q is the advice about %v", address, postgres.Advice(err), err)
		}
		if text := fmt.Sprint(all); strings.Contains(text, "hunter") {
			t.Errorf("a password is shown: %s", text)
		}
	}
}

// TestDiagnoseServer makes a server one on which nothing is safe, and then a standby.
func TestDiagnoseServer(t *testing.T) {
	t.Parallel()
	s := postgrestest.Start(t)
	address := s.Database(t)
	s.Admin(t, "ALTER SYSTEM SET fsync = off")
	s.Stop(t, "fast")
	if err := os.WriteFile(filepath.Join(s.Dir(), "data", "standby.signal"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	s.Again(t)
	found := diagnosed(t, address)
	if f := found["database durability"]; f.Level != storage.Failure || !strings.Contains(f.Means, "fsync is off") {
		t.Errorf("%+v", f)
	}
	if f := found["database standby"]; f.Level != storage.Failure || !strings.Contains(f.Means, "takes no changes") {
		t.Errorf("%+v", f)
	}
}
