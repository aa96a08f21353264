//go:build unix

package main_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres"
	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres/postgrestest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// The examples of the page machines need a server; where there is none, all are skipped.
func init() {
	before["machines"] = func(w *world) { w.database = postgrestest.Shared(w.t).Empty(w.t) }
}

// database is what the manual has an administrator make.
type database struct {
	t      *testing.T
	server *postgrestest.Server
}

// asTheManualSays makes the database and its users, tables and rights by the statements of
// the manual's page machines.
func asTheManualSays(t *testing.T) database {
	t.Helper()
	d := database{t, postgrestest.Start(t)} // users belong to a server
	var blocks []string
	for _, m := range regexp.MustCompile("(?ms)^```sql\n(.*?)\n```$").FindAllStringSubmatch(page(t, "machines"), -1) {
		blocks = append(blocks, m[1])
	}
	if len(blocks) != 2 {
		t.Fatalf("the page has %d blocks of SQL", len(blocks))
	}
	for statement := range strings.SplitSeq(blocks[0], ";\n") { // a database isn't made within a transaction
		d.server.Admin(t, statement)
	}
	out, err := exec.CommandContext(t.Context(), program(t), "manifest", "upgrade", "--manifest", d.as("vbcvault_owner")).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	d.must("vbcvault_owner", blocks[1])
	return d
}

// as is the address for a user.
func (d database) as(user string) string {
	return fmt.Sprintf("postgres://%s@127.0.0.1:%d/vbcvault", user, d.server.Port())
}

func (d database) connect(user string) *pgx.Conn {
	d.t.Helper()
	conn, err := pgx.Connect(d.t.Context(), d.as(user))
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(d.t.Context())) })
	return conn
}

// must carries out statements as a user.
func (d database) must(user, statements string) {
	d.t.Helper()
	if _, err := d.connect(user).Exec(d.t.Context(), statements); err != nil {
		d.t.Fatalf("%v\n%s", err, statements)
	}
}

// TestRolesOfTheManual gives rights as the manual says it, and sees that each user can do
// what it must and nothing else.
func TestRolesOfTheManual(t *testing.T) {
	t.Parallel()
	d := asTheManualSays(t)
	for user, want := range map[string]func(schema, table string) string{
		"vbcvault_machine": func(_, table string) string {
			switch table {
			case "receipt":
				return "SELECT INSERT"
			case "hold", "listening":
				return "SELECT INSERT UPDATE"
			case "migration", "river_migration":
				return "SELECT"
			}
			return "SELECT INSERT UPDATE DELETE"
		},
		"vbcvault_page": func(schema, table string) string {
			switch {
			case schema != "vbcvault":
				return ""
			case table == "hold" || table == "listening":
				return "SELECT INSERT"
			}
			return "SELECT"
		},
	} {
		for table, has := range d.rights(user) {
			schema, name, _ := strings.Cut(table, ".")
			if want := want(schema, name); has != want {
				t.Errorf("%s may %s %s, and not %s", user, has, table, want)
			}
		}
	}
	if columns := d.columns("vbcvault_page"); !slices.Equal(columns, []string{"hold.ended", "hold.signed", "lease.since"}) {
		t.Errorf("the page may change %v", columns)
	}
	for user, statements := range map[string][]string{
		"vbcvault_machine": {
			"CREATE TABLE vbcvault.x ()", "CREATE TABLE vbcvault_service.x ()", "CREATE TABLE river.x ()", "CREATE TABLE public.x ()", "CREATE SCHEMA x", "CREATE TEMPORARY TABLE x ()",
			"DROP TABLE vbcvault.receipt", "ALTER TABLE vbcvault.receipt ADD x int", "TRUNCATE vbcvault.recording", "DELETE FROM vbcvault.receipt", "DELETE FROM vbcvault.hold",
			"UPDATE vbcvault.receipt SET entry = ''", "DELETE FROM vbcvault.migration", "DROP TRIGGER recording_in ON vbcvault.recording",
		},
		"vbcvault_page": {
			"UPDATE vbcvault.recording SET state = 'purged'", "DELETE FROM vbcvault.hold", "UPDATE vbcvault.hold SET made = ''", "DELETE FROM vbcvault.listening",
			"INSERT INTO vbcvault.receipt (account, seq, entry) VALUES (1, 1, '')", "UPDATE vbcvault.lease SET fence = 7", "INSERT INTO vbcvault.account (name) VALUES ('x')",
			"UPDATE vbcvault.meta SET value = ''", "SELECT FROM river.river_job", "SELECT FROM vbcvault_service.schedule", "CREATE TABLE vbcvault.x ()",
		},
	} {
		conn := d.connect(user)
		for _, statement := range statements {
			var refused *pgconn.PgError
			if _, err := conn.Exec(t.Context(), statement); !errors.As(err, &refused) || refused.Code != "42501" {
				t.Errorf("%s: %s: %v", user, statement, err)
			}
		}
	}
	for user, level := range map[string]storage.Level{"vbcvault_machine": storage.OK, "vbcvault_page": storage.Failure, "vbcvault_owner": storage.Warning, "postgres": storage.Warning} {
		found := postgres.Diagnose(t.Context(), d.as(user))
		i := slices.IndexFunc(found, func(f storage.Finding) bool { return f.Check == "database rights" })
		if i < 0 || found[i].Level != level {
			t.Errorf("%s: %+v", user, found)
		}
	}
	// The tables of the service lie in a schema beside, and doctor looks there too.
	d.must("vbcvault_owner", "REVOKE INSERT ON vbcvault_service.schedule FROM vbcvault_machine")
	found := postgres.Diagnose(t.Context(), d.as("vbcvault_machine"))
	if last := found[len(found)-1]; last.Level != storage.Failure || !strings.HasSuffix(last.Means, "lacks rights: INSERT on vbcvault_service.schedule") {
		t.Errorf("%+v", last)
	}
}

