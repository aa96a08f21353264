package main_test

import (
	"database/sql"
	"encoding/json"
	"errors"
	"maps"
	"os/exec"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage/storagetest"
	"github.com/vbcvault/vbcvault/vbc"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// inCode are the names in backticks in the first cells of a table.
func inCode(table string) (all []string) {
	for _, cell := range firstCells(table) {
		for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cell, -1) {
			all = append(all, m[1])
		}
	}
	return all
}

// sameNames fails unless two lists have the same names, in whatever order.
func sameNames(t *testing.T, what string, page, program []string) {
	t.Helper()
	page, program = slices.Sorted(slices.Values(page)), slices.Sorted(slices.Values(program))
	if !slices.Equal(page, program) {
		t.Errorf("%s: the page has %q, the program %q", what, page, program)
	}
}

// The page on formats says what the program writes: keys, fields, tables, states
// and the manifest's format.
func TestFormatsSaysWhatTheCodeSays(t *testing.T) {
	t.Parallel()
	text := page(t, "formats")
	w := newWorld(t, vbctest.Config{}).inDir()
	transcribed(w, 2)
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 2})
	w.run("hold", "add", "--id", "1", "--reason", "r", "--by", "b")
	m, err := sqlite.OpenBeside(t.Context(), w.manifest())
	if err == nil {
		_, err = m.AddListening(t.Context(), manifest.Listening{Kind: vbc.Company, ID: 1, Who: "eve", How: manifest.Played})
		err = errors.Join(err, m.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	w.want(w.archive("--older-than", "90d", "--catalog"), 0, nil)

	// Keys.
	var forms []string
	directory := ""
	for line := range strings.Lines(block(t, text, "## The archive")) {
		key := strings.TrimSpace(strings.ReplaceAll(line, " (or .txt)", ""))
		switch {
		case strings.HasPrefix(line, "s3:"):
			continue
		case strings.HasSuffix(key, "/"):
			directory = key
			continue
		case strings.HasPrefix(line, "    "):
			key = directory + key
		}
		form := regexp.MustCompile(`[0-9]+`).ReplaceAllString(regexp.QuoteMeta(key), `[0-9]+`)
		form = strings.ReplaceAll(form, `\.transcript\.json`, `\.transcript\.(json|txt)`)
		forms = append(forms, "^"+strings.ReplaceAll(form, "…", "[^/]+")+"$")
	}
	used := map[string]bool{}
	for _, key := range storagetest.Keys(t, w.open()) {
		i := slices.IndexFunc(forms, func(f string) bool { return regexp.MustCompile(f).MatchString(key) })
		if i < 0 && path.Base(key) != "_manifest.json" {
			t.Errorf("%s has no place on the page", key)
		} else if i >= 0 {
			used[forms[i]] = true
		}
	}
	if len(used) != len(forms)-1 { // nothing was erased
		t.Errorf("of %q only %d are in an archive", forms, len(used))
	}

	// Fields.
	var side map[string]any
	if err := json.Unmarshal(w.read(w.of(".json")[0]), &side); err != nil {
		t.Fatal(err)
	}
	sameNames(t, "metadata", inCode(section(t, text, "### Metadata (.json)")), append(slices.Collect(maps.Keys(side)), "owner"))
	var fields []string
	for _, f := range reflect.VisibleFields(reflect.TypeFor[receipt.Entry]()) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		fields = append(fields, name)
	}
	var listening []string
	for _, f := range reflect.VisibleFields(reflect.TypeFor[manifest.Listening]()) {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "-" {
			listening = append(listening, name)
		}
	}
	sameNames(t, "listenings", inCode(section(t, text, "### Listenings (.jsonl)")), listening)
	sameNames(t, "receipts", inCode(section(t, text, "### Receipts (.jsonl)")), fields)

	// The manifest.
	db, err := sql.Open("sqlite", w.manifest())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var tables, format string
	if err := db.QueryRowContext(t.Context(), "SELECT group_concat(name) FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'spoken_%'").Scan(&tables); err != nil {
		t.Fatal(err)
	}
	sameNames(t, "tables", inCode(section(t, text, "### Tables")), strings.Split(tables, ","))
	if err := db.QueryRowContext(t.Context(), "PRAGMA user_version").Scan(&format); err != nil {
		t.Fatal(err)
	}
	history := firstCells(section(t, text, "### Format history"))
	if last := history[len(history)-1]; last != format || strconv.Itoa(len(history)) != format {
		t.Errorf("the history ends with format %s, the program's is %s", last, format)
	}
	help, err := exec.Command(program(t), "list", "--help").Output()
	if err != nil {
		t.Fatal(err)
	}
	states := regexp.MustCompile(`--state STATE.*(listed, .*)`).FindStringSubmatch(string(help))[1]
	sameNames(t, "states", inCode(section(t, text, "### States of a recording")), strings.Split(states, ", "))
}
