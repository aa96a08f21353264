package postgres

import (
	"context"
	"iter"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/vbc"
)

// glancePage is how many rows are read at once.
const glancePage = 2000

// Glances yields all recordings in the order of the primary key. VBC's JSON is not read.
func (m *Manifest) Glances(ctx context.Context) iter.Seq2[manifest.Glance, error] {
	type keyed struct {
		manifest.Glance
		cursor
	}
	return func(yield func(manifest.Glance, error) bool) {
		all := pages(glancePage, func(c cursor) ([]keyed, error) {
			return query(ctx, m, func(row pgx.CollectableRow) (k keyed, err error) {
				var start, archived, failed int64
				var locked, expires *string
				f := &k.Failure
				if err := row.Scan(&k.kind, &k.owner, &k.id, &k.nth, &start, &k.State, &k.Bytes, &archived, &locked, &expires, &k.Damaged,
					&f.Code, &f.Reason, &f.Permanent, &f.Attempts, &failed, &f.Acknowledged, &f.Acknowledging, &f.AcknowledgingCode); err != nil {
					return k, err
				}
				k.Start, k.ArchivedAt, f.At = time.UnixMilli(start).UTC(), fromMillis(archived), fromMillis(failed)
				if k.LockedUntil, err = momentOf(locked); err == nil {
					k.Expires, err = momentOf(expires)
				}
				return k, err
			}, `SELECT kind, owner, id, nth, start, state, CASE WHEN archived_at <> 0 THEN coalesce((audio ->> 'size')::bigint, size) ELSE size END, archived_at,
				audio ->> 'locked_until', audio ->> 'expires', damaged <> '', code, reason, permanent, attempts, failed_at, acknowledged, acknowledging, acknowledging_code
				FROM vbcvault.recording WHERE account = $1 AND (kind, owner, id, nth) > ($2, $3, $4, $5) ORDER BY kind, owner, id, nth LIMIT $6`,
				c.kind, c.owner, c.id, c.nth, glancePage)
		}, func(k keyed) cursor { return k.cursor }, first)
		for k, err := range all {
			if !yield(k.Glance, err) {
				return
			}
		}
	}
}

// momentOf is a time out of JSON, zero if there is none.
func momentOf(text *string) (time.Time, error) {
	if text == nil || *text == "" {
		return time.Time{}, nil
	}
	return time.Parse(time.RFC3339Nano, *text)
}

// Unseen counts the recordings of a collection with a start from one time until
// another that VBC has, as far as the manifest knows, that a run since one has
// been shown, and that this run hasn't. matches is nil for all.
func (m *Manifest) Unseen(ctx context.Context, kind vbc.Kind, owner string, run, since int64, from, until time.Time, matches func(vbc.Recording) bool) (n int64, err error) {
	where := func(v *values) string {
		return "account = $1 AND state = ANY(" + v.add(named([]manifest.State{manifest.Listed, manifest.Stored, manifest.Verified, manifest.Failed})) +
			") AND start >= " + v.add(millis(from)) + " AND start < " + v.add(until.UnixMilli()) + " AND kind = " + v.add(string(kind)) + " AND owner = " + v.add(Storable(owner)) +
			" AND displaced = 0 AND seen_run BETWEEN greatest(1, " + v.add(since) + "::bigint) AND " + v.add(run-1)
	}
	if matches == nil {
		var v values
		all, err := query(ctx, m, pgx.RowTo[int64], "SELECT count(*) FROM vbcvault.recording WHERE "+where(&v), v...)
		if err != nil {
			return 0, err
		}
		return all[0], nil
	}
	for r, err := range m.inPages(ctx, func(v *values, c cursor) string {
		return "SELECT " + columns + ", start FROM vbcvault.recording WHERE " + where(v) + " AND (start, kind, owner, id, nth) > " + c.in(v) +
			" ORDER BY start, kind, owner, id, nth" + onePage
	}) {
		if err != nil {
			return 0, err
		}
		if matches(r.Recording) {
			n++
		}
	}
	return n, nil
}
