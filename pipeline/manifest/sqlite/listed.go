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
	known, err := rowsOf(q, r.Key())
	if err != nil {
		return manifest.Sighted{}, err
	}
	return manifest.Recognize(run, r, known), nil
}

// rowsOf are the rows that an id has had.
func rowsOf(q rower, key vbc.Key) (known []manifest.Known, err error) {
	rows, err := q.Query(`SELECT nth, raw, state, archived_at <> 0, audio <> '', displaced <> 0, seen_run, said
		FROM recording WHERE kind = ? AND owner = ? AND id = ? ORDER BY nth`, key.Kind, key.Owner, key.ID)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var k manifest.Known
		var said string
		if err := rows.Scan(&k.Nth, &k.Raw, &k.State, &k.Archived, &k.Copied, &k.Displaced, &k.SeenRun, &said); err != nil {
			return nil, err
		}
		if k.Said, err = manifest.DecodeSaid(said); err != nil {
			return nil, err
		}
		known = append(known, k)
	}
	return known, rows.Err()
}

// Look says of a listed recording what Add would say, together with what is
// known of it, and changes nothing. What VBC shows now is among what it has said.
func (m *Manifest) Look(ctx context.Context, r vbc.Recording) (manifest.Row, manifest.Sighting, error) {
	s, err := look(reading{ctx, m}, 0, r)
	if err != nil {
		return manifest.Row{}, s.Is, fmt.Errorf("read manifest: %w", err)
	}
	if r.Nth = s.Nth; s.Is.Unknown() {
		return manifest.Row{Recording: r, State: manifest.Listed, Said: s.Said}, s.Is, nil
	}
	row, err := m.Row(ctx, r.Key(), r.Nth)
	if s.Is != manifest.ErasedAgain {
		// Of what was written down and what is shown now, neither is forgotten.
		row.Said = manifest.EverSaid(row.Recording, string(r.Raw), s.Said).Said
	}
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

func (r reading) QueryRow(text string, args ...any) *sql.Row {
	s, err := r.m.stmt(r.ctx, text) //nolint:sqlclosecheck // kept for the next time
	if err != nil {
		return r.m.reads.QueryRowContext(r.ctx, text, args...) // which says so
	}
	return s.QueryRowContext(r.ctx, args...)
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
	if s.Is.Unknown() {
		err = insert(tx, run, *r, s.Said)
	} else {
		err = show(tx, run, *r, s)
	}
	if err == nil && s.Recalls {
		err = share(tx, r.Key())
	}
	return s.Is, err
}

// show writes down that a listing has shown what is known.
func show(tx txn, run int64, r vbc.Recording, s manifest.Sighted) error {
	if s.Is == manifest.Reappeared {
		if err := reappear(tx, run, r); err != nil {
			return err
		}
	}
	if s.Raw == string(r.Raw) || s.Is == manifest.ErasedAgain { // spares writing all the indexes made of it
		_, err := tx.Exec("UPDATE recording SET seen_run = ?, displaced = 0 WHERE "+thisRow, run, r.Kind, r.Owner, r.ID, r.Nth)
		return err
	}
	// The latest JSON is kept: a download_url may have been renewed. What holds look
	// at isn't forgotten with the one before.
	_, err := tx.Exec("UPDATE recording SET seen_run = ?, displaced = 0, raw = ?, odd = ?, said = ? WHERE "+thisRow,
		run, string(r.Raw), legible(r), manifest.EncodeSaid(s.Said), r.Kind, r.Owner, r.ID, r.Nth)
	return err
}

// share has all rows of one call know what VBC has said in any of them.
func share(tx txn, key vbc.Key) error {
	known, err := rowsOf(tx, key)
	if err != nil || len(known) < 2 {
		return err
	}
	for i, said := range manifest.Share(key, known) {
		if k := known[i]; len(said) > len(k.Said) && k.State != manifest.Erased {
			_, err := tx.Exec("UPDATE recording SET said = ? WHERE "+thisRow, manifest.EncodeSaid(said), key.Kind, key.Owner, key.ID, k.Nth)
			if err != nil {
				return err
			}
		}
	}
	return nil
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

// insert begins a recording anew; said is what VBC has said of the call before.
func insert(tx txn, run int64, r vbc.Recording, said []manifest.Said) error {
	if err := drop(tx, r); err != nil {
		return err
	}
	_, err := tx.Exec(`INSERT INTO recording (kind, owner, id, nth, start, size, raw, odd, state, seen_run, said) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		r.Kind, r.Owner, r.ID, r.Nth, r.Start.UnixMilli(), r.Size, string(r.Raw), legible(r), manifest.Listed, run, manifest.EncodeSaid(said))
	return err
}
