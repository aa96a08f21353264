package postgres

import (
	"context"
	"errors"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

var errNotCreating = errors.New("records are written as they come only while a manifest is being created")

// Put writes rows down as they are, in place of what is known of the same
// recordings, as far as an archive can tell them apart: by id, second and number
// of bytes. It sets the Nth of each. It is no step of the state machine, and so
// only within Create.
func (m *Manifest) Put(ctx context.Context, rows ...manifest.Row) error {
	return m.create(ctx, func(tx *txn) error {
		return inRounds(len(rows), func(i int) vbc.Key { return rows[i].Key() }, func(these []int) error { return put(tx, pick(rows, these)) })
	})
}

// pick are some of all, by their indexes.
func pick[T any](all []T, these []int) (some []*T) {
	for _, i := range these {
		some = append(some, &all[i])
	}
	return some
}

// Tell is Put for what somebody else's receipts tell, in their order. A row
// without a copy says only what has become of one that was told of before, with the
// same SeenRun if there is one. One without a state is verified, unless its deletion
// was told of before.
func (m *Manifest) Tell(ctx context.Context, rows []manifest.Row) error {
	return m.create(ctx, func(tx *txn) error {
		return inRounds(len(rows), func(i int) vbc.Key { return rows[i].Key() }, func(these []int) error {
			var copied, stateless, others []*manifest.Row
			for _, i := range these {
				r := rows[i]
				switch {
				case !r.Copy.Known():
					others = append(others, &r)
					continue
				case r.State == "":
					stateless = append(stateless, &r)
				}
				copied = append(copied, &r)
			}
			if err := stateTold(tx, stateless); err != nil {
				return err
			}
			if err := put(tx, copied); err != nil {
				return err
			}
			return tellOf(tx, others)
		})
	})
}

// told is what an archive tells recordings apart by, column by column, and what is told
// of them.
type told struct {
	keys
	second, bytes, run, storedAt []int64
	state                        []string
}

func toldOf(rows []*manifest.Row) (all told) {
	for _, r := range rows {
		all.keys.add(r.Recording)
		bytes := r.Size
		if r.Copy.Known() {
			bytes = r.Copy.Audio.Size
		}
		all.second, all.bytes, all.run = append(all.second, second(r.Start)), append(all.bytes, bytes), append(all.run, r.SeenRun)
		all.storedAt, all.state = append(all.storedAt, millis(r.Copy.StoredAt)), append(all.state, string(r.State))
	}
	return all
}

// ofArchive are rows of known recordings, r, by all that an archive tells them apart by.
const (
	ofArchive = "unnest($2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[]) WITH ORDINALITY AS u (kind, owner, id, second, bytes, i) LEFT JOIN vbcvault.recording r " +
		"ON r.account = $1 AND r.kind = u.kind AND r.owner = u.owner AND r.id = u.id"
	itsSame = "r.start / 1000 = u.second AND coalesce((r.audio ->> 'size')::bigint, r.size) = u.bytes"
)

// stateTold gives rows the state that they were told to be in.
func stateTold(tx *txn, rows []*manifest.Row) error {
	if len(rows) == 0 {
		return nil
	}
	all := toldOf(rows)
	states, err := collect(tx, pgx.RowTo[string], "SELECT coalesce(max(r.state) FILTER (WHERE r.state IN ('purging', 'purged') AND "+itsSame+"), 'verified') FROM "+ofArchive+" GROUP BY u.i ORDER BY u.i",
		all.kind, all.owner, all.id, all.second, all.bytes)
	for i, s := range states {
		rows[i].State = manifest.State(s)
	}
	return err
}

// tellOf writes down what has become of rows. Entries of earlier programs don't say which
// start: then it is about the copy that was told of last.
func tellOf(tx *txn, rows []*manifest.Row) error {
	if len(rows) == 0 {
		return nil
	}
	all := toldOf(rows)
	_, err := tx.Exec(`UPDATE vbcvault.recording r SET state = u.state, stored_at = u.stored_at FROM (
			SELECT u.*, (SELECT o.nth FROM vbcvault.recording o WHERE o.account = $1 AND o.kind = u.kind AND o.owner = u.owner AND o.id = u.id AND (u.second = 0 OR o.start / 1000 = u.second)
				ORDER BY o.seen_run = u.run DESC, o.stored_at DESC, o.nth DESC LIMIT 1) AS nth
			FROM unnest($2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::text[]) AS u (kind, owner, id, second, run, stored_at, state)) AS u
		WHERE `+theseRows+` AND r.state NOT IN ('erasing', 'erased')`, all.kind, all.owner, all.id, all.second, all.run, all.storedAt, all.state)
	return err
}

// put writes rows down, all of other ids.
func put(tx *txn, rows []*manifest.Row) error {
	if len(rows) == 0 {
		return nil
	}
	all := toldOf(rows)
	nths, err := collect(tx, pgx.RowTo[int64], "SELECT coalesce(max(r.nth) FILTER (WHERE "+itsSame+"), max(r.nth) + 1, 0) FROM "+ofArchive+" GROUP BY u.i ORDER BY u.i",
		all.kind, all.owner, all.id, all.second, all.bytes)
	if err != nil {
		return err
	}
	var w rowsToWrite
	for i, r := range rows {
		r.Nth = nths[i]
		w.add(*r, 0)
	}
	if err := drop(tx, w.keys); err != nil {
		return err
	}
	return insertRows(tx, &w)
}

// Drop forgets a recording, within Create.
func (m *Manifest) Drop(ctx context.Context, r vbc.Recording) error {
	return m.create(ctx, func(tx *txn) error { return drop(tx, keysOf([]vbc.Recording{r})) })
}

func (m *Manifest) create(ctx context.Context, change func(*txn) error) error {
	if !m.creating {
		return errNotCreating
	}
	return m.do(ctx, func(tx *txn) error {
		if err := change(tx); err != nil {
			return writeError(err)
		}
		return nil
	})
}

// Displace writes down, of recordings that have had the same id, that VBC has
// given it again to the one that was archived last. It is for Create, when all
// are written. Rows of one call know then what VBC has said in any of them.
func (m *Manifest) Displace(ctx context.Context) error {
	return m.create(ctx, func(tx *txn) error {
		const several = "SELECT DISTINCT kind, owner, id FROM vbcvault.recording WHERE account = $1 AND nth > 0"
		_, err := tx.Exec(`UPDATE vbcvault.recording r SET displaced = -1 WHERE account = $1 AND (kind, owner, id) IN (` + several + `) AND EXISTS (
			SELECT 1 FROM vbcvault.recording o WHERE o.account = $1 AND o.kind = r.kind AND o.owner = r.owner AND o.id = r.id AND (o.stored_at, o.nth) > (r.stored_at, r.nth))`)
		if err != nil {
			return err
		}
		all, err := collect(tx, func(row pgx.CollectableRow) (key vbc.Key, err error) {
			return key, row.Scan(&key.Kind, &key.Owner, &key.ID)
		}, several)
		for _, key := range all {
			if err == nil {
				err = share(tx, key)
			}
		}
		return err
	})
}

// SuspectTwins has the next run ask VBC about recordings that have another one's
// audio, as far as VBC may have them. It is for Create, when all are written.
func (m *Manifest) SuspectTwins(ctx context.Context) error {
	all, err := sharing(reading{ctx, m}) // in no transaction: nobody else writes
	if err != nil {
		return err
	}
	var suspects keys
	for _, recordings := range all {
		for _, r := range recordings {
			if slices.ContainsFunc(recordings, func(o vbc.Recording) bool { return !manifest.OneRecording(o, r) }) {
				suspects.add(r)
			}
		}
	}
	return m.create(ctx, func(tx *txn) error {
		_, err := tx.Exec(suspect+"FROM "+theseKeys+" WHERE "+theseRows+mayBeSuspect, suspects.values()...)
		return err
	})
}

// sharing are the recordings whose audio another row has. Of what was erased unread
// nobody knows which audio it was.
func sharing(q reader) (map[storage.Digest][]vbc.Recording, error) {
	type copied struct {
		vbc.Recording
		sum storage.Digest
	}
	rows, err := collect(q, func(row pgx.CollectableRow) (c copied, err error) {
		var kind vbc.Kind
		var owner, digest string
		var id, nth int64
		var raw []byte
		if err = row.Scan(&kind, &owner, &id, &nth, &raw, &digest); err != nil {
			return c, err
		}
		c.Recording = vbc.ParseRecording(kind, owner, raw)
		c.Owner, c.ID, c.Nth = owner, id, nth
		c.sum, err = storage.ParseDigest(digest)
		return c, err
	}, `SELECT kind, owner, id, nth, raw, audio ->> 'sha256' FROM vbcvault.recording WHERE account = $1 AND audio IS NOT NULL AND audio ->> 'sha256' <> ''
		AND left(audio ->> 'sha256', 16) IN (SELECT left(audio ->> 'sha256', 16) FROM vbcvault.recording WHERE account = $1 AND audio IS NOT NULL GROUP BY 1 HAVING count(*) > 1)`)
	all := map[storage.Digest][]vbc.Recording{}
	for _, c := range rows {
		all[c.sum] = append(all[c.sum], c.Recording)
	}
	return all, err
}
