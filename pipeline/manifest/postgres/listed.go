package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

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
	err := m.do(ctx, func(tx *txn) error {
		return inRounds(len(recordings), func(i int) vbc.Key { return recordings[i].Key() }, func(these []int) error {
			if err := add(tx, run, recordings, these, seen); err != nil {
				return writeError(err)
			}
			return nil
		})
	})
	return seen, err
}

// inRounds calls f for some of n at once, by their indexes, all of which have other keys:
// what has a key again comes in the next round.
func inRounds(n int, key func(i int) vbc.Key, f func(these []int) error) error {
	left := make([]int, n)
	for i := range left {
		left[i] = i
	}
	for len(left) > 0 {
		var these, others []int
		taken := make(map[vbc.Key]bool, len(left))
		for _, i := range left {
			if taken[key(i)] {
				others = append(others, i)
				continue
			}
			taken[key(i)] = true
			these = append(these, i)
		}
		if err := f(these); err != nil {
			return err
		}
		left = others
	}
	return nil
}

// look says what is known of a recording, in all rows that its id has had.
func look(q reader, run int64, r vbc.Recording) (manifest.Sighted, error) {
	known, err := rowsOf(q, r)
	if err != nil {
		return manifest.Sighted{}, err
	}
	return manifest.Recognize(run, r, known[r.Key()]), nil
}

// rowsOf are the rows that the ids of recordings have had.
func rowsOf(q reader, recordings ...vbc.Recording) (map[vbc.Key][]manifest.Known, error) {
	type row struct {
		key vbc.Key
		manifest.Known
	}
	all := keysOf(recordings)
	rows, err := collect(q, func(c pgx.CollectableRow) (r row, err error) {
		var raw []byte
		var said string
		err = c.Scan(&r.key.Kind, &r.key.Owner, &r.key.ID, &r.Nth, &raw, &r.State, &r.Archived, &r.Copied, &r.Displaced, &r.SeenRun, &said)
		if err == nil {
			r.Raw = string(raw)
			r.Said, err = manifest.DecodeSaid(said)
		}
		return r, err
	}, `SELECT r.kind, r.owner, r.id, r.nth, raw, state, archived_at <> 0, audio IS NOT NULL, displaced <> 0, seen_run, said
		FROM unnest($2::text[], $3::text[], $4::bigint[]) AS u (kind, owner, id)
		JOIN vbcvault.recording r ON r.account = $1 AND r.kind = u.kind AND r.owner = u.owner AND r.id = u.id ORDER BY r.nth`, all.kind, all.owner, all.id)
	known := make(map[vbc.Key][]manifest.Known, len(rows))
	for _, r := range rows {
		known[r.key] = append(known[r.key], r.Known)
	}
	return known, err
}

