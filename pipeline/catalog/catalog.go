// Package catalog says in flat entries what is known of each recording, for
// tables, spreadsheets and query engines. An entry is made of a row of the
// manifest and holds nothing that isn't there.
package catalog

import (
	"iter"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/storage"
)

// Version of the columns rises when one is taken away, or means something else than
// before; new columns don't raise it.
const Version = 1

// Entry is what is known of one recording. Its names are a contract: they are
// the columns of CSV and Parquet and the fields of JSON. Texts are "" and times
// zero where nothing is known.
type Entry struct {
	Account    string    `json:"account"`
	Kind       string    `json:"kind"`           // company | on-demand
	User       string    `json:"user,omitempty"` // owner's number, on-demand only
	ID         int64     `json:"id"`
	Start      time.Time `json:"start"`                 // UTC
	DurationMS *int64    `json:"duration_ms,omitempty"` // nil = unknown
	Direction  string    `json:"direction,omitempty"`   // INBOUND | OUTBOUND | INTRA_PBX
	CallerID   string    `json:"caller_id,omitempty"`
	CNAM       string    `json:"cnam,omitempty"`
	DNIS       string    `json:"dnis,omitempty"`
	Extensions []string  `json:"extensions,omitempty"`
	RuleIDs    []string  `json:"rule_ids,omitempty"`
	CallID     string    `json:"call_id,omitempty"`
	FileName   string    `json:"file_name,omitempty"` // as VBC calls it
	State      string    `json:"state"`

	// Of the copy in the archive, as the store has confirmed it. ArchivedAt is
	// zero where none is proven. Of one that was erased, Bytes and SHA256 are
	// left.
	ArchivedAt time.Time      `json:"archived_at,omitzero"`
	Bytes      int64          `json:"bytes"` // of the audio; before there is a copy, as VBC declares them; -1 = unknown
	Key        string         `json:"key,omitempty"`
	SHA256     storage.Digest `json:"sha256,omitzero"`
	Sidecar    string         `json:"sidecar_key,omitempty"`
	Transcript string         `json:"transcript_key,omitempty"`
}

// Of makes an entry of a row.
func Of(r manifest.Row) Entry {
	e := Entry{
		Account: r.Account, Kind: string(r.Kind), User: r.Owner, ID: r.ID, Start: r.Start.UTC(),
		Direction: r.Direction, CallerID: r.CallerID, CNAM: r.CNAM, DNIS: r.DNIS, Extensions: r.Extensions, RuleIDs: r.RuleIDs,
		CallID: r.CallID, FileName: r.FileName, State: string(r.State), Bytes: r.Size,
	}
	if r.Duration >= 0 {
		e.DurationMS = new(r.Duration.Milliseconds())
	}
	if !r.Copy.ArchivedAt.IsZero() {
		e.ArchivedAt, e.Bytes, e.Key, e.SHA256 = r.Copy.ArchivedAt, r.Copy.Audio.Size, r.Copy.Audio.Key, r.Copy.Audio.SHA256
		e.Sidecar, e.Transcript = r.Copy.Sidecar.Key, r.Copy.Transcript.Key
	}
	if r.State == manifest.Erasing || r.State == manifest.Erased { // from its first moment on
		return Entry{Account: e.Account, Kind: e.Kind, User: e.User, ID: e.ID, Start: e.Start, State: e.State,
			Bytes: r.Copy.Audio.Size, SHA256: r.Copy.Audio.SHA256}
	}
	return e
}

// All makes entries of rows.
func All(rows iter.Seq2[manifest.Row, error]) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for row, err := range rows {
			if err != nil {
				yield(Entry{}, err)
				return
			}
			if !yield(Of(row), nil) {
				return
			}
		}
	}
}
