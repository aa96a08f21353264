package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"math"
	"strings"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/vbc"
)

// resting is the condition for that.
const resting = `state <> 'purging' AND permanent = 1 AND attempts >= ? AND failed_at BETWEEN ? AND ? AND failed_run <> ? AND NOT (alike = 2 AND ?)`

// restingArgs are its values. A failure from the future would rest until then.
func restingArgs(sel manifest.Selection) []any {
	now := time.Now()
	return []any{manifest.RestAfter, now.Add(-manifest.RestFor).UnixMilli(), now.Add(manifest.ClockSlack).UnixMilli(), sel.Run, sel.EqualAudio}
}

const pendingPage = 256 // rows read at once

// Pending yields the recordings with work left: first those that this run's
// listing hasn't shown, oldest first, then those whose last run failed, the
// longest ago first, so that they never keep the rest from getting done.
// Recordings whose purge was begun come whatever Before says. Rows may be
// moved on while it runs.
func (m *Manifest) Pending(ctx context.Context, sel manifest.Selection) iter.Seq2[manifest.Row, error] {
	return func(yield func(manifest.Row, error) bool) {
		for _, read := range []func(context.Context, manifest.Selection, *cursor) ([]manifest.Row, error){m.unseenPage, m.failedPage} {
			c := cursor{at: math.MinInt64}
			for r, err := range inPages(func() ([]manifest.Row, error) { return read(ctx, sel, &c) }) {
				if !yield(r, err) || err != nil {
					return
				}
			}
		}
	}
}

// inPages yields the rows of pages, until one isn't full. A page is read when the one
// before it has been yielded, so rows may be moved on meanwhile.
func inPages(next func() ([]manifest.Row, error)) iter.Seq2[manifest.Row, error] {
	return func(yield func(manifest.Row, error) bool) {
		for {
			page, err := next()
			if err != nil {
				yield(manifest.Row{}, err)
				return
			}
			for _, r := range page {
				if !yield(r, nil) {
					return
				}
			}
			if len(page) < pendingPage {
				return
			}
		}
	}
}

// cursor is the last row that was read. Reading goes on behind it, whatever
// has happened to the rows meanwhile.
type cursor struct {
	at          int64 // its start, or when it failed
	kind, owner string
	id, nth     int64
}

// unseen selects, by an index for each state, what has work left and never
// failed. Each part yields its rows in the order of the whole.
func unseen(sel manifest.Selection, what string, c *cursor) (text string, args []any) {
	part := func(index, where string, more ...any) {
		if text != "" {
			text += ` UNION ALL `
		}
		text += `SELECT ` + what + ` FROM recording INDEXED BY ` + index + ` WHERE ` + where +
			` AND reason = '' AND seen_run <> ? AND (start, kind, owner, id, nth) > (?, ?, ?, ?, ?)`
		args = append(args, append(more, sel.Run, c.at, c.kind, c.owner, c.id, c.nth)...)
	}
	before := sel.Before.UnixMilli() + 1
	part("by_state", `state = 'listed' AND start < ?`, before)
	part("by_state", `state = 'stored' AND start < ?`, before)
	part("by_state", `state = 'purging'`)
	if sel.Verified {
		part("by_state", `state = 'verified' AND start < ?`, before)
	} else {
		part("reappeared", `reappeared = 1 AND state = 'verified' AND start < ?`, before)
	}
	return text, args
}

// failing is the condition for what failed in an earlier run and is tried again.
func failing(sel manifest.Selection) (where string, args []any) {
	where = `reason <> '' AND state <> 'purged' AND state <> 'gone' AND failed_run <> ? AND (start < ? OR state = 'purging')`
	args = []any{sel.Run, sel.Before.UnixMilli() + 1}
	if !sel.Verified {
		where += ` AND (state <> 'verified' OR reappeared = 1)`
	}
	if !sel.RetryFailed {
		where += ` AND NOT (` + resting + `)`
		args = append(args, restingArgs(sel)...)
	}
	return where, args
}

func (m *Manifest) unseenPage(ctx context.Context, sel manifest.Selection, c *cursor) ([]manifest.Row, error) {
	text, args := unseen(sel, columns, c)
	page, err := query(ctx, m, m.scan, text+fmt.Sprintf(` ORDER BY start, kind, owner, id, nth LIMIT %d`, pendingPage), args...)
	if n := len(page); n > 0 {
		c.after(page[n-1], page[n-1].Start)
	}
	return page, err
}

func (m *Manifest) failedPage(ctx context.Context, sel manifest.Selection, c *cursor) ([]manifest.Row, error) {
	where, args := failing(sel)
	args = append(args, c.at, c.kind, c.owner, c.id, c.nth)
	page, err := query(ctx, m, m.scan, `SELECT `+columns+` FROM recording INDEXED BY failing WHERE `+where+
		fmt.Sprintf(` AND (failed_at, kind, owner, id, nth) > (?, ?, ?, ?, ?) ORDER BY failed_at, kind, owner, id, nth LIMIT %d`, pendingPage), args...)
	if n := len(page); n > 0 {
		c.after(page[n-1], page[n-1].Failure.At)
	}
	return page, err
}

