package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"iter"
	"math"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
)

var _ manifest.Past = (*Manifest)(nil)

// glancePage is how many rows are read at once: no reader keeps a run's writes from
// being put in their place for long.
const glancePage = 2000

// Glances yields all recordings in the order of the primary key, in which they lie on
// disk. VBC's JSON is not read.
func (m *Manifest) Glances(ctx context.Context) iter.Seq2[manifest.Glance, error] {
	type keyed struct {
		manifest.Glance
		cursor
	}
	return func(yield func(manifest.Glance, error) bool) {
		c := cursor{id: math.MinInt64}
		for {
			page, err := query(ctx, m, func(rows *sql.Rows) (k keyed, err error) {
				var start, archived, failed int64
				var locked, expires sql.NullString
				f := &k.Failure
				if err := rows.Scan(&k.kind, &k.owner, &k.id, &k.nth, &start, &k.State, &k.Bytes, &archived, &locked, &expires, &k.Damaged,
					&f.Code, &f.Reason, &f.Permanent, &f.Attempts, &failed, &f.Acknowledged, &f.Acknowledging, &f.AcknowledgingCode); err != nil {
					return k, err
				}
				k.Start, k.ArchivedAt, f.At = time.UnixMilli(start).UTC(), fromMillis(archived), fromMillis(failed)
				if k.LockedUntil, err = moment(locked); err == nil {
					k.Expires, err = moment(expires)
				}
				return k, err
			}, `SELECT kind, owner, id, nth, start, state, `+audioBytes+`, archived_at, nullif(audio, '') ->> '$.locked_until', nullif(audio, '') ->> '$.expires', damaged <> '',
				code, reason, permanent, attempts, failed_at, acknowledged, acknowledging, acknowledging_code
				FROM (SELECT * FROM recording WHERE (kind, owner, id, nth) > (?, ?, ?, ?) ORDER BY kind, owner, id, nth LIMIT ?)`,
				c.kind, c.owner, c.id, c.nth, glancePage)
			if err != nil {
				yield(manifest.Glance{}, err)
				return
			}
			for _, k := range page {
				if !yield(k.Glance, nil) {
					return
				}
				c = k.cursor
			}
			if len(page) < glancePage {
				return
			}
		}
	}
}

// audioBytes is what Row.Bytes is. JSON of an audio that isn't there is NULL.
const audioBytes = `iif(archived_at <> 0 AND audio <> '', audio ->> '$.size', size)`

// moment is a time out of JSON, zero if there is none.
func moment(text sql.NullString) (time.Time, error) {
	if text.String == "" {
		return time.Time{}, nil
	}
	return time.Parse(time.RFC3339Nano, text.String)
}

// Departures yields what receipts say has left VBC. The recording of each is that with
// the receipt's id and start; receipts of earlier programs name no start, and mean the
// latest one with the id.
func (m *Manifest) Departures(ctx context.Context) iter.Seq2[manifest.Departure, error] {
	type entry struct {
		seq int64
		manifest.Departure
	}
	return func(yield func(manifest.Departure, error) bool) {
		c, err := m.Chain(ctx)
		seen := int64(0)
		for after := int64(0); after < c.Last && err == nil; after += receiptsPage {
			var page []entry
			page, err = query(ctx, m, func(rows *sql.Rows) (e entry, err error) {
				var at, outcome string
				var start, archived, bytes sql.NullInt64
				if err = rows.Scan(&e.seq, &at, &outcome, &start, &archived, &bytes); err != nil {
					return e, err
				}
				e.At, err = time.Parse(time.RFC3339Nano, at)
				e.Deleted, e.ArchivedAt, e.Bytes = outcome == string(receipt.Deleted), fromMillis(archived.Int64), -1
				if start.Valid {
					e.Start, e.Bytes = time.UnixMilli(start.Int64).UTC(), bytes.Int64
				}
				return e, err
			}, departures, after, after+receiptsPage, receipt.Result, receipt.Deleted, receipt.NotThere)
			for _, e := range page {
				if e.seq == seen {
					continue // another row of the same id
				}
				if seen = e.seq; !yield(e.Departure, nil) {
					return
				}
			}
		}
		if err != nil {
			yield(manifest.Departure{}, fmt.Errorf("read receipts: %w", err))
		}
	}
}

const departures = `SELECT seq, entry ->> '$.at', entry ->> '$.outcome', start, archived_at, iif(audio <> '', audio ->> '$.size', size)
	FROM receipt LEFT JOIN recording ON kind = entry ->> '$.kind' AND owner = coalesce(entry ->> '$.owner', '') AND id = entry ->> '$.id'
		AND coalesce(unixepoch(entry ->> '$.start') = start / 1000, 1)
	WHERE seq > ? AND seq <= ? AND entry ->> '$.type' = ? AND entry ->> '$.outcome' IN (?, ?) ORDER BY seq, nth DESC`

// runsPage is how many runs are read at once.
const runsPage = 500

// AllRuns yields all runs, the earliest first.
func (m *Manifest) AllRuns(ctx context.Context) iter.Seq2[manifest.Run, error] {
	return func(yield func(manifest.Run, error) bool) {
		for after := int64(0); ; {
			page, err := query(ctx, m, scanRun, `SELECT id, started, finished, options, summary FROM run WHERE id > ? ORDER BY id LIMIT ?`, after, runsPage)
			if err != nil {
				yield(manifest.Run{}, err)
				return
			}
			for _, r := range page {
				if !yield(r, nil) {
					return
				}
				after = r.ID
			}
			if len(page) < runsPage {
				return
			}
		}
	}
}

func scanRun(rows *sql.Rows) (r manifest.Run, err error) {
	var started, finished int64
	var options, summary string
	err = rows.Scan(&r.ID, &started, &finished, &options, &summary)
	r.Started, r.Finished = fromMillis(started), fromMillis(finished)
	r.Options = manifest.ReadOptions([]byte(options))
	if summary != "" {
		r.Summary = json.RawMessage(summary)
	}
	return r, err
}
