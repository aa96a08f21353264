package manifest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
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

func (m *Manifest) pendingPage(ctx context.Context, sel Selection, failed bool, c *cursor) ([]Row, error) {
	where := `state <> 'purged' AND state <> 'gone' AND (start, kind, owner, id) > (?, ?, ?, ?)
		AND (start < ? OR state = 'purging')`
	args := []any{c.start, c.kind, c.owner, c.id, sel.Before.UnixMilli() + 1}
	if !sel.Verified {
		where += ` AND (state <> 'verified' OR reappeared = 1)`
	}
	if failed {
		where += ` AND reason <> '' AND failed_run <> ?`
		args = append(args, sel.Run)
	} else {
		where += ` AND reason = ''`
	}
	rows, err := m.reads.QueryContext(ctx, `SELECT `+columns+` FROM recording INDEXED BY unfinished WHERE `+where+
		fmt.Sprintf(` ORDER BY start, kind, owner, id LIMIT %d`, pendingPage), args...)
	if err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	defer rows.Close()
	var page []Row
	for rows.Next() {
		r, err := m.scan(rows)
		if err != nil {
			return nil, fmt.Errorf("read manifest: %w", err)
		}
		page = append(page, r)
		*c = cursor{start: r.Start.UnixMilli(), kind: string(r.Kind), owner: r.Owner, id: r.ID}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	return page, nil
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
