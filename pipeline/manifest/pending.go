package manifest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"math"
	"strings"
	"time"

	"github.com/vbcvault/vbcvault/vbc"
)

// Selection narrows what Pending yields.
type Selection struct {
	// Run is the current run: what failed in it is not yielded again.
	Run int64
	// Before spares reading rows that start at or after it. It is no safety
	// check: the caller checks each row against its own cutoff.
	Before time.Time
	// Verified includes recordings whose copy is verified; without it only
	// those come that need work short of a purge, and those that reappeared.
	Verified bool
	// RetryFailed includes what rests after repeated failures, see resting.
	RetryFailed bool
}

// What has failed for a permanent cause in so many runs rests for a while: it
// is tried once a day, a request or two each, and not in every run.
const (
	restAfter = 3
	restFor   = 24*time.Hour - time.Hour // so that a nightly run is never a minute too early
)

// resting is the condition for that.
const resting = `state <> 'purging' AND permanent = 1 AND attempts >= ? AND failed_at > ? AND failed_run <> ?`

func restingArgs(sel Selection) []any {
	return []any{restAfter, time.Now().Add(-restFor).UnixMilli(), sel.Run}
}

const pendingPage = 256 // rows read at once

// Pending yields the recordings with work left, oldest first, and those whose
// last run failed at the end, so that they never keep the rest from getting
// done. Recordings whose purge was begun come whatever Before says. Rows may be
// moved on while it runs.
func (m *Manifest) Pending(ctx context.Context, sel Selection) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		for _, failed := range []bool{false, true} {
			c := cursor{start: math.MinInt64}
			for {
				rows, err := m.pendingPage(ctx, sel, failed, &c)
				if err != nil {
					yield(Row{}, err)
					return
				}
				for _, r := range rows {
					if !yield(r, nil) {
						return
					}
				}
				if len(rows) < pendingPage {
					break
				}
			}
		}
	}
}

// cursor is the last row that was read. Reading goes on behind it, whatever
// has happened to the rows meanwhile.
type cursor struct {
	start       int64
	kind, owner string
	id          int64
}

// pendingWhere is the condition that Pending and CountPending share.
func pendingWhere(sel Selection) (where string, args []any) {
	where = `state <> 'purged' AND state <> 'gone' AND (start < ? OR state = 'purging')`
	if !sel.Verified {
		where += ` AND (state <> 'verified' OR reappeared = 1)`
	}
	args = []any{sel.Before.UnixMilli() + 1}
	if !sel.RetryFailed {
		where += ` AND NOT (` + resting + `)`
		args = append(args, restingArgs(sel)...)
	}
	return where, args
}

// Resting returns what Pending leaves out for having failed often.
func (m *Manifest) Resting(ctx context.Context, sel Selection) ([]Row, error) {
	if sel.RetryFailed {
		return nil, nil
	}
	return query(ctx, m, m.scan, `SELECT `+columns+` FROM recording INDEXED BY unfinished
		WHERE state <> 'purged' AND state <> 'gone' AND start < ? AND `+resting,
		append([]any{sel.Before.UnixMilli() + 1}, restingArgs(sel)...)...)
}

// CountPending counts what Pending would yield now.
func (m *Manifest) CountPending(ctx context.Context, sel Selection) (n int64, err error) {
	where, args := pendingWhere(sel)
	err = m.reads.QueryRowContext(ctx, `SELECT count(*) FROM recording INDEXED BY unfinished WHERE `+where, args...).Scan(&n)
	if err != nil {
		err = fmt.Errorf("read manifest: %w", err)
	}
	return n, err
}

func (m *Manifest) pendingPage(ctx context.Context, sel Selection, failed bool, c *cursor) ([]Row, error) {
	where, args := pendingWhere(sel)
	where += ` AND (start, kind, owner, id) > (?, ?, ?, ?)`
	args = append(args, c.start, c.kind, c.owner, c.id)
	if failed {
		where += ` AND reason <> '' AND failed_run <> ?`
		args = append(args, sel.Run)
	} else {
		where += ` AND reason = ''`
	}
	page, err := query(ctx, m, m.scan, `SELECT `+columns+` FROM recording INDEXED BY unfinished WHERE `+where+
		fmt.Sprintf(` ORDER BY start, kind, owner, id LIMIT %d`, pendingPage), args...)
	if n := len(page); n > 0 {
		last := page[n-1]
		*c = cursor{start: last.Start.UnixMilli(), kind: string(last.Kind), owner: last.Owner, id: last.ID}
	}
	return page, err
}

// Copies yields the recordings whose copy has been proven, in whatever state;
// if of isn't 0, only the parts of that many that are due. Rows may be moved
// on while it runs.
func (m *Manifest) Copies(ctx context.Context, of int, due []int) iter.Seq2[Row, error] {
	where := ""
	if of > 0 {
		where = fmt.Sprintf(" AND id %% %d IN (%s)", of, strings.Trim(strings.ReplaceAll(fmt.Sprint(due), " ", ","), "[]"))
	}
	return func(yield func(Row, error) bool) {
		var c cursor
		for {
			page, err := query(ctx, m, m.scan, `SELECT `+columns+` FROM recording WHERE (kind, owner, id) > (?, ?, ?) AND archived_at <> 0 AND audio <> ''`+where+
				fmt.Sprintf(` ORDER BY kind, owner, id LIMIT %d`, pendingPage), c.kind, c.owner, c.id)
			if err != nil {
				yield(Row{}, err)
				return
			}
			for _, r := range page {
				if !yield(r, nil) {
					return
				}
				c = cursor{kind: string(r.Kind), owner: r.Owner, id: r.ID}
			}
			if len(page) < pendingPage {
				return
			}
		}
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
	findings = nil
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
		case (r.State == Verified || r.State == Purging || r.State == Purged) && (!r.Copy.Audio.Proven() || !r.Copy.Sidecar.Proven() || r.Copy.ArchivedAt.IsZero()):
			findings = append(findings, fmt.Sprintf("%s is %s without a proven copy", r.Recording, r.State))
		}
	}
	return findings, rows.Err()
}

// Get returns one recording's row.
func (m *Manifest) Get(ctx context.Context, kind vbc.Kind, owner string, id int64) (Row, error) {
	rows, err := m.reads.QueryContext(ctx, `SELECT `+columns+` FROM recording WHERE kind = ? AND owner = ? AND id = ?`, kind, owner, id)
	if err != nil {
		return Row{}, fmt.Errorf("read manifest: %w", err)
	}
	defer rows.Close()
	if !rows.Next() {
		return Row{}, errors.Join(fmt.Errorf("the manifest knows no %s recording %d", kind, id), rows.Err())
	}
	return m.scan(rows)
}
