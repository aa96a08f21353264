package postgres

import (
	"context"
	"fmt"
	"iter"
	"math"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/vbc"
)

const pendingPage = 256 // rows read at once

// values are those of a statement that is put together in parts.
type values []any

// add adds one, and returns what stands for it in the statement.
func (v *values) add(value any) string {
	*v = append(*v, value)
	return fmt.Sprintf("$%d", len(*v)+1) // $1 is the manifest's number
}

// cursor is the last row that was read. Reading goes on behind it, whatever
// has happened to the rows meanwhile.
type cursor struct {
	at          int64 // its start, or when it failed
	kind, owner string
	id, nth     int64
}

// first is before all rows.
var first = cursor{at: math.MinInt64, id: math.MinInt64}

// in adds a cursor's values, as a row of SQL.
func (c cursor) in(v *values) string {
	return "(" + strings.Join([]string{v.add(c.at), v.add(c.kind), v.add(c.owner), v.add(c.id), v.add(c.nth)}, ", ") + ")"
}

// Pending yields the recordings with work left: first those that this run's
// listing hasn't shown, oldest first, then those whose last run failed, the
// longest ago first, so that they never keep the rest from getting done.
// Recordings whose purge was begun come whatever Before says. Rows may be
// moved on while it runs.
func (m *Manifest) Pending(ctx context.Context, sel manifest.Selection) iter.Seq2[manifest.Row, error] {
	return func(yield func(manifest.Row, error) bool) {
		for _, all := range []iter.Seq2[manifest.Row, error]{m.unseen(ctx, sel), m.failed(ctx, sel)} {
			for r, err := range all {
				if !yield(r, err) || err != nil {
					return
				}
			}
		}
	}
}

// placed is a row and where it stands.
type placed struct {
	manifest.Row
	cursor
}

// inPages yields the rows that statements select, each of them the next page behind a
// cursor. What they select beside columns is the cursor's at.
func (m *Manifest) inPages(ctx context.Context, statement func(v *values, c cursor) string) iter.Seq2[manifest.Row, error] {
	return func(yield func(manifest.Row, error) bool) {
		all := pages(pendingPage, func(c cursor) ([]placed, error) {
			var v values
			text := statement(&v, c)
			return query(ctx, m, func(row pgx.CollectableRow) (p placed, err error) {
				p.Row, err = m.scanWith(row, &p.at)
				p.kind, p.owner, p.id, p.nth = string(p.Kind), p.Owner, p.ID, p.Nth
				return p, err
			}, text, v...)
		}, func(p placed) cursor { return p.cursor }, first)
		for p, err := range all {
			if !yield(p.Row, err) {
				return
			}
		}
	}
}

var onePage = fmt.Sprintf(" LIMIT %d", pendingPage)

// unseenKeys selects the keys of what has work left and never failed, and comes behind a
// cursor: state by state, as the indexes have it. limit says how many of each state.
func unseenKeys(v *values, sel manifest.Selection, c cursor, limit string) string {
	run, before, after := v.add(sel.Run), v.add(sel.Before.UnixMilli()+1), c.in(v)
	early := " AND start < " + before
	states := []string{"state = 'listed'" + early, "state = 'stored'" + early, "state = 'purging'", "reappeared AND state = 'verified'" + early}
	if sel.Verified {
		states[3] = "state = 'verified'" + early
	}
	for i, where := range states {
		states[i] = "(SELECT start AS at, kind, owner, id, nth FROM vbcvault.recording WHERE account = $1 AND " + where +
			" AND reason = '' AND seen_run <> " + run + " AND (start, kind, owner, id, nth) > " + after + limit + ")"
	}
	return strings.Join(states, " UNION ALL ")
}

// unseen yields what this run's listing hasn't shown. Of each state no more than a page is
// read.
func (m *Manifest) unseen(ctx context.Context, sel manifest.Selection) iter.Seq2[manifest.Row, error] {
	const order = " ORDER BY at, kind, owner, id, nth"
	return m.inPages(ctx, func(v *values, c cursor) string {
		return "SELECT " + columns + ", at FROM (SELECT * FROM (" + unseenKeys(v, sel, c, order+onePage) + ") AS each" + order + onePage + `) AS next
			JOIN vbcvault.recording USING (kind, owner, id, nth) WHERE account = $1` + order
	})
}