// rights are those that a user has on each table, in one line.
func (d database) rights(user string) map[string]string {
	d.t.Helper()
	rows, err := d.connect("postgres").Query(d.t.Context(), `SELECT n.nspname || '.' || c.relname, coalesce(string_agg(p.name, ' ' ORDER BY p.nth)
			FILTER (WHERE has_schema_privilege($1, n.oid, 'USAGE') AND has_table_privilege($1, c.oid, p.name)), '')
		FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
		CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) WITH ORDINALITY AS p(name, nth)
		WHERE n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema' AND c.relkind IN ('r', 'p', 'v', 'm') GROUP BY 1`, user)
	if err != nil {
		d.t.Fatal(err)
	}
	all := map[string]string{}
	var table, has string
	if _, err := pgx.ForEachRow(rows, []any{&table, &has}, func() error { all[table] = has; return nil }); err != nil {
		d.t.Fatal(err)
	}
	for _, needed := range []string{"vbcvault.recording", "vbcvault.lease", "vbcvault.receipt", "vbcvault.hold", "vbcvault.listening", "vbcvault_service.schedule", "river.river_job"} {
		if _, ok := all[needed]; !ok {
			d.t.Errorf("there is no %s among %v", needed, slices.Sorted(maps.Keys(all)))
		}
	}
	return all
}

// columns are those that a user may change of tables that it may not change as a whole.
func (d database) columns(user string) []string {
	d.t.Helper()
	rows, err := d.connect("postgres").Query(d.t.Context(), `SELECT c.relname || '.' || a.attname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
		JOIN pg_attribute AS a ON a.attrelid = c.oid WHERE n.nspname NOT LIKE 'pg\_%' AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
		AND has_column_privilege($1, c.oid, a.attnum, 'UPDATE') AND NOT has_table_privilege($1, c.oid, 'UPDATE') ORDER BY 1`, user)
	if err != nil {
		d.t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		d.t.Fatal(err)
	}
	return all
}

// TestUsersOfTheManual has each user of the database do its work.
func TestUsersOfTheManual(t *testing.T) {
	t.Parallel()
	d := asTheManualSays(t)
	k, err := receipt.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	key := postgres.WithKey(k.Secret())
	at := func(user string) string { return postgrestest.Named(d.as(user), "acme") }
	m, err := postgres.Open(t.Context(), at("vbcvault_machine"), key)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Bind(t.Context(), manifest.Binding{Account: "549825"}); err != nil {
		t.Error(err)
	}
	page, err := postgres.OpenBeside(t.Context(), at("vbcvault_page"), key)
	if err != nil {
		t.Fatal(err)
	}
	h, err := page.AddHold(t.Context(), manifest.Hold{CallerID: "12125550100", Reason: "case 7", By: "nobody"})
	if err != nil {
		t.Fatalf("the page can't hold calls: %v", err)
	}
	if _, err := page.RemoveHold(t.Context(), h.Number, "case 7 is closed", "nobody"); err != nil {
		t.Errorf("the page can't end a hold: %v", err)
	}
	if holds, err := m.Holds(t.Context()); err != nil || len(holds) != 1 || holds[0].Removed == nil {
		t.Errorf("%v, %v", holds, err)
	}
	if err := errors.Join(page.Close(), m.Close()); err != nil {
		t.Error(err)
	}
	if _, err := postgres.Open(t.Context(), at("vbcvault_page"), key); err == nil || !strings.Contains(err.Error(), "lacks a right") {
		t.Errorf("the page takes the lease of a run: %v", err)
	}
}

// TestDoctorLooksAtTheDatabase has doctor look at a database as a user who may do what runs
// need, and at one that nobody answers for.
func TestDoctorLooksAtTheDatabase(t *testing.T) {
	t.Parallel()
	d := asTheManualSays(t)
	w := newWorld(t, vbctest.Config{}).inDir()
	key, err := receipt.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	w.env = append(w.env, "VBCVAULT_SIGNING_KEY="+key.Secret(), "VBCVAULT_DATABASE_URL="+d.as("vbcvault_machine"))
	w.someRecordings(2)
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"archived": 2, "deleted": 2})
	found := w.doctor(0)
	for _, check := range []string{"database", "database durability", "database rights", "database format", "manifest", "signing key"} {
		if found[check].Level != storage.OK {
			t.Errorf("%s: %+v", check, found[check])
		}
	}
	w.env = append(w.env, "VBCVAULT_DATABASE_URL=postgres://nobody@127.0.0.1:1/vbcvault")
	if f := w.doctor(1)["database"]; f.Level != storage.Failure || !strings.Contains(f.Mend, "the server is running") {
		t.Errorf("%+v", f)
	}
}
