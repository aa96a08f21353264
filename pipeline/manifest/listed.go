package manifest

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/vbc"
)

// Sighting is what the manifest knew of a recording when a listing showed it.
type Sighting int

const (
	New         Sighting = iota // never seen, or changed at VBC since: all work lies ahead
	Pending                     // seen before, work is left
	Archived                    // a verified copy is known
	Doubted                     // a copy was verified once, and is to be looked at again
	Reappeared                  // VBC had confirmed its deletion
	ErasedAgain                 // the same, and it was erased from the archive on request: not to be archived
	Repeated                    // shown before in this very run
)

// Add writes down what a listing showed in run, and says of each recording
// what was known of it. All of them must be readable and the manifest bound
// to their account.
func (m *Manifest) Add(ctx context.Context, run int64, recordings []vbc.Recording) ([]Sighting, error) {
	seen := make([]Sighting, len(recordings))
	err := m.do(ctx, func(tx txn) error {
		for i, r := range recordings {
			var err error
			if seen[i], err = add(tx, run, r); err != nil {
				return &WriteError{err}
			}
		}
		return nil
	})
	return seen, err
}

// known is what decides about a sighting.
const known = "SELECT raw, state, archived_at, seen_run FROM recording WHERE kind = ? AND owner = ? AND id = ?"

// look says also what the manifest has of VBC's JSON.
func look(row *sql.Row, run int64, r vbc.Recording) (s Sighting, raw string, err error) {
	var state State
	var archived, seenRun int64
	err = row.Scan(&raw, &state, &archived, &seenRun)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return New, raw, nil
	case err != nil:
		return New, raw, err
	case run != 0 && seenRun == run:
		return Repeated, raw, nil
	case (state == Erasing || state == Erased) && sameBare(json.RawMessage(raw), r):
		return ErasedAgain, raw, nil
	case !vbc.ParseRecording(r.Kind, r.Owner, json.RawMessage(raw)).Same(r) && (!isBare(raw) || !sameBare(json.RawMessage(raw), r)):
		// Another recording under a known id, or one that has changed. The
		// copy that we know is not a copy of it.
		return New, raw, nil
	case state == Gone, state == Erasing, state == Erased:
		return New, raw, nil
	case state == Purged:
		return Reappeared, raw, nil
	case archived != 0 && state == Stored:
		return Doubted, raw, nil
	case archived != 0:
		return Archived, raw, nil
	}
	return Pending, raw, nil
}

// sameBare reports whether a listing shows a recording of which only id, start
// and size are known.
func sameBare(raw json.RawMessage, r vbc.Recording) bool {
	was := vbc.ParseRecording(r.Kind, r.Owner, raw)
	return was.ID == r.ID && was.Start.Truncate(time.Second).Equal(r.Start.Truncate(time.Second)) && was.Size == r.Size
}

// Look says of a listed recording what Add would say, together with what is
// known of it, and changes nothing.
func (m *Manifest) Look(ctx context.Context, r vbc.Recording) (Row, Sighting, error) {
	s, _, err := look(m.reads.QueryRowContext(ctx, known, r.Kind, r.Owner, r.ID), 0, r)
	if err != nil {
		return Row{}, s, fmt.Errorf("read manifest: %w", err)
	}
	if s == New {
		return Row{Recording: r, State: Listed}, s, nil
	}
	row, err := m.Get(ctx, r.Kind, r.Owner, r.ID)
	return row, s, err
}

func add(tx txn, run int64, r vbc.Recording) (Sighting, error) {
	s, raw, err := look(tx.QueryRow(known, r.Kind, r.Owner, r.ID), run, r)
	if err != nil {
		return s, err
	}
	switch s {
	case Repeated:
		return s, nil
	case ErasedAgain:
		_, err := tx.Exec("UPDATE recording SET seen_run = ? WHERE kind = ? AND owner = ? AND id = ?", run, r.Kind, r.Owner, r.ID)
		return s, err
	case New:
		return s, insert(tx, run, r)
	case Reappeared:
		if err := reappear(tx, run, r); err != nil {
			return s, err
		}
	}
	if raw == string(r.Raw) { // spares writing all the indexes made of it
		_, err = tx.Exec("UPDATE recording SET seen_run = ? WHERE kind = ? AND owner = ? AND id = ?", run, r.Kind, r.Owner, r.ID)
		return s, err
	}
	// The latest JSON is kept: a download_url may have been renewed.
	_, err = tx.Exec("UPDATE recording SET seen_run = ?, raw = ?, odd = ? WHERE kind = ? AND owner = ? AND id = ?",
		run, string(r.Raw), legible(r), r.Kind, r.Owner, r.ID)
	return s, err
}

// reappear takes back that a recording was purged. Its copy is still known.
func reappear(tx txn, run int64, r vbc.Recording) error {
	still := receipt.New(receipt.Result, run, r)
	still.Outcome = receipt.StillThere
	if err := addEntry(tx, still); err != nil {
		return err
	}
	_, err := tx.Exec("UPDATE recording SET state = ?, reappeared = 1 WHERE kind = ? AND owner = ? AND id = ?", Verified, r.Kind, r.Owner, r.ID)
	if err != nil {
		return &WriteError{err}
	}
	return nil
}

// insert begins a recording anew.
func insert(tx txn, run int64, r vbc.Recording) error {
	if err := drop(tx, r); err != nil {
		return err
	}
	_, err := tx.Exec(`INSERT INTO recording (kind, owner, id, start, size, raw, odd, state, seen_run) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		r.Kind, r.Owner, r.ID, r.Start.UnixMilli(), r.Size, string(r.Raw), legible(r), Listed, run)
	return err
}
