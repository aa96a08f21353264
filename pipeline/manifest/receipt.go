package manifest

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"iter"
	"time"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// Entry is one line of the receipts. Every purge has an intent, on disk before
// the DELETE is sent, and an outcome. Entries are never changed, and hold no
// caller's data.
type Entry struct {
	Type    EntryType `json:"type"`
	At      time.Time `json:"at"` // UTC
	Run     int64     `json:"run"`
	Account string    `json:"account"`
	Kind    vbc.Kind  `json:"kind"`
	Owner   string    `json:"owner,omitempty"`
	ID      int64     `json:"id"`

	// Of an intent: the copy that justifies the purge, where it is
	// (destination and object), and when the store confirmed it.
	Destination string          `json:"destination,omitempty"`
	Audio       *storage.Object `json:"audio,omitempty"`
	Sidecar     *storage.Object `json:"sidecar,omitempty"`
	Verified    time.Time       `json:"verified,omitzero"`

	// Of an outcome: what was found.
	Outcome Outcome `json:"outcome,omitempty"`
}

// EntryType distinguishes the two entries of a purge.
type EntryType string

const (
	Intent EntryType = "intent"
	Result EntryType = "outcome"
)

// Outcome is what became of an intended purge.
type Outcome string

const (
	Deleted    Outcome = "deleted"     // VBC confirmed the DELETE
	NotThere   Outcome = "not there"   // VBC says that it has no such recording (404)
	StillThere Outcome = "still there" // VBC still has it
)

// NewEntry begins an entry about a recording.
func NewEntry(t EntryType, run int64, r vbc.Recording) Entry {
	return Entry{Type: t, At: time.Now().UTC(), Run: run, Account: r.Account, Kind: r.Kind, Owner: r.Owner, ID: r.ID}
}

func addEntry(tx *sql.Tx, e Entry) error {
	b, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("write receipt: %w", err)
	}
	if _, err = tx.Exec("INSERT INTO receipt (entry) VALUES (?)", string(b)); err != nil {
		return &WriteError{err}
	}
	return nil
}

// Receipts yields all entries, oldest first.
func (m *Manifest) Receipts(ctx context.Context) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		rows, err := m.reads.QueryContext(ctx, "SELECT entry FROM receipt ORDER BY seq")
		if err != nil {
			yield(Entry{}, fmt.Errorf("read receipts: %w", err))
			return
		}
		defer rows.Close()
		for rows.Next() {
			var text string
			var e Entry
			err := rows.Scan(&text)
			if err == nil {
				err = json.Unmarshal([]byte(text), &e)
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(Entry{}, fmt.Errorf("read receipts: %w", err))
		}
	}
}
