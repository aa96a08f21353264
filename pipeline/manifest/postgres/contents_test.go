//go:build unix

package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/manifesttest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres"
	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres/postgrestest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// english is the address of a database whose texts are in the order of a dictionary.
func english(t *testing.T) string {
	t.Helper()
	address := postgrestest.New(t)
	at := strings.LastIndex(address, "/") + 1
	name := address[at:] + "_english"
	postgrestest.Shared(t).Admin(t, "CREATE DATABASE "+name+" TEMPLATE template0 OWNER vbcvault LOCALE_PROVIDER icu ICU_LOCALE 'en-US'")
	t.Cleanup(func() { postgrestest.Shared(t).Admin(t, "DROP DATABASE "+name+" WITH (FORCE)") })
	must(t, postgres.Migrate(t.Context(), address[:at]+name))
	return address[:at] + name
}

// contents are all records of a manifest, as texts.
func contents(t *testing.T, m manifest.Copied) (all []string) {
	t.Helper()
	for r, err := range m.Contents(t.Context()) {
		must(t, err)
		all = append(all, fmt.Sprintf("%s %q", r.Table.Name, r.Values))
	}
	return all
}

// What comes out of SQLite into PostgreSQL, and out of that as a backup, is the same.
func TestBackupIsTheSame(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	k, key := newKey(t)
	was, err := sqlite.Open(t.Context(), filepath.Join(dir, "m"), sqlite.WithKey(k.Secret()))
	must(t, err)
	defer was.Close()
	manifesttest.Live(t, was)
	var many []vbc.Recording
	for id := range int64(2500) { // of which no page has all
		many = append(many, of(1000+id, day.AddDate(0, 0, int(id))))
	}
	_, err = was.Add(t.Context(), 1, many)
	must(t, err)
	must(t, was.Trust(t.Context(), manifest.Trusted{Verifier: k.Verifier(), Reason: "why", By: "Zoë", At: day}))
	must(t, was.SeeTips(t.Context(), []string{"B", "a"}, []manifest.Tip{{Chain: "B", Last: 1, Head: storage.SumOf(nil), First: true}, {Chain: "a", Last: 2, Head: storage.SumOf(nil)}}))
	must(t, was.Release(t.Context(), storage.SumOf(nil), storage.SumOf([]byte("a"))))
	for _, job := range []string{"b", "B", "a-b", "ab"} {
		must(t, was.SetExport(t.Context(), vbc.Company, "", manifest.Export{Job: job, Since: day, Until: day}))
	}
	seen := map[string]bool{}
	for r, err := range was.Contents(t.Context()) {
		must(t, err)
		seen[r.Table.Name] = true
	}
	for _, table := range manifest.Tables {
		if !seen[table.Name] {
			t.Errorf("nothing of table %s is copied here", table.Name)
		}
	}

	path := postgrestest.Named(english(t), "m")
	must(t, postgres.Create(t.Context(), path, func(m *postgres.Manifest) error { return m.Fill(t.Context(), was.Contents(t.Context())) }, key))
	m, err := postgres.Open(t.Context(), path, key)
	must(t, err)
	defer m.Close()
	backup := filepath.Join(dir, "backup")
	must(t, m.Backup(t.Context(), backup))
	if err := m.Backup(t.Context(), backup); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a backup is written over another: %v", err)
	}
	if files, err := filepath.Glob(backup + "*"); err != nil || len(files) != 1 {
		t.Errorf("a backup leaves %v, %v", files, err)
	}
	again, err := sqlite.Open(t.Context(), backup, sqlite.WithKey(k.Secret()))
	must(t, err)
	defer again.Close()
	if _, err := again.SigningKey(); err != nil {
		t.Errorf("the backup doesn't know its key: %v", err)
	}
	if d := cmp.Diff(manifesttest.Told(t, was), manifesttest.Told(t, again)); d != "" {
		t.Errorf("the backup tells something else: %s", d)
	}
	want := contents(t, was)
	for where, is := range map[string]interface {
		manifesttest.Manifest
		manifest.Copied
	}{"in the database": m, "in the backup": again} {
		if d := cmp.Diff(want, contents(t, is)); d != "" {
			t.Errorf("%s: %s", where, d)
		}
		if findings, err := is.Check(t.Context()); err != nil || len(findings) > 0 {
			t.Errorf("%s: %q, %v", where, findings, err)
		}
		if n := len(aboutOf(t, is, 1)); n == 0 || n != len(aboutOf(t, was, 1)) {
			t.Errorf("%s: %d receipts are about a recording", where, n)
		}
	}
}

func aboutOf(t *testing.T, m manifest.Chain, id int64) (lines [][]byte) {
	t.Helper()
	for line, err := range m.ReceiptsAbout(t.Context(), vbc.Key{Kind: vbc.Company, ID: id}) {
		must(t, err)
		lines = append(lines, line)
	}
	return lines
}

// A backup has what there is at one moment: no receipt without its step.
func TestBackupOfOneMoment(t *testing.T) {
	t.Parallel()
	path := postgrestest.Named(postgrestest.New(t), "m")
	_, key := newKey(t)
	m := open(t, path, key)
	r := of(1, day)
	stored(t, m, r)
	for record, err := range m.Contents(t.Context()) {
		must(t, err)
		if record.Table.Name == "meta" {
			if c, err := m.Chain(t.Context()); err == nil && c.Last == 0 {
				must(t, purge(t.Context(), m, r)) // meanwhile
			}
		}
		if record.Table.Name == "receipt" {
			t.Errorf("there is a receipt of what came later: %q", record.Values)
		}
	}
}

// Every table of a manifest is copied, or is made out of those that are.
func TestEveryTableIsCopied(t *testing.T) {
	t.Parallel()
	derived := map[string]bool{"account": true, "lease": true, "migration": true, "tally": true, "call": true, "spoken": true, "unindexed": true,
		"quota": true, "refused_login": true} // which are no manifest's
	conn, err := pgx.Connect(t.Context(), postgrestest.New(t))
	must(t, err)
	defer conn.Close(context.WithoutCancel(t.Context()))
	rows, err := conn.Query(t.Context(), "SELECT table_name::text, column_name::text FROM information_schema.columns WHERE table_schema = 'vbcvault' ORDER BY 1, ordinal_position")
	must(t, err)
	var table, column string
	has := map[string][]string{}
	_, err = pgx.ForEachRow(rows, []any{&table, &column}, func() error { has[table] = append(has[table], column); return nil })
	must(t, err)
	for _, t := range manifest.Tables {
		names, _ := t.Names()
		want := map[string]bool{"account": true}
		for _, name := range names {
			want[name] = true
		}
		if t.Name == "receipt" { // what its lines are found by
			for _, name := range []string{"kind", "owner", "id", "start", "departed"} {
				want[name] = true
			}
		}
		for _, column := range has[t.Name] {
			if !want[column] {
				derived["column "+t.Name+"."+column] = false
			}
		}
		delete(has, t.Name)
	}
	for name := range has {
		if !derived[name] {
			t.Errorf("table %s isn't copied", name)
		}
	}
	for name, is := range derived {
		if !is {
			t.Errorf("%s isn't copied", name)
		}
	}
}
