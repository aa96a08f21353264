package catalog

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"strconv"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/storage"
)

// Listening is an entry in the log of who has listened, as programs get it. Its JSON is
// a contract.
type Listening struct {
	Account string    `json:"account"`
	Kind    string    `json:"kind"`
	User    string    `json:"user,omitempty"` // the owner's number, on-demand
	ID      int64     `json:"id"`
	Start   time.Time `json:"start,omitzero"` // of the recording, UTC

	At   time.Time `json:"at"` // UTC
	Who  string    `json:"who"`
	How  string    `json:"how"`
	Why  string    `json:"why,omitempty"`
	From string    `json:"from,omitempty"`

	Number   int64          `json:"number"` // in its manifest
	Digest   storage.Digest `json:"sha256"` // of its text beside the archive
	Doubtful bool           `json:"doubtful,omitempty"`
}

// ListeningOf is an entry as programs get it.
func ListeningOf(l manifest.Listening) Listening {
	return Listening{
		Account: l.Account, Kind: string(l.Kind), User: l.Owner, ID: l.ID, Start: l.Start, At: l.At, Who: l.Who, How: string(l.How),
		Why: l.Why, From: l.From, Number: l.Number, Digest: l.Digest, Doubtful: l.Doubtful,
	}
}

// Listenings writes entries, one after the other. They are written after Flush, which
// says also what went wrong before.
type Listenings interface {
	Write(l manifest.Listening) error
	Flush() error
}

// NewListeningLines writes entries as lines of JSON.
func NewListeningLines(w io.Writer) Listenings {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return listeningLines{enc}
}

type listeningLines struct{ *json.Encoder }

func (w listeningLines) Write(l manifest.Listening) error { return w.Encode(ListeningOf(l)) }
func (w listeningLines) Flush() error                     { return nil }

// listeningColumns are the columns of CSV, by the names of Listening's JSON.
var listeningColumns = []struct {
	name string
	cell func(Listening) string
}{
	{"at", func(l Listening) string { return moment(l.At) }},
	{"who", func(l Listening) string { return l.Who }},
	{"how", func(l Listening) string { return l.How }},
	{"account", func(l Listening) string { return l.Account }},
	{"kind", func(l Listening) string { return l.Kind }},
	{"user", func(l Listening) string { return l.User }},
	{"id", func(l Listening) string { return strconv.FormatInt(l.ID, 10) }},
	{"start", func(l Listening) string { return moment(l.Start) }},
	{"why", func(l Listening) string { return l.Why }},
	{"from", func(l Listening) string { return l.From }},
	{"number", func(l Listening) string { return strconv.FormatInt(l.Number, 10) }},
	{"sha256", func(l Listening) string { return l.Digest.String() }},
	{"doubtful", func(l Listening) string {
		if l.Doubtful {
			return "true"
		}
		return ""
	}},
}

// NewListeningCSV writes entries as lines of CSV, with a header. No cell is a formula.
func NewListeningCSV(w io.Writer) Listenings {
	c := listeningCSV{csv.NewWriter(w)}
	var names []string
	for _, column := range listeningColumns {
		names = append(names, column.name)
	}
	_ = c.w.Write(names) // Flush says it
	return c
}

type listeningCSV struct{ w *csv.Writer }

func (c listeningCSV) Write(l manifest.Listening) error {
	var cells []string
	for _, column := range listeningColumns {
		cells = append(cells, Harmless(column.cell(ListeningOf(l))))
	}
	return c.w.Write(cells)
}

func (c listeningCSV) Flush() error {
	c.w.Flush()
	return c.w.Error()
}
