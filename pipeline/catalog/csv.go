package catalog

import (
	"encoding/csv"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// columns are the columns of CSV, by the names of Entry's JSON and in their
// order. Lists are separated by spaces; what isn't known is empty.
var columns = []struct {
	name string
	cell func(Entry) string
}{
	{"account", func(e Entry) string { return e.Account }},
	{"kind", func(e Entry) string { return e.Kind }},
	{"user", func(e Entry) string { return e.User }},
	{"id", func(e Entry) string { return strconv.FormatInt(e.ID, 10) }},
	{"start", func(e Entry) string { return moment(e.Start) }},
	{"duration_ms", func(e Entry) string {
		if e.DurationMS == nil {
			return ""
		}
		return strconv.FormatInt(*e.DurationMS, 10)
	}},
	{"direction", func(e Entry) string { return e.Direction }},
	{"caller_id", func(e Entry) string { return e.CallerID }},
	{"cnam", func(e Entry) string { return e.CNAM }},
	{"dnis", func(e Entry) string { return e.DNIS }},
	{"extensions", func(e Entry) string { return strings.Join(e.Extensions, " ") }},
	{"rule_ids", func(e Entry) string { return strings.Join(e.RuleIDs, " ") }},
	{"call_id", func(e Entry) string { return e.CallID }},
	{"file_name", func(e Entry) string { return e.FileName }},
	{"state", func(e Entry) string { return e.State }},
	{"archived_at", func(e Entry) string { return moment(e.ArchivedAt) }},
	{"bytes", func(e Entry) string { return strconv.FormatInt(e.Bytes, 10) }},
	{"key", func(e Entry) string { return e.Key }},
	{"sha256", func(e Entry) string {
		if e.SHA256.IsZero() {
			return ""
		}
		return e.SHA256.String()
	}},
	{"sidecar_key", func(e Entry) string { return e.Sidecar }},
	{"transcript_key", func(e Entry) string { return e.Transcript }},
}

func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// CSV writes entries as lines of CSV, with a header. They are in w after Flush,
// which says also what went wrong before.
type CSV struct{ w *csv.Writer }

// NewCSV writes the header.
func NewCSV(w io.Writer) *CSV {
	c := &CSV{csv.NewWriter(w)}
	names := make([]string, len(columns))
	for i, column := range columns {
		names[i] = column.name
	}
	_ = c.w.Write(names) // Flush says it
	return c
}

// Write writes a line.
func (c *CSV) Write(e Entry) error {
	cells := make([]string, len(columns))
	for i, column := range columns {
		cells[i] = Harmless(column.cell(e))
	}
	return c.w.Write(cells)
}

// Flush writes out what is buffered.
func (c *CSV) Flush() error {
	c.w.Flush()
	return c.w.Error()
}

// arithmetic is what a spreadsheet may take for a sum, and can't do harm
// with: without letters it names no function, no cell and no program.
var arithmetic = regexp.MustCompile(`^[+-][0-9 ()./-]*$`)

// Harmless makes a text safe to be opened in a spreadsheet, which runs a cell that
// begins like a formula, and anybody can call under any name: it gets an
// apostrophe in front. Nothing else in a text is changed. Telephone numbers, as in
// +17325550100, stay as they are: they do no harm, and whoever compares them would
// find none.
func Harmless(cell string) string {
	if cell == "" || !strings.ContainsRune("=+-@\t\r\n", rune(cell[0])) || arithmetic.MatchString(cell) {
		return cell
	}
	return "'" + cell
}
