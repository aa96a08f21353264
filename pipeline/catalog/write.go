package catalog

import (
	"encoding/json"
	"fmt"
	"io"
	"iter"
)

// Format is a way to write entries down.
type Format string

const (
	FormatCSV Format = "csv"
	JSONL     Format = "jsonl"
	Parquet   Format = "parquet"
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
	case FormatCSV:
		out = csvLines{NewCSV(w)}
	case JSONL:
		out = &jsonl{json.NewEncoder(w)}
	case Parquet:
		out = newParquet(w)
	default:
		return 0, fmt.Errorf("write the catalogue: unknown format %q", f)
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

// csvLines is CSV with a header.
type csvLines struct{ *CSV }

func (c csvLines) write(e Entry) error { return c.Write(e) }
func (c csvLines) end() error          { return c.Flush() }