// Look says of a listed recording what Add would say, together with what is
// known of it, and changes nothing. What VBC shows now is among what it has said.
func (m *Manifest) Look(ctx context.Context, r vbc.Recording) (manifest.Row, manifest.Sighting, error) {
	s, err := look(reading{ctx, m}, 0, r)
	if err != nil {
		return manifest.Row{}, s.Is, err
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

// shown is what a listing changes.
type shown struct {
	displacing, back, same []vbc.Recording
	changed                rewriting
	begun                  rowsToWrite
	recalling              []vbc.Key
}

// add writes down that a listing of run has shown some recordings, all of other keys.
func add(tx *txn, run int64, recordings []vbc.Recording, these []int, seen []manifest.Sighting) error {
	some := make([]vbc.Recording, len(these))
	for n, i := range these {
		some[n] = recordings[i]
	}
	known, err := rowsOf(tx, some...)
	if err != nil {
		return err
	}
	var c shown
	for _, i := range these {
		r := &recordings[i]
		s := manifest.Recognize(run, *r, known[r.Key()])
		seen[i], r.Nth = s.Is, s.Nth
		c.note(run, *r, s)
	}
	return c.write(tx, run)
}

// note notes what is to be changed for one recording.
func (c *shown) note(run int64, r vbc.Recording, s manifest.Sighted) {
	if s.Is == manifest.Repeated {
		return
	}
	if s.Others {
		c.displacing = append(c.displacing, r)
	}
	if s.Is == manifest.Reappeared {
		c.back = append(c.back, r)
	}
	switch {
	case s.Is.Unknown():
		c.begun.add(manifest.Row{Recording: r, State: manifest.Listed, SeenRun: run, Said: s.Said}, 0)
	case s.Raw == string(r.Raw) || s.Is == manifest.ErasedAgain: // spares writing what is made of it
		c.same = append(c.same, r)
	default:
		// The latest JSON is kept: a download_url may have been renewed. What holds look
		// at isn't forgotten with the one before.
		c.changed.add(r, s.Said)
	}
	if s.Recalls {
		c.recalling = append(c.recalling, r.Key())
	}
}

func (c *shown) write(tx *txn, run int64) error {
	err := displace(tx, run, c.displacing)
	if err == nil {
		err = drop(tx, c.begun.keys)
	}
	if err == nil {
		err = insertRows(tx, &c.begun)
	}
	for _, r := range c.back {
		if err == nil {
			err = reappear(tx, run, r)
		}
	}
	if err == nil && len(c.same) > 0 {
		all := keysOf(c.same)
		_, err = tx.Exec("UPDATE vbcvault.recording r SET seen_run = $6, displaced = 0 FROM "+theseKeys+" WHERE "+theseRows, all.values(run)...)
	}
	if err == nil {
		err = c.changed.write(tx, ", seen_run = $19, displaced = 0", run)
	}
	for _, key := range c.recalling {
		if err == nil {
			err = share(tx, key)
		}
	}
	return err
}

// share has all rows of one call know what VBC has said in any of them.
func share(tx *txn, key vbc.Key) error {
	all, err := rowsOf(tx, vbc.Recording{Kind: key.Kind, Owner: key.Owner, ID: key.ID})
	known := all[key]
	if err != nil || len(known) < 2 {
		return err
	}
	for i, said := range manifest.Share(key, known) {
		if k := known[i]; len(said) > len(k.Said) && k.State != manifest.Erased {
			_, err := tx.Exec("UPDATE vbcvault.recording SET said = $6 WHERE "+thisRow, key.Kind, key.Owner, key.ID, k.Nth, manifest.EncodeSaid(said))
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// displace writes down that a listing has shown recordings under ids that other rows
// have. Those without a copy are forgotten, as what has changed at VBC.
func displace(tx *txn, run int64, recordings []vbc.Recording) error {
	if len(recordings) == 0 {
		return nil
	}
	all := keysOf(recordings)
	const others = theseKeys + " WHERE r.account = $1 AND r.kind = u.kind AND r.owner = u.owner AND r.id = u.id AND r.nth <> u.nth AND r.displaced = 0"
	_, err := tx.Exec("DELETE FROM vbcvault.recording r USING "+others+" AND r.audio IS NULL AND r.state NOT IN ('erasing', 'erased')", all.values()...)
	if err == nil {
		_, err = tx.Exec("UPDATE vbcvault.recording r SET displaced = $6 FROM "+others, all.values(run)...)
	}
	return err
}

// StillListed finds, among recordings that a listing of run shows, those that
// this manifest holds for purged, and takes that back: VBC has them still.
func (m *Manifest) StillListed(ctx context.Context, run int64, recordings []vbc.Recording) (still []vbc.Recording, err error) {
	err = m.do(ctx, func(tx *txn) error {
		still = nil
		return inRounds(len(recordings), func(i int) vbc.Key { return recordings[i].Key() }, func(these []int) error {
			some := make([]vbc.Recording, len(these))
			for n, i := range these {
				some[n] = recordings[i]
			}
			known, err := rowsOf(tx, some...)
			if err != nil {
				return writeError(err)
			}
			for _, r := range some {
				s := manifest.Recognize(0, r, known[r.Key()])
				if s.Is != manifest.Reappeared {
					continue
				}
				r.Nth = s.Nth
				if err := reappear(tx, run, r); err != nil {
					return err
				}
				still = append(still, r)
			}
			return nil
		})
	})
	return still, err
}

// reappear takes back that a recording was purged. Its copy is still known.
func reappear(tx *txn, run int64, r vbc.Recording) error {
	still := receipt.New(receipt.Result, run, r)
	still.Outcome = receipt.StillThere
	if err := addEntry(tx, still); err != nil {
		return err
	}
	_, err := tx.Exec(fmt.Sprintf("UPDATE vbcvault.recording SET state = '%s', reappeared = true, displaced = 0 WHERE %s", manifest.Verified, thisRow), keyOf(r)...)
	if err != nil {
		return writeError(err)
	}
	return nil
}