func (c *cursor) after(r manifest.Row, at time.Time) {
	*c = cursor{at: millis(at), kind: string(r.Kind), owner: r.Owner, id: r.ID, nth: r.Nth}
}

// Resting returns what Pending leaves out for having failed often.
func (m *Manifest) Resting(ctx context.Context, sel manifest.Selection) ([]manifest.Row, error) {
	if sel.RetryFailed {
		return nil, nil
	}
	return query(ctx, m, m.scan, `SELECT `+columns+` FROM recording INDEXED BY failing
		WHERE reason <> '' AND state <> 'purged' AND state <> 'gone' AND start < ? AND `+resting,
		append([]any{sel.Before.UnixMilli() + 1}, restingArgs(sel)...)...)
}

// CountPending counts what Pending would yield now.
func (m *Manifest) CountPending(ctx context.Context, sel manifest.Selection) (n int64, err error) {
	text, args := unseen(sel, "1", &cursor{at: math.MinInt64})
	where, more := failing(sel)
	err = m.reads.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM (`+text+`)) + (SELECT count(*) FROM recording INDEXED BY failing WHERE `+where+`)`,
		append(args, more...)...).Scan(&n)
	if err != nil {
		err = fmt.Errorf("read manifest: %w", err)
	}
	return n, err
}

// Copies yields the recordings whose copy has been proven, in whatever state;
// if of isn't 0, only the parts of that many that are due. Rows may be moved
// on while it runs.
func (m *Manifest) Copies(ctx context.Context, of int, due []int) iter.Seq2[manifest.Row, error] {
	where := ""
	if of > 0 {
		where = fmt.Sprintf(" AND id %% %d IN (%s)", of, strings.Trim(strings.ReplaceAll(fmt.Sprint(due), " ", ","), "[]"))
	}
	return func(yield func(manifest.Row, error) bool) {
		var c cursor
		inPages(func() ([]manifest.Row, error) {
			page, err := query(ctx, m, m.scan, `SELECT `+columns+` FROM recording WHERE (kind, owner, id, nth) > (?, ?, ?, ?) AND archived_at <> 0 AND audio <> ''`+where+
				fmt.Sprintf(` ORDER BY kind, owner, id, nth LIMIT %d`, pendingPage), c.kind, c.owner, c.id, c.nth)
			if len(page) > 0 {
				last := page[len(page)-1]
				c = cursor{kind: string(last.Kind), owner: last.Owner, id: last.ID, nth: last.Nth}
			}
			return page, err
		})(yield)
	}
}

// Check reads the whole manifest and returns what is wrong with it, nothing if
// nothing is. The chain of receipts is not part of it.
func (m *Manifest) Check(ctx context.Context) (findings []string, err error) {
	findings, err = query(ctx, m, func(rows *sql.Rows) (s string, err error) {
		return s, rows.Scan(&s)
	}, "PRAGMA integrity_check")
	if err != nil || len(findings) != 1 || findings[0] != "ok" {
		return findings, err
	}
	findings, err = query(ctx, m, func(rows *sql.Rows) (s string, err error) {
		return s, rows.Scan(&s)
	}, `SELECT 'the count of recordings that are ' || state || ' is wrong' FROM (
		SELECT state, recordings, bytes FROM tally WHERE recordings <> 0
		EXCEPT SELECT state, count(*), sum(max(size, 0)) FROM recording GROUP BY state)`)
	if err != nil {
		return nil, err
	}
	found, err := query(ctx, m, func(rows *sql.Rows) (s string, err error) {
		return s, rows.Scan(&s)
	}, checkCalls+" UNION ALL "+checkNumbers+" UNION ALL "+checkWords)
	if err != nil {
		return nil, err
	}
	findings = append(findings, found...)
	rows, err := m.reads.QueryContext(ctx, `SELECT `+columns+` FROM recording`)
	if err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		r, err := m.scan(rows)
		switch {
		case err != nil:
			findings = append(findings, "a row can't be read: "+err.Error())
		case r.Unproven():
			findings = append(findings, fmt.Sprintf("%s is %s without a verified copy", r.Recording, r.State))
		}
	}
	return findings, rows.Err()
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
	return query(ctx, m, m.scan, `SELECT `+columns+` FROM recording WHERE kind = ? AND owner = ? AND id = ? ORDER BY displaced = 0, nth`, key.Kind, key.Owner, key.ID)
}

// Row returns the row of just this recording, with its Nth. The error is
// ErrUnknown (wrapped) if there is none.
func (m *Manifest) Row(ctx context.Context, key vbc.Key, nth int64) (manifest.Row, error) {
	rows, err := query(ctx, m, m.scan, `SELECT `+columns+` FROM recording WHERE `+thisRow, key.Kind, key.Owner, key.ID, nth)
	if err != nil {
		return manifest.Row{}, err
	}
	if len(rows) == 0 {
		return manifest.Row{}, fmt.Errorf("%s is %w", key, manifest.ErrUnknown)
	}
	return rows[0], nil
}
