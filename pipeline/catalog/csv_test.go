package catalog

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/storage"
)

// CSV has the names of JSON, in the same order, and the same values.
func TestCSVHasTheNamesOfJSON(t *testing.T) {
	e := Entry{Account: "549825", Kind: "on-demand", User: "7", ID: 9007199254740993, Start: time.Date(2026, 5, 12, 10, 15, 0, 5e6, time.UTC), DurationMS: new(int64(61500)),
		Direction: "INBOUND", CallerID: "+17325550100", CNAM: "a, \"b\"\nc", DNIS: "12125550100", Extensions: []string{"101", "102"}, RuleIDs: []string{"7"}, CallID: "c-1",
		FileName: "f.mp3", State: "purged", ArchivedAt: time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC), Bytes: -1, Key: "k.mp3", SHA256: storage.SumOf([]byte("abc")),
		Sidecar: "k.json", Transcript: "k.txt"}
	var b bytes.Buffer
	c := NewCSV(&b)
	for _, e := range []Entry{e, {}} {
		if err := c.Write(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(&b).ReadAll()
	if err != nil || len(lines) != 3 {
		t.Fatalf("%v, %q", err, lines)
	}
	text, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	var values map[string]json.RawMessage
	if err := json.Unmarshal(text, &values); err != nil {
		t.Fatal(err)
	}
	kind := reflect.TypeFor[Entry]()
	for i := range kind.NumField() {
		name, _, _ := strings.Cut(kind.Field(i).Tag.Get("json"), ",")
		if lines[0][i] != name {
			t.Fatalf("column %d is %s, want %s", i, lines[0][i], name)
		}
		var s string
		var all []string
		switch {
		case json.Unmarshal(values[name], &s) == nil:
		case json.Unmarshal(values[name], &all) == nil:
			s = strings.Join(all, " ")
		default:
			s = string(values[name])
		}
		if lines[1][i] != s {
			t.Errorf("%s is %q, want %q", name, lines[1][i], s)
		}
	}
	if len(lines[0]) != kind.NumField() || strings.Join(lines[2], "") != "00" { // its id and its bytes
		t.Errorf("%d columns; nothing known is %q", len(lines[0]), lines[2])
	}
}

// No spreadsheet takes a cell for more than a sum, and telephone numbers stay
// what they are.
func TestNoFormulasInCSV(t *testing.T) {
	for cell, want := range map[string]string{
		"":                         "",
		"JOHN SMITH":               "JOHN SMITH",
		"+17325550100":             "+17325550100",
		"+1 (732) 555-0100":        "+1 (732) 555-0100",
		"-5":                       "-5",
		"+1+cmd|' /C calc'!A0":     "'+1+cmd|' /C calc'!A0",
		"=1+1":                     "'=1+1",
		"=HYPERLINK(\"http://x\")": "'=HYPERLINK(\"http://x\")",
		"@SUM(A1)":                 "'@SUM(A1)",
		"-A1":                      "'-A1",
		"\t=1":                     "'\t=1",
		"\r=1":                     "'\r=1",
		"x;=1+1":                   "x;=1+1",
		"a=b - c@d+e":              "a=b - c@d+e",
		"'=1":                      "'=1",
	} {
		if got := Harmless(cell); got != want {
			t.Errorf("%q becomes %q, want %q", cell, got, want)
		}
	}
}
