package sqlite

import (
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vbcvault/vbcvault/pipeline/dbfile"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/vbc"
)

// beside opens a database, for what tests do to it.
func beside(t *testing.T, path string, texts ...string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", dsn(path, "rw", waitBusy))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	for _, text := range texts {
		if _, err := db.Exec(text); err != nil {
			t.Fatalf("%v: %.200s", err, text)
		}
	}
	return db
}

// needs fails unless an error says that a manifest is newer, and which program it needs.
func needs(t *testing.T, what string, err error, program string) {
	t.Helper()
	e, ok := errors.AsType[*dbfile.NewerError](err)
	if !ok || !errors.Is(err, manifest.ErrNewer) || e.Program != program || e.Format != 99 || e.Knows != format {
		t.Errorf("%s: %v, want one that %q has written", what, err, program)
	}
}

// A manifest of a newer format is refused and left as it is, with the program that it
// needs if it says so.
func TestNewerManifestNamesItsProgram(t *testing.T) {
	t.Parallel()
	for _, by := range []string{"v1.4.0", ""} {
		path := filepath.Join(t.TempDir(), "m")
		m, err := Open(t.Context(), path, WithProgram(by))
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(m.Bind(t.Context(), manifest.Binding{Account: "549825"}), m.Close()); err != nil {
			t.Fatal(err)
		}
		beside(t, path, "PRAGMA user_version = 99").Close()
		was, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		_, err = Open(t.Context(), path, WithProgram("v1.3.0"))
		needs(t, "for a run", err, by)
		_, err = OpenReadOnly(t.Context(), path)
		needs(t, "for reading", err, by)
		_, err = OpenBeside(t.Context(), path)
		needs(t, "beside a run", err, by)
		_, _, err = ReadHolds(t.Context(), path)
		needs(t, "its holds", err, by)
		if is, err := os.ReadFile(path); err != nil || string(is) != string(was) {
			t.Errorf("it was changed, %v", err)
		}
	}
}

// Whoever has a manifest open beside runs writes nothing to it any more once a newer
// program has upgraded it.
func TestUpgradedWhileInUse(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "m")
	m, err := Open(t.Context(), path, WithProgram("v1.3.0"))
	if err == nil {
		err = errors.Join(m.Bind(t.Context(), manifest.Binding{Account: "549825"}), m.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	page, err := OpenBeside(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer page.Close()
	listen := func() error {
		_, err := page.AddListening(t.Context(), manifest.Listening{Kind: vbc.Company, ID: 1, Who: "eve", How: manifest.Played})
		return err
	}
	if err := listen(); err != nil {
		t.Fatal(err)
	}
	newer := beside(t, path, "INSERT OR REPLACE INTO meta VALUES ('program', 'v1.4.0')", "PRAGMA user_version = 99")
	needs(t, "a page that has it open", listen(), "v1.4.0")
	var n int
	if err := newer.QueryRow("SELECT count(*) FROM listening").Scan(&n); err != nil || n != 1 {
		t.Errorf("%d listenings are in it, %v", n, err)
	}
}

var freeze = flag.Bool("freeze", false, "write the schema of this format to testdata")

// frozen is where the schema of a format is kept as it was.
func frozen(v int) string { return fmt.Sprintf("testdata/format%d.sql", v) }

// schemaOf is what SQLite has of a database's schema, without comments and what it
// keeps for itself (and for the index of words, whose tables are its own).
func schemaOf(t *testing.T, path string) string {
	t.Helper()
	rows, err := beside(t, path).Query(`SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'spoken_%' AND name NOT LIKE 'sqlite_%' ORDER BY type = 'trigger', type = 'index', name`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var all strings.Builder
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			t.Fatal(err)
		}
		all.WriteString(regexp.MustCompile(`\s*--[^\n]*`).ReplaceAllString(text, "") + ";\n")
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all.String()
}

// The schema doesn't change without a new format: a manifest that exists would not
// have the change. Each format's schema stays in testdata, for the tests of upgrades.
func TestSchemaIsThatOfItsFormat(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "m")
	m, err := Open(t.Context(), path)
	if err == nil {
		err = m.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	is := schemaOf(t, path)
	if *freeze {
		if err := os.WriteFile(frozen(format), []byte(is), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(frozen(format))
	if err != nil {
		t.Fatalf("%v; with a new format: go test ./pipeline/manifest/sqlite -run TestSchemaIsThatOfItsFormat -freeze", err)
	}
	if d := cmp.Diff(string(want), is); d != "" {
		t.Errorf("the schema of format %d has changed: raise the format, and add a step to migrations\n%s", format, d)
	}
}

// A manifest as each release has made it is opened, upgraded if it is older, and whole.
func TestManifestsOfReleases(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/format*.sql")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		var v int
		if _, err := fmt.Sscanf(filepath.Base(name), "format%d.sql", &v); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "m")
		create, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		create.Close()
		beside(t, path, string(text), fmt.Sprintf("PRAGMA user_version = %d", v), "INSERT INTO meta VALUES ('account', '549825'), ('chain', 'X')",
			`INSERT INTO recording (kind, owner, id, start, size, state, raw) VALUES ('company', '', 7, 1747044900000, 3, 'listed',
				'{"id":7,"start":"2025-05-12T10:15:00+0000","file_size_in_bytes":3,"caller_id":"17325550100"}')`).Close()
		m, err := Open(t.Context(), path, WithProgram("v1.4.0"))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		defer m.Close()
		if row, err := m.Get(t.Context(), vbc.Key{Kind: vbc.Company, ID: 7}); err != nil || row.State != manifest.Listed {
			t.Errorf("%s: %+v, %v", name, row, err)
		}
		if got := fmt.Sprint(ids(t, m, manifest.Query{Number: "5550100"})); got != "[7]" {
			t.Errorf("%s: %s is found", name, got)
		}
		if findings, err := m.Check(t.Context()); err != nil || len(findings) != 0 {
			t.Errorf("%s: %q, %v", name, findings, err)
		}
		if by, err := m.meta(t.Context(), "program"); err != nil || by != "v1.4.0" {
			t.Errorf("%s: it says that %q has written it, %v", name, by, err)
		}
		if _, err := os.Stat(dbfile.Copied(path, v)); (err == nil) != (v < format) {
			t.Errorf("%s: the copy: %v", name, err)
		}
	}
}
