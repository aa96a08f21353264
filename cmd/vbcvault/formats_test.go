package main_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
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

// catalogOnDisk is a directory that has the destination's catalogue as it lies there.
func (w *world) catalogOnDisk() string {
	w.t.Helper()
	if dir, ok := strings.CutPrefix(w.to, "file://"); ok {
		return dir
	}
	dir := w.t.TempDir()
	for _, key := range w.of("catalog/") {
		name := filepath.Join(dir, filepath.FromSlash(key))
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			w.t.Fatal(err)
		}
		if err := os.WriteFile(name, w.read(key), 0o600); err != nil {
			w.t.Fatal(err)
		}
	}
	return dir
}

// readmeSQL is a statement of the README's, about this directory.
func readmeSQL(t *testing.T, name, dir string) string {
	t.Helper()
	text, err := os.ReadFile("testdata/sql/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(text), "s3://MY-BUCKET/recordings", dir)
}

// said is a recording, and what VBC says of it that a catalogue has to have.
type said struct {
	vbctest.Recording
	shown map[string]any // Extra, as it is to come out; nil = unknown
	state string
}

// varied are recordings of several months with everything that VBC may send.
func varied(w *world) (all []said) {
	at := func(month time.Month, day int) time.Time { return time.Date(2025, month, day, 10, 15, 0, 0, time.UTC) }
	text, numbers := []string{"101", "102"}, []int64{101, 102}
	for i, c := range []struct {
		vbctest.Recording
		sent, shown map[string]any
	}{
		{vbctest.Recording{Start: at(2, 3), Transcript: "Hello."},
			map[string]any{"caller_id": "17325550100", "cnam": "Žofie Nováková 🎧", "extensions": text, "rule_ids": []int64{7}, "call_direction": "INBOUND"},
			map[string]any{"caller_id": "17325550100", "cnam": "Žofie Nováková 🎧", "extensions": text, "rule_ids": []string{"7"}, "direction": "INBOUND"}},
		{vbctest.Recording{Start: at(2, 4)},
			map[string]any{"caller_id": 17325550100, "cnam": "=HYPERLINK(\"http://x\")", "extensions": numbers, "rule_ids": []string{"8", "9"}, "call_direction": "OUTBOUND"},
			map[string]any{"caller_id": "17325550100", "cnam": "=HYPERLINK(\"http://x\")", "extensions": text, "rule_ids": []string{"8", "9"}, "direction": "OUTBOUND"}},
		{vbctest.Recording{Start: at(3, 31)},
			map[string]any{"caller_id": "+1 732 555 0100", "cnam": "O'Brien, \"Co\"\nInc", "extensions": []string{}, "rule_ids": []int64{}, "call_direction": "INTRA_PBX", "call_id": ""},
			map[string]any{"caller_id": "+1 732 555 0100", "cnam": "O'Brien, \"Co\"\nInc", "extensions": []string{}, "rule_ids": []string{}, "direction": "INTRA_PBX", "call_id": nil}},
		{vbctest.Recording{Start: time.Date(2024, 12, 31, 22, 30, 0, 0, time.UTC), RawStart: "2025-01-01T00:30:00+0200"}, // not a call of 2025
			map[string]any{"caller_id": nil, "cnam": nil, "dnis": nil, "extensions": nil, "rule_ids": nil, "call_direction": nil, "call_id": nil, "duration": nil, "file_name": nil},
			map[string]any{"caller_id": nil, "cnam": nil, "dnis": nil, "extensions": []string{}, "rule_ids": []string{}, "direction": nil, "call_id": nil, "duration_ms": nil, "file_name": nil}},
		{vbctest.Recording{Start: at(3, 1), Kind: vbctest.OnDemand, User: 745250},
			map[string]any{"caller_id": "anonymous", "cnam": "李小龍", "extensions": "101", "rule_ids": 7, "call_direction": "INBOUND"},
			map[string]any{"caller_id": "anonymous", "cnam": "李小龍", "extensions": []string{"101"}, "rule_ids": []string{"7"}, "direction": "INBOUND"}},
		{vbctest.Recording{Start: at(4, 1)}, // whose audio can't be had
			map[string]any{"caller_id": "1", "cnam": "A", "extensions": text, "rule_ids": []int64{1}, "call_direction": "INBOUND"},
			map[string]any{"caller_id": "1", "cnam": "A", "extensions": text, "rule_ids": []string{"1"}, "direction": "INBOUND"}},
	} {
		c.ID, c.Size = 193228+int64(i), 20000+int64(i)
		if _, ok := c.sent["dnis"]; !ok {
			c.sent["dnis"], c.shown["dnis"] = "12125550100", "12125550100"
		}
		if _, ok := c.sent["call_id"]; !ok {
			c.sent["call_id"], c.shown["call_id"] = "c91150a6", "c91150a6"
		}
		c.Extra = c.sent
		w.account.Add(c.Recording)
		all = append(all, said{shown: c.shown, state: "purged"})
	}
	for _, r := range w.account.Recordings() { // with their defaults
		s := &all[r.ID-193228]
		s.Recording = r
		if _, ok := s.shown["duration_ms"]; !ok {
			s.shown["duration_ms"] = r.Duration.Milliseconds()
		}
		if _, ok := s.shown["file_name"]; !ok {
			s.shown["file_name"] = r.FileName(w.account)
		}
	}
	all[5].state = "failed"
	w.account.Inject(func(r *http.Request) *vbctest.Fault {
		if isAudio(r) && strings.HasSuffix(r.URL.Path, fmt.Sprint(all[5].ID)) {
			return &vbctest.Fault{Status: 404, Body: `{"msg":"Audio not found","status":404}`}
		}
		return nil
	})
	slices.SortFunc(all, func(a, b said) int { return a.Start.Compare(b.Start) })
	return all
}

// row is what a catalogue says of it, save when it was archived.
func (s said) row() map[string]any {
	row := map[string]any{"account": "549825", "kind": s.Kind, "user": nil, "id": s.ID, "start": s.Start, "state": s.state, "bytes": s.Size,
		"key": key(s.Recording, "mp3"), "sidecar_key": key(s.Recording, "json"), "sha256": storage.Digest(s.SHA256()).String(), "transcript_key": nil}
	if s.Kind == vbctest.OnDemand {
		row["user"] = fmt.Sprint(s.User)
	}
	if s.state == "failed" {
		row["key"], row["sidecar_key"], row["sha256"] = nil, nil, nil
	}
	if s.Transcript != "" {
		row["transcript_key"] = key(s.Recording, "transcript.txt")
	}
	for name, value := range s.shown {
		row[name] = value
	}
	return row
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// archivedIn takes the time of archiving out of a row, which must be one of now
// where there is a copy.
func archivedIn(t *testing.T, row map[string]any) {
	t.Helper()
	text, _ := row["archived_at"].(string)
	at, err := time.Parse(time.RFC3339, text)
	if copied := row["key"] != nil; copied != (err == nil) || copied && time.Since(at).Abs() > time.Hour {
		t.Errorf("%v was archived %q", row["id"], text)
	}
	delete(row, "archived_at")
}

var everyKind = []string{"--older-than", "90d", "--kind", "company,on-demand", "--users", "745249,745250", "--delete"}

// What DuckDB finds in the catalogue, as it lies beside the archive, is in every
// column of every row what VBC had said and the destination holds.
func TestCatalogSaysWhatVBCSaid(t *testing.T) {
	t.Parallel()
	for name, place := range map[string]func(*world) *world{"directory": (*world).inDir, "bucket": func(w *world) *world { return w.inS3(nil) }} {
		t.Run(name, func(t *testing.T) {
			w := place(newWorld(t, vbctest.Config{Users: []int64{745250}}))
			all := varied(w)
			w.want(w.archive(append(everyKind, "--catalog")...), 1, map[string]int{"archived": 5, "deleted": 5, "failed": 1})
			dir := w.catalogOnDisk()
			var got []string
			for _, line := range duckDB(t, `SELECT * FROM read_parquet('`+dir+`/catalog/*/*/*/catalog.parquet', hive_partitioning = true,
				hive_types = {'account': VARCHAR, 'year': INTEGER, 'month': INTEGER}) ORDER BY "start"`) {
				row := decoded(t, line)
				archivedIn(t, row)
				got = append(got, asJSON(t, row))
			}
			var want []string
			for _, s := range all {
				row := s.row()
				row["year"], row["month"] = s.Start.Year(), int(s.Start.Month())
				want = append(want, asJSON(t, row))
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Error(d)
			}
			var found []string
			for _, s := range all[1:] { // of 2025
				if s.Kind == vbctest.OnDemand || len(s.shown["extensions"].([]string)) > 0 {
					row := s.row()
					found = append(found, asJSON(t, map[string]any{"id": s.ID, "start": s.Start, "caller_id": row["caller_id"], "duration_ms": row["duration_ms"], "key": row["key"], "sha256": row["sha256"]}))
				}
			}
			if d := cmp.Diff(found, duckDB(t, readmeSQL(t, "duckdb.sql", dir))); d != "" || len(found) != 4 {
				t.Error("the README's query:", d)
			}
		})
	}
}

// Each format of export says the same, and filters choose.
func TestExportFormats(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{Users: []int64{745250}}).inDir()
	all := varied(w)
	w.want(w.archive(everyKind...), 1, map[string]int{"deleted": 5})
	requests := w.account.Counts().Total
	dir := t.TempDir()
	to := func(name string) string { return filepath.Join(dir, name) }
	var want []string
	for _, s := range all {
		want = append(want, asJSON(t, s.row()))
	}
	for format, read := range map[string]func(*testing.T, string) []string{"csv": readCSV, "jsonl": readJSONL, "parquet": readParquet} {
		t.Run(format, func(t *testing.T) {
			w.t = t
			w.want(w.run("export", "--format", format, "--out", to(format), "--json"), 0, map[string]int{"recordings": 6})
			if d := cmp.Diff(want, read(t, to(format))); d != "" {
				t.Error(d)
			}
			w.run("export", "--format", format, "--out", to(format+" again"))
			if !bytes.Equal(readFile(t, to(format)), readFile(t, to(format+" again"))) {
				t.Error("the same recordings make another file")
			}
			w.run("export", "--format", format, "--out", to(format+" some"), "--cnam", "李小龍", "--kind", "on-demand", "--state", "purged", "--since", "2025-03-01", "--until", "2025-03-02")
			if got := read(t, to(format+" some")); !slices.Equal(got, want[3:4]) {
				t.Errorf("chosen: %s", got)
			}
			w.run("export", "--format", format, "--out", to(format+" none"), "--id", "1")
			if got := read(t, to(format+" none")); len(got) != 0 {
				t.Errorf("of nothing: %s", got)
			}
			st, err := os.Stat(to(format))
			if err != nil || runtime.GOOS != "windows" && st.Mode().Perm() != 0o600 {
				t.Errorf("others may read it: %v, %v", st.Mode(), err)
			}
			if r := w.run("export", "--format", format, "--out", "-"); format != "parquet" && r.stdout != string(readFile(t, to(format))) || format == "parquet" && r.code != 2 {
				t.Error("standard output has something else")
			}
		})
	}
	if n := w.account.Counts().Total; n != requests {
		t.Errorf("VBC was asked %d times", n-requests)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 3*4 {
		t.Errorf("%v, %v", left, err)
	}
}

func readFile(t *testing.T, name string) []byte {
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

// The README's table for Athena has the columns that the files have, with
// their types, and its statements are those that are tested here.
func TestAthenaTable(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	w.someRecordings(1)
	w.want(w.archive("--older-than", "90d", "--catalog"), 0, nil)
	f, err := parquet.OpenFile(bytes.NewReader(w.read(w.of("catalog.parquet")[0])), int64(len(w.read(w.of("catalog.parquet")[0]))))
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, field := range f.Schema().Fields() {
		typ := "?"
		switch s := field.String(); {
		case len(field.Fields()) == 1 && strings.Contains(s, "list") && strings.Contains(s, "(STRING)"):
			typ = "array<string>"
		case strings.Contains(s, "TIMESTAMP(isAdjustedToUTC=true,unit=MILLIS)"):
			typ = "timestamp"
		case strings.Contains(s, "INT(64,true)"):
			typ = "bigint"
		case strings.Contains(s, "(STRING)"):
			typ = "string"
		}
		if field.Name() != "account" { // which is in the path
			want = append(want, "`"+field.Name()+"` "+typ)
		}
	}
	ddl := readmeSQL(t, "athena.sql", "s3://MY-BUCKET/recordings")
	columns, rest, _ := strings.Cut(ddl, "PARTITIONED BY")
	if got := regexp.MustCompile("`[a-z0-9_]+` [a-z<>]+").FindAllString(columns, -1); !slices.Equal(got, want) {
		t.Errorf("the table has %s\nthe files have %s", got, want)
	}
	for _, partition := range regexp.MustCompile("`([a-z]+)` (?:string|int)").FindAllStringSubmatch(rest, -1) {
		if !strings.Contains(w.of("catalog.parquet")[0], partition[1]+"=") || !strings.Contains(rest, "projection."+partition[1]+".type") {
			t.Errorf("%s is not part of the path, or not projected", partition[1])
		}
	}
	groups := f.Metadata().RowGroups
	if len(groups) != 1 || len(groups[0].SortingColumns) != 1 || f.Schema().Columns()[groups[0].SortingColumns[0].ColumnIdx][0] != "start" {
		t.Errorf("%+v", groups)
	}
	for _, name := range []string{"athena.sql", "duckdb.sql"} {
		if !strings.Contains(readme(t), strings.TrimSpace(readmeSQL(t, name, "s3://MY-BUCKET/recordings"))) {
			t.Errorf("the README doesn't have testdata/sql/%s as it is", name)
		}
	}
}

// What has no value is null in Parquet, whatever stands around it, over many
// groups of rows: DuckDB reads just what the lines of JSON say.
func TestParquetOverManyGroups(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("writes 25,001 rows; not with -short")
	}
	w := newWorld(t, vbctest.Config{}).inDir()
	w.someRecordings(1)
	w.want(w.archive("--older-than", "90d"), 0, nil)
	w.change(`INSERT INTO recording (kind, owner, id, start, size, raw, state, audio, archived_at)
		WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 24999)
		SELECT iif(i % 7 = 0, 'on-demand', 'company'), iif(i % 7 = 0, 700000 + i % 3, ''), 1 + i, 1700000000000 + 60000 * (i / 2), 1000 + i,
			json_object('id', 1 + i, 'start', strftime('%Y-%m-%dT%H:%M:%S+0000', 1700000000 + 60 * (i / 2), 'unixepoch'), 'file_size_in_bytes', iif(i % 11, 1000 + i, NULL),
				'duration', abs(random()) % 3, 'caller_id', iif(random() % 3, '1732555' || (random() % 1000), NULL), 'cnam', iif(random() % 2, 'Zoë ' || (random() % 50), ''),
				'dnis', iif(i / 9000 = 1, NULL, '1212'), 'call_id', iif(random() % 5, NULL, hex(randomblob(8))), 'file_name', iif(random() % 2, hex(randomblob(8)), NULL),
				'call_direction', iif(random() % 4, 'INBOUND', NULL), 'extensions', json(iif(random() % 2, '[]', '[101,"102"]')), 'rule_ids', json(iif(random() % 2, 'null', '["7"]'))),
			iif(i % 3, 'verified', 'failed'), iif(i % 3, json_object('key', 'account=549825/' || i || '.mp3', 'size', 2000 + i, 'sha256', printf('%064x', i + 1)), ''), iif(i % 3, 1710000000000 + i, 0)
		FROM n`)
	dir := t.TempDir()
	for _, format := range []string{"parquet", "jsonl"} {
		w.want(w.run("export", "--format", format, "--out", filepath.Join(dir, format), "--json"), 0, map[string]int{"recordings": 25_001})
	}
	got := duckDB(t, `SELECT * FROM read_parquet('`+filepath.Join(dir, "parquet")+`') ORDER BY "start", kind, "user" NULLS FIRST, id`)
	if groups := duckDB(t, `SELECT DISTINCT row_group_id FROM parquet_metadata('`+filepath.Join(dir, "parquet")+`')`); len(groups) != 3 {
		t.Errorf("%d groups of rows", len(groups))
	}
	i := 0
	for line := range bytes.Lines(readFile(t, filepath.Join(dir, "jsonl"))) {
		want := nullsAdded(t, line)
		if i >= len(got) || asJSON(t, want) != asJSON(t, decoded(t, got[i])) {
			t.Fatalf("row %d of %d:\nwant %s\n got %s", i, len(got), asJSON(t, want), got[min(i, len(got)-1)])
		}
		i++
	}
	if i != len(got) || i != 25_001 {
		t.Errorf("%d rows, of %d", len(got), i)
	}
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

// A file of export's has its name once it is whole: whoever stops the program,
// or fills the disk, leaves nothing under it. What is there stays.
func TestExportIsWholeOrNot(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("there are no signals, and no ulimit")
	}
	w, path := night(t, 20_000)
	for _, format := range []string{"csv", "jsonl", "parquet"} {
		dir := t.TempDir()
		out := filepath.Join(dir, "calls")
		args := []string{"export", "--manifest", path, "--format", format, "--out", out}
		full := exec.Command("sh", append([]string{"-c", `ulimit -f 64; exec "$@"`, "sh", program(t)}, args...)...)
		full.Env = w.env
		if r := w.finish(full); r.code != 3 || !strings.Contains(r.stderr, "file too large") {
			t.Errorf("%s: exit %d on a full disk", format, r.code)
		}
		mustBeEmptyDir(t, dir)
		if r := w.whileWriting(dir, syscall.SIGTERM, args...); r.code != 130 || !strings.Contains(r.stderr, "stopped before the end") {
			t.Errorf("%s: exit %d when it is stopped", format, r.code)
		}
		mustBeEmptyDir(t, dir)
		w.whileWriting(dir, syscall.SIGKILL, args...) // which leaves something, under another name
		if _, err := os.Lstat(out); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: killed, it has left %v", format, err)
		}
		if err := os.WriteFile(out, []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
		if r := w.run(args...); r.code != 2 || string(readFile(t, out)) != "mine" {
			t.Errorf("%s: exit %d, and there is %q", format, r.code, readFile(t, out))
		}
	}
}

// whileWriting runs vbcvault, and sends it a signal as soon as there is a file in dir.
func (w *world) whileWriting(dir string, signal os.Signal, args ...string) result {
	cmd := w.command(args...)
	var ended atomic.Bool
	var told sync.WaitGroup
	told.Go(func() {
		for !ended.Load() {
			if left, _ := os.ReadDir(dir); len(left) > 0 {
				_ = w.process(cmd).Signal(signal)
				return
			}
			runtime.Gosched()
		}
	})
	r := w.finish(cmd)
	ended.Store(true)
	told.Wait()
	return r
}

func mustBeEmptyDir(t *testing.T, dir string) {
	t.Helper()
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}
