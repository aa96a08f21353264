package catalog

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Format is a way to write entries down.
type Format string

const (
	CSV     Format = "csv"
	JSONL   Format = "jsonl"
	Parquet Format = "parquet"
)

// Write writes entries as they come, and returns how many. It holds a bounded
// number of them in memory. The same entries make the same bytes. Parquet says
// of its entries that they come in the order of their start: they must. After
// an error what was written is worth nothing.
func Write(w io.Writer, f Format, entries iter.Seq2[Entry, error]) (n int64, err error) {
	var out interface {
		write(Entry) error
		end() error
	}
	switch f {
	case CSV:
		out = newCSV(w)
	case JSONL:
		out = &jsonl{json.NewEncoder(w)}
	case Parquet:
		out = newParquet(w)
	default:
		return 0, fmt.Errorf("write the catalogue: %q is no format", f)
	}
	for e, err := range entries {
		if err != nil {
			return n, err
		}
		if err := out.write(e); err != nil {
			return n, fmt.Errorf("write the catalogue: %w", err)
		}
		n++
	}
	if err := out.end(); err != nil {
		return n, fmt.Errorf("write the catalogue: %w", err)
	}
	return n, nil
}

// jsonl is a line of JSON for each entry.
type jsonl struct{ *json.Encoder }

func (j *jsonl) write(e Entry) error { return j.Encode(e) }
func (j *jsonl) end() error          { return nil }

// csvColumns are the columns of CSV, in this order.
var csvColumns = []string{"account", "kind", "user", "id", "start", "duration_ms", "direction", "caller_id", "cnam", "dnis", "extensions", "rule_ids",
	"call_id", "file_name", "state", "archived_at", "bytes", "key", "sha256", "sidecar_key", "transcript_key"}

// csvLines is CSV with a header. What isn't known is empty.
type csvLines struct {
	*csv.Writer
	begun bool
}

func newCSV(w io.Writer) *csvLines { return &csvLines{Writer: csv.NewWriter(w)} }

func (c *csvLines) begin() error {
	if c.begun {
		return nil
	}
	c.begun = true
	return c.Write(csvColumns)
}

func (c *csvLines) write(e Entry) error {
	if err := c.begin(); err != nil {
		return err
	}
	duration, bytes := "", ""
	if e.DurationMS > 0 {
		duration = strconv.FormatInt(e.DurationMS, 10)
	}
	if e.Bytes >= 0 {
		bytes = strconv.FormatInt(e.Bytes, 10)
	}
	sum, _ := e.SHA256.MarshalText() // never fails
	return c.Write([]string{e.Account, e.Kind, e.User, strconv.FormatInt(e.ID, 10), moment(e.Start), duration, harmless(e.Direction),
		harmless(e.CallerID), harmless(e.CNAM), harmless(e.DNIS), harmless(strings.Join(e.Extensions, " ")), harmless(strings.Join(e.RuleIDs, " ")),
		harmless(e.CallID), harmless(e.FileName), e.State, moment(e.ArchivedAt), bytes, e.Key, string(sum), e.Sidecar, e.Transcript})
}

func (c *csvLines) end() error {
	if err := c.begin(); err != nil {
		return err
	}
	c.Flush()
	return c.Error()
}

// moment writes a time with milliseconds, in UTC.
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

// dialled is a number as people write it: no formula, although it may begin
// like one.
var dialled = regexp.MustCompile(`^\+[0-9 ().-]*$`)

// harmless puts an apostrophe before what a spreadsheet would take for a
// formula: callers choose their names.
func harmless(s string) string {
	if s == "" || !strings.ContainsRune("=+-@\t\r", rune(s[0])) || dialled.MatchString(s) {
		return s
	}
	return "'" + s
}
