package sqlite

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/vbc"
)

// schema10 is the schema as the tenth format had it: nothing found calls by the end of a
// number, or by whether there is a transcript.
func schema10() string {
	return strings.NewReplacer(numbers+listenings+words, "", "	transcribed INTEGER NOT NULL DEFAULT 0,\n", "", ",\n\t\ttranscript <> ''", "",
		", transcript ON recording BEGIN\n\tUPDATE call", " ON recording BEGIN\n\tUPDATE call", ", transcribed = new.transcript <> ''", "").Replace(schema)
}

// Calls of a manifest of the format before are found by all that new ones are found by,
// and what becomes of them is kept up.
func TestFormat10IsBroughtUpToDate(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "m")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if strings.Contains(schema10(), "transcribed") || strings.Contains(schema10(), "call_extension") {
		t.Fatal("what the format didn't have is in it")
	}
	const said = `{"id":%d,"start":"2025-05-12T10:15:0%d+0000","caller_id":"+1 (732) 555-0%d00","dnis":"12125550%d00","cnam":"Smith %d","extensions":["101","10%d"],"call_direction":"INBOUND"}`
	for _, s := range []string{
		schema10(), "PRAGMA user_version = 10", "INSERT INTO meta VALUES ('account', '549825'), ('chain', 'X')",
		`INSERT INTO recording (kind, owner, id, start, size, state, raw, transcript) VALUES
			('company', '', 1, 1747044901000, 3, 'listed', '` + fmt.Sprintf(said, 1, 1, 1, 1, 1, 1) + `', ''),
			('company', '', 2, 1747044902000, 3, 'listed', '` + fmt.Sprintf(said, 2, 2, 2, 9, 2, 2) + `', '{"key":"t"}'),
			('company', '', 3, 1747044903000, 3, 'listed', '` + fmt.Sprintf(said, 3, 3, 3, 9, 3, 3) + `', ''),
			('company', '', 4, 1747044800000, 3, 'listed', '{"id":4,"start":"2025-05-12T10:13:20+0000","caller_id":"sip:17325550400@pbx","extensions":[]}', '')`,
	} {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%v: %.200s", err, s)
		}
	}
	m, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	yes := true
	find := func(when string, want map[string]manifest.Query) {
		t.Helper()
		for want, q := range want {
			if got := fmt.Sprint(ids(t, m, q)); got != want {
				t.Errorf("%s: %+v finds %s, want %s", when, q, got, want)
			}
		}
		if findings, err := m.Check(t.Context()); err != nil || len(findings) != 0 {
			t.Errorf("%s: %q, %v", when, findings, err)
		}
	}
	find("as it was", map[string]manifest.Query{
		"[1]": {Number: "5550100"}, "[3 2]": {Number: "0900"}, "[2]": {Transcribed: &yes}, "[3]": {Filter: vbc.Filter{Extension: "103"}}, "[4]": {Number: "50400"},
		"[3 2 1]": {Name: "SMITH", Filter: vbc.Filter{Direction: "INBOUND"}}, "[2 1]": {Scope: manifest.Scope{Extensions: []string{"101", "7"}}, Name: "s", Until: fromMillis(1747044903000)},
	})
	for _, text := range []string{`UPDATE recording SET transcript = '{"key":"t"}' WHERE id = 3`, "UPDATE recording SET raw = replace(raw, '0100', '0700') WHERE id = 1"} {
		if err := m.exec(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	find("later", map[string]manifest.Query{"[]": {Number: "5550100"}, "[1]": {Number: "5550700"}, "[3 2]": {Transcribed: &yes}})
}
