package manifest

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/vbc"
)

// Sighting is what the manifest knew of a recording when a listing showed it.
type Sighting int

const (
	New         Sighting = iota // never seen, or changed at VBC since: all work lies ahead
	Corrected                   // the same, and a recording is known that differs in nothing but its start
	Pending                     // seen before, work is left
	Archived                    // a verified copy is known
	Doubted                     // a copy was verified once, and is to be looked at again
	Reappeared                  // VBC had confirmed its deletion
	ErasedAgain                 // the same, and it was erased from the archive on request: not to be archived
	Repeated                    // shown before in this very run
)

// Unknown reports whether there is no row of just this recording.
func (s Sighting) Unknown() bool { return s == New || s == Corrected }

// Add writes down what a listing showed in run, says of each recording what was
// known of it, and sets its Nth. All of them must be readable and the manifest
// bound to their account.
//
// What the listing shows under a known id may be another recording, or the same
// with a start that was corrected. What is known with a copy stays: it is
// displaced, which says that VBC has it no more under that id.
func (m *Manifest) Add(ctx context.Context, run int64, recordings []vbc.Recording) ([]Sighting, error) {
	seen := make([]Sighting, len(recordings))
	err := m.do(ctx, func(tx txn) error {
		for i := range recordings {
			var err error
			if seen[i], err = add(tx, run, &recordings[i]); err != nil {
				return &WriteError{err}
			}
		}
		return nil
	})
	return seen, err
}

// sighted is what is known of a recording that a listing shows.
type sighted struct {
	is     Sighting
	nth    int64  // of its row; of the one that it gets if it has none
	raw    string // what its row has of VBC's JSON
	others bool   // another row seems to have the id
}

// rower reads rows.
type rower interface {
	Query(query string, args ...any) (*sql.Rows, error)
}

// look says what is known of a recording, in all rows that its id has had.
func look(q rower, run int64, r vbc.Recording) (s sighted, err error) {
	rows, err := q.Query("SELECT nth, raw, state, archived_at, seen_run, displaced, audio <> '' FROM recording WHERE kind = ? AND owner = ? AND id = ? ORDER BY nth",
		r.Kind, r.Owner, r.ID)
	if err != nil {
		return s, err
	}
	defer rows.Close()
	found, repeated := false, false
	for rows.Next() {
		var k struct {
			nth, archived, seenRun, displaced int64
			raw                               string
			state                             State
			copied                            bool
		}
		if err := rows.Scan(&k.nth, &k.raw, &k.state, &k.archived, &k.seenRun, &k.displaced, &k.copied); err != nil {
			return s, err
		}
		if run != 0 && k.seenRun == run {
			s.is, s.nth, repeated = Repeated, k.nth, true
		}
		if repeated || found {
			s.others = s.others || k.displaced == 0
			continue
		}
		if is := sight(k.raw, k.state, k.archived, r); is != New {
			s.is, s.nth, s.raw, found = is, k.nth, k.raw, true
			continue
		}
		s.others = s.others || k.displaced == 0
		switch {
		case !keeps(k.state, k.copied): // its place is free
		case corrected(k.raw, r):
			s.is, s.nth = Corrected, k.nth+1
		default:
			s.nth = k.nth + 1
		}
	}
	return s, rows.Err()
}

// sight compares what a listing shows with one row under its id: New if that is
// another recording, or one of which nothing but its end is known.
func sight(raw string, state State, archived int64, r vbc.Recording) Sighting {
	switch {
	case (state == Erasing || state == Erased) && sameBare(json.RawMessage(raw), r):
		return ErasedAgain
	case !vbc.ParseRecording(r.Kind, r.Owner, json.RawMessage(raw)).Same(r) && (!isBare(raw) || !sameBare(json.RawMessage(raw), r)):
		return New // the copy that we know is not a copy of it
	case state == Gone, state == Erasing, state == Erased:
		return New
	case state == Purged:
		return Reappeared
	case archived != 0 && state == Stored:
		return Doubted
	case archived != 0:
		return Archived
	}
	return Pending
}

// keeps reports whether a row stays when VBC shows another recording under its
// id: there is a copy, or has been one.
func keeps(s State, copied bool) bool { return copied || s == Erasing || s == Erased }

// corrected reports whether a listing shows a known recording with another
// start: VBC has corrected it.
func corrected(raw string, r vbc.Recording) bool {
	was := vbc.ParseRecording(r.Kind, r.Owner, json.RawMessage(raw))
	return was.Unreadable == "" && !was.Start.Equal(r.Start) && alias(was, r)
}

// alias reports whether two answers of VBC with the same id are of one call:
// all that tells calls apart agrees, whatever their start.
func alias(a, b vbc.Recording) bool {
	return a.ID == b.ID && a.Kind == b.Kind && a.Owner == b.Owner && a.Size == b.Size &&
		a.CallID != "" && a.CallID == b.CallID && a.FileName != "" && a.FileName == b.FileName
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
	s, err := look(reading{ctx, m}, 0, r)
	if err != nil {
		return Row{}, s.is, fmt.Errorf("read manifest: %w", err)
	}
	if r.Nth = s.nth; s.is.Unknown() {
		return Row{Recording: r, State: Listed}, s.is, nil
	}
	row, err := m.Row(ctx, r.Kind, r.Owner, r.ID, r.Nth)
	return row, s.is, err
}

// reading reads outside of a transaction.
type reading struct {
	ctx context.Context
	m   *Manifest
}

func (r reading) Query(text string, args ...any) (*sql.Rows, error) {
	return r.m.read(r.ctx, text, args...)
}

func add(tx txn, run int64, r *vbc.Recording) (Sighting, error) {
	s, err := look(tx, run, *r)
	if err != nil {
		return s.is, err
	}
	if r.Nth = s.nth; s.is == Repeated {
		return s.is, nil
	}
	if s.others {
		if err := displace(tx, run, *r); err != nil {
			return s.is, err
		}
	}
	switch s.is {
	case New, Corrected:
		return s.is, insert(tx, run, *r)
	case Reappeared:
		if err := reappear(tx, run, *r); err != nil {
			return s.is, err
		}
	}
	if s.raw == string(r.Raw) || s.is == ErasedAgain { // spares writing all the indexes made of it
		_, err = tx.Exec("UPDATE recording SET seen_run = ?, displaced = 0 WHERE "+thisRow, run, r.Kind, r.Owner, r.ID, r.Nth)
		return s.is, err
	}
	// The latest JSON is kept: a download_url may have been renewed.
	_, err = tx.Exec("UPDATE recording SET seen_run = ?, displaced = 0, raw = ?, odd = ? WHERE "+thisRow,
		run, string(r.Raw), legible(*r), r.Kind, r.Owner, r.ID, r.Nth)
	return s.is, err
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
	_, err := tx.Exec("UPDATE recording SET state = ?, reappeared = 1, displaced = 0 WHERE "+thisRow, Verified, r.Kind, r.Owner, r.ID, r.Nth)
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
	_, err := tx.Exec(`INSERT INTO recording (kind, owner, id, nth, start, size, raw, odd, state, seen_run) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		r.Kind, r.Owner, r.ID, r.Nth, r.Start.UnixMilli(), r.Size, string(r.Raw), legible(r), Listed, run)
	return err
}
