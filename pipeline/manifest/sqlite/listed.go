package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/vbc"
)

// Add writes down what a listing showed in run, says of each recording what was
// known of it, and sets its Nth. All of them must be readable and the manifest
// bound to their account.
//
// What the listing shows under a known id may be another recording, or the same
// with a start that was corrected. What is known with a copy stays: it is
// displaced, which says that VBC has it no more under that id.
func (m *Manifest) Add(ctx context.Context, run int64, recordings []vbc.Recording) ([]manifest.Sighting, error) {
	seen := make([]manifest.Sighting, len(recordings))
	err := m.do(ctx, func(tx txn) error {
		for i := range recordings {
			var err error
			if seen[i], err = add(tx, run, &recordings[i]); err != nil {
				return writeError(err)
			}
		}
		return nil
	})
	return seen, err
}

// rower reads rows.
type rower interface {
	Query(query string, args ...any) (*sql.Rows, error)
}

// look says what is known of a recording, in all rows that its id has had.
func look(q rower, run int64, r vbc.Recording) (manifest.Sighted, error) {
	rows, err := q.Query("SELECT nth, raw, state, archived_at <> 0, audio <> '', displaced <> 0, seen_run FROM recording WHERE kind = ? AND owner = ? AND id = ? ORDER BY nth",
		r.Kind, r.Owner, r.ID)
	if err != nil {
		return manifest.Sighted{}, err
	}
	defer rows.Close()
	var known []manifest.Known
	for rows.Next() {
		var k manifest.Known
		if err := rows.Scan(&k.Nth, &k.Raw, &k.State, &k.Archived, &k.Copied, &k.Displaced, &k.SeenRun); err != nil {
			return manifest.Sighted{}, err
		}
		known = append(known, k)
	}
	return manifest.Recognize(run, r, known), rows.Err()
}

// Look says of a listed recording what Add would say, together with what is
// known of it, and changes nothing.
func (m *Manifest) Look(ctx context.Context, r vbc.Recording) (manifest.Row, manifest.Sighting, error) {
	s, err := look(reading{ctx, m}, 0, r)
	if err != nil {
		return manifest.Row{}, s.Is, fmt.Errorf("read manifest: %w", err)
	}
	if r.Nth = s.Nth; s.Is.Unknown() {
		return manifest.Row{Recording: r, State: manifest.Listed}, s.Is, nil
	}
	row, err := m.Row(ctx, r.Key(), r.Nth)
	return row, s.Is, err
}

// reading reads outside of a transaction.
type reading struct {
	ctx context.Context
	m   *Manifest
}

func (r reading) Query(text string, args ...any) (*sql.Rows, error) {
	return r.m.read(r.ctx, text, args...)
}

func add(tx txn, run int64, r *vbc.Recording) (manifest.Sighting, error) {
	s, err := look(tx, run, *r)
	if err != nil {
		return s.Is, err
	}
	if r.Nth = s.Nth; s.Is == manifest.Repeated {
		return s.Is, nil
	}
	if s.Others {
		if err := displace(tx, run, *r); err != nil {
			return s.Is, err
		}
	}
	switch s.Is {
	case manifest.New, manifest.Corrected:
		return s.Is, insert(tx, run, *r)
	case manifest.Reappeared:
		if err := reappear(tx, run, *r); err != nil {
			return s.Is, err
		}
	}
	if s.Raw == string(r.Raw) || s.Is == manifest.ErasedAgain { // spares writing all the indexes made of it
		_, err = tx.Exec("UPDATE recording SET seen_run = ?, displaced = 0 WHERE "+thisRow, run, r.Kind, r.Owner, r.ID, r.Nth)
		return s.Is, err
	}
	// The latest JSON is kept: a download_url may have been renewed.
	_, err = tx.Exec("UPDATE recording SET seen_run = ?, displaced = 0, raw = ?, odd = ? WHERE "+thisRow,
		run, string(r.Raw), legible(*r), r.Kind, r.Owner, r.ID, r.Nth)
	return s.Is, err
}

// displace writes down that a listing has shown r under an id that other rows
// have. Those without a copy are forgotten, as what has changed at VBC.
func displace(tx txn, run int64, r vbc.Recording) error {
	const others = "kind = ? AND owner = ? AND id = ? AND nth <> ? AND displaced = 0"
	_, err := tx.Exec("DELETE FROM recording WHERE "+others+" AND audio = '' AND state NOT IN ('erasing', 'erased')", r.Kind, r.Owner, r.ID, r.Nth)
	if err == nil {
		_, err = tx.Exec("UPDATE recording SET displaced = ? WHERE "+others, run, r.Kind, r.Owner, r.ID, r.Nth)
	}
	return err
}

// reappear takes back that a recording was purged. Its copy is still known.
func reappear(tx txn, run int64, r vbc.Recording) error {
	still := receipt.New(receipt.Result, run, r)
	still.Outcome = receipt.StillThere
	if err := addEntry(tx, still); err != nil {
		return err
	}
	_, err := tx.Exec("UPDATE recording SET state = ?, reappeared = 1, displaced = 0 WHERE "+thisRow, manifest.Verified, r.Kind, r.Owner, r.ID, r.Nth)
	if err != nil {
		return writeError(err)
	}
	return nil
}

// insert begins a recording anew.
func insert(tx txn, run int64, r vbc.Recording) error {
	if err := drop(tx, r); err != nil {
		return err
	}
	_, err := tx.Exec(`INSERT INTO recording (kind, owner, id, nth, start, size, raw, odd, state, seen_run) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		r.Kind, r.Owner, r.ID, r.Nth, r.Start.UnixMilli(), r.Size, string(r.Raw), legible(r), manifest.Listed, run)
	return err
}
