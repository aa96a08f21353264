package main_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

var buildDuckDB = sync.OnceValues(func() (string, error) {
	name := filepath.Join(os.TempDir(), fmt.Sprintf("vbcvault-duckdb-%d", os.Getpid()))
	out, err := exec.Command("go", "build", "-C", "testdata/duckdb", "-o", name, ".").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return name, nil
})

// duckDB runs SQL in DuckDB, which reads Parquet with nothing of ours, and
// returns a line of JSON for each row, its fields sorted by name.
func duckDB(t *testing.T, sql string) []string {
	t.Helper()
	env, err := exec.Command("go", "env", "CGO_ENABLED", "CC").Output()
	words := strings.Fields(string(env))
	if err != nil || len(words) < 2 || words[0] != "1" || runtime.GOOS == "windows" {
		t.Skip("DuckDB is linked with cgo, which is off here")
	}
	if _, err := exec.LookPath(words[1]); err != nil {
		t.Skipf("DuckDB is linked by a C compiler, and there is no %s", words[1])
	}
	name, err := buildDuckDB()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(name)
	cmd.Stdin = strings.NewReader(sql)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s\n%v: %s", sql, err, &errs)
	}
	return strings.FieldsFunc(string(out), func(r rune) bool { return r == '\n' })
}

func readFile(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// readCSV reads a catalogue as rows of JSON.
func readCSV(t *testing.T, name string) (rows []string) {
	lines, err := csv.NewReader(bytes.NewReader(readFile(t, name))).ReadAll()
	if err != nil || len(lines) == 0 {
		t.Fatal(err)
	}
	for _, line := range lines[1:] {
		row := map[string]any{}
		for i, column := range lines[0] {
			text := line[i]
			switch n, err := strconv.ParseInt(text, 10, 64); {
			case column == "extensions" || column == "rule_ids":
				row[column] = append([]string{}, strings.Fields(text)...)
			case text == "" || column == "bytes" && text == "-1":
				row[column] = nil
			case slices.Contains([]string{"id", "duration_ms", "bytes"}, column) && err == nil:
				row[column] = n
			case column == "start":
				at, err := time.Parse(time.RFC3339, text)
				if err != nil {
					t.Fatal(err)
				}
				row[column] = at
			case strings.HasPrefix(text, "'="):
				row[column] = text[1:]
			default:
				row[column] = text
			}
			if regexp.MustCompile(`^[=@-]`).MatchString(text) {
				t.Errorf("a spreadsheet would carry out %q", text)
			}
		}
		archivedIn(t, row)
		rows = append(rows, asJSON(t, row))
	}
	return rows
}

// readJSONL does the same.
func readJSONL(t *testing.T, name string) (rows []string) {
	for line := range bytes.Lines(readFile(t, name)) {
		row := nullsAdded(t, line)
		archivedIn(t, row)
		rows = append(rows, asJSON(t, row))
	}
	return rows
}

// readParquet does the same, by DuckDB.
func readParquet(t *testing.T, name string) (rows []string) {
	for _, line := range duckDB(t, `SELECT * FROM read_parquet('`+name+`') ORDER BY "start"`) {
		row := decoded(t, line)
		archivedIn(t, row)
		rows = append(rows, asJSON(t, row))
	}
	return rows
}

func decoded(t *testing.T, line string) (row map[string]any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(line))
	d.UseNumber()
	if err := d.Decode(&row); err != nil {
		t.Fatal(err)
	}
	return row
}

// nullsAdded is a line of JSON with the columns that it leaves out.
func nullsAdded(t *testing.T, line []byte) map[string]any {
	t.Helper()
	row := decoded(t, string(line))
	for _, column := range []string{"user", "duration_ms", "direction", "caller_id", "cnam", "dnis", "call_id", "file_name", "archived_at", "key", "sha256", "sidecar_key", "transcript_key"} {
		if _, ok := row[column]; !ok {
			row[column] = nil
		}
	}
	for _, column := range []string{"extensions", "rule_ids"} {
		if _, ok := row[column]; !ok {
			row[column] = []string{}
		}
	}
	if row["bytes"] == json.Number("-1") {
		row["bytes"] = nil
	}
	return row
}