// failing is the condition for what failed in an earlier run and is tried again.
func failing(v *values, sel manifest.Selection) string {
	where := "account = $1 AND reason <> '' AND state <> 'purged' AND state <> 'gone' AND failed_run <> " + v.add(sel.Run) +
		" AND (start < " + v.add(sel.Before.UnixMilli()+1) + " OR state = 'purging')"
	if !sel.Verified {
		where += " AND (state <> 'verified' OR reappeared)"
	}
	if !sel.RetryFailed {
		where += " AND NOT (" + resting(v, sel) + ")"
	}
	return where
}

// resting is the condition for that. A failure from the future would rest until then.
func resting(v *values, sel manifest.Selection) string {
	now := time.Now()
	return fmt.Sprintf("state <> 'purging' AND permanent AND attempts >= %d AND failed_at BETWEEN %s AND %s AND failed_run <> %s AND NOT (alike = %d AND %s)",
		manifest.RestAfter, v.add(now.Add(-manifest.RestFor).UnixMilli()), v.add(now.Add(manifest.ClockSlack).UnixMilli()), v.add(sel.Run), manifest.Compared, v.add(sel.EqualAudio))
}

// failed yields what failed in earlier runs.
func (m *Manifest) failed(ctx context.Context, sel manifest.Selection) iter.Seq2[manifest.Row, error] {
	return m.inPages(ctx, func(v *values, c cursor) string {
		return "SELECT " + columns + ", failed_at FROM vbcvault.recording WHERE " + failing(v, sel) +
			" AND (failed_at, kind, owner, id, nth) > " + c.in(v) + " ORDER BY failed_at, kind, owner, id, nth" + onePage
	})
}

// Resting returns what Pending leaves out for having failed often.
func (m *Manifest) Resting(ctx context.Context, sel manifest.Selection) ([]manifest.Row, error) {
	if sel.RetryFailed {
		return nil, nil
	}
	var v values
	text := "SELECT " + columns + " FROM vbcvault.recording WHERE account = $1 AND reason <> '' AND state <> 'purged' AND state <> 'gone' AND start < " +
		v.add(sel.Before.UnixMilli()+1) + " AND " + resting(&v, sel)
	return query(ctx, m, m.scan, text, v...)
}

// CountPending counts what Pending would yield now.
func (m *Manifest) CountPending(ctx context.Context, sel manifest.Selection) (n int64, err error) {
	var v values
	text := "SELECT (SELECT count(*) FROM (" + unseenKeys(&v, sel, first, "") + ") AS each) + (SELECT count(*) FROM vbcvault.recording WHERE " + failing(&v, sel) + ")"
	if err = m.row(ctx, text, v...).Scan(&n); err != nil {
		err = fmt.Errorf("read manifest: %w", err)
	}
	return n, err
}

// Get returns the row of the recording that has an id: of several that have had
// it, the one that VBC showed last. The error is ErrUnknown (wrapped) if there is
// none.
func (m *Manifest) Get(ctx context.Context, key vbc.Key) (manifest.Row, error) {
	rows, err := m.All(ctx, key)
	if err != nil {
		return manifest.Row{}, err
	}
	if len(rows) == 0 {
		return manifest.Row{}, fmt.Errorf("%s is %w", key, manifest.ErrUnknown)
	}
	return rows[len(rows)-1], nil
}

// All returns the rows of all recordings that have had an id, the one that VBC
// showed last at the end.
func (m *Manifest) All(ctx context.Context, key vbc.Key) ([]manifest.Row, error) {
	return query(ctx, m, m.scan, `SELECT `+columns+` FROM vbcvault.recording WHERE account = $1 AND kind = $2 AND owner = $3 AND id = $4 ORDER BY displaced = 0, nth`,
		key.Kind, key.Owner, key.ID)
}

// Row returns the row of just this recording, with its Nth. The error is
// ErrUnknown (wrapped) if there is none.
func (m *Manifest) Row(ctx context.Context, key vbc.Key, nth int64) (manifest.Row, error) {
	rows, err := query(ctx, m, m.scan, `SELECT `+columns+` FROM vbcvault.recording WHERE `+thisRow, key.Kind, key.Owner, key.ID, nth)
	if err != nil {
		return manifest.Row{}, err
	}
	if len(rows) == 0 {
		return manifest.Row{}, fmt.Errorf("%s is %w", key, manifest.ErrUnknown)
	}
	return rows[0], nil
}
