package manifest

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/vbcvault/vbcvault/vbc"
)

// Copied is a manifest that can be copied to wherever another one may lie.
type Copied interface {
	// Contents yields the records of all Tables, in their order and that of their keys, as
	// they are at one moment, also while a run uses the manifest.
	Contents(ctx context.Context) iter.Seq2[Record, error]
}

// Filled is a manifest that is only being made; see Filling.
type Filled interface {
	// Fill writes down all that another one has, which yields it as Contents does: its
	// account, its chain and what its key is included. The manifest has that instead of
	// whatever it had.
	Fill(ctx context.Context, contents iter.Seq2[Record, error]) error
}

// Record is a row of one of Tables, in values that belong to no database: of a Text a
// string, of Bytes and JSON a []byte, of a Number an int64, of a Flag a bool.
type Record struct {
	Table  *Table
	Values []any // as Table.Columns
}

// Table is one of those that every implementation has, by the same names.
type Table struct {
	Name    string
	Key     int // so many columns are its key, by which it is in order
	Columns []Column
}

// Column is one of a Table's.
type Column struct {
	Name string
	Form Form
}

// Form is what a column has.
type Form int

const (
	Text   Form = iota // as somebody has written it
	Bytes              // what must stay byte by byte: VBC's JSON, and what was signed
	Number             // times are Unix milliseconds
	Flag
	JSON // of a storage.Object; empty = there is none
)

// Tables are what a copy of a manifest has. What else it has is made out of them (counts,
// and what finds recordings by their calls), or by the next run (what finds them by what
// was said).
var Tables = []*Table{
	table("meta", 1, "key value"),
	table("recording", 4, "kind owner id# nth# start# size# raw= state audio{} sidecar{} transcript{} stored_at# archived_at# attempts# reason code permanent? failed_at# failed_run# "+
		"seen_run# reappeared? acknowledged acknowledging acknowledging_code damaged displaced# refuted? alike# said unvouched?"),
	table("receipt", 1, "seq# entry="),
	table("run", 1, "id# started# finished# options= summary="),
	table("hold", 1, "number# digest made= ended= signed noted# stored#"),
	table("release", 2, "hold removal"),
	table("log", 2, "chain head last# first? known?"),
	table("trusted", 1, "verifier reason by at#"),
	table("listening", 1, "number# digest text= signed log seq# run# stored? kind owner id# nth# who at# how session"),
	table("listening_file", 3, "first# last# sum"),
	table("listing", 3, "kind owner filter since# until# full_at#"),
	table("export", 1, "job kind owner filter since# until# valid# listed"),
	table("trouble", 4, "kind owner code item reason since# last# run# filter begins# ends# acknowledged"),
	table("upload", 2, "key id begun# refused"),
	table("stale", 1, "month changes#"), // the last one: recordings that come change it
}

// table is a table whose columns' names have a mark behind them that says what they have.
func table(name string, key int, columns string) *Table {
	t := &Table{Name: name, Key: key}
	for column := range strings.FieldsSeq(columns) {
		c := Column{Name: strings.TrimRight(column, "#=?{}")}
		c.Form = map[string]Form{"": Text, "=": Bytes, "#": Number, "?": Flag, "{}": JSON}[column[len(c.Name):]]
		t.Columns = append(t.Columns, c)
	}
	return t
}

// Names are the names of a table's columns, and of those of its key.
func (t *Table) Names() (all, key []string) {
	for _, c := range t.Columns {
		all = append(all, c.Name)
	}
	return all, all[:t.Key]
}

// Private reports whether a record is about one database alone, and not to be copied.
func (r Record) Private() bool {
	return r.Table.Name == "meta" && r.Values[0] == "program" // which program has made its tables
}

// Chunk is some records of one table.
type Chunk struct {
	Table   *Table
	Records [][]any
	First   bool // of its table: whatever that has is to go before
}

// Chunks has what Contents has yielded in chunks of so many records, and of each table
// one at least.
func Chunks(contents iter.Seq2[Record, error], size int) iter.Seq2[Chunk, error] {
	return func(yield func(Chunk, error) bool) {
		next := Chunk{Table: Tables[0], First: true}
		for r, err := range contents {
			if err == nil && slices.Index(Tables, r.Table) < slices.Index(Tables, next.Table) {
				err = fmt.Errorf("copy a manifest: %s comes behind %s", r.Table.Name, next.Table.Name)
			}
			if err != nil {
				yield(Chunk{}, err)
				return
			}
			for next.Table != r.Table || len(next.Records) == size {
				if !yield(next, nil) {
					return
				}
				next = next.following(r.Table)
			}
			next.Records = append(next.Records, r.Values)
		}
		for yield(next, nil) && next.Table != Tables[len(Tables)-1] {
			next = next.following(nil)
		}
	}
}

// following is the chunk behind one: of the same table, or the next one's first.
func (c Chunk) following(table *Table) Chunk {
	if c.Table == table {
		return Chunk{Table: table}
	}
	return Chunk{Table: Tables[slices.Index(Tables, c.Table)+1], First: true}
}

// Recording is what a record of the table of recordings is about, without its account.
func (t *Table) Recording(values []any) vbc.Recording {
	of := map[string]any{}
	for i, c := range t.Columns {
		of[c.Name] = values[i]
	}
	kind, _ := of["kind"].(string)
	owner, _ := of["owner"].(string)
	raw, _ := of["raw"].([]byte)
	r := vbc.ParseRecording(vbc.Kind(kind), owner, raw)
	r.Owner = owner
	r.Nth, _ = of["nth"].(int64)
	return r
}
