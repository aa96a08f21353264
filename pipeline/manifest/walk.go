package manifest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"math"

	"github.com/vbcvault/vbcvault/vbc"
)

// InOrder yields all rows by kind, owner (as text) and start, which is the order
// of their keys, save among those of one second. Memory is bounded by a page.
// Rows may be moved on while it runs.
func (m *Manifest) InOrder(ctx context.Context) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		for kind, owner := "", ""; ; {
			err := m.reads.QueryRowContext(ctx, "SELECT kind, owner FROM recording WHERE (kind, owner) > (?, ?) ORDER BY kind, owner LIMIT 1", kind, owner).Scan(&kind, &owner)
			if errors.Is(err, sql.ErrNoRows) {
				return
			}
			if err != nil {
				yield(Row{}, fmt.Errorf("read manifest: %w", err))
				return
			}
			if !m.inOrderOf(ctx, kind, owner, yield) {
				return
			}
		}
	}
}

// What reads the rows of one owner by their start. Nearly all are the company's,
// and an index has them so. What one user has recorded is found by the primary
// key and put in order page by page: there may be thousands of users, and the
// index would have to be read for each of them.
var inOrder = map[vbc.Kind]string{
	vbc.Company:  ` FROM recording INDEXED BY by_start WHERE (start, kind, owner, id) > (?, ?, ?, ?) AND kind = ? AND owner = ? ORDER BY start, kind, owner, id`,
	vbc.OnDemand: ` FROM recording WHERE (+start, +kind, +owner, +id) > (?, ?, ?, ?) AND kind = ? AND owner = ? ORDER BY +start, +id`,
}

func (m *Manifest) inOrderOf(ctx context.Context, kind, owner string, yield func(Row, error) bool) (more bool) {
	c := cursor{at: math.MinInt64}
	for {
		page, err := query(ctx, m, m.scan, `SELECT `+columns+inOrder[vbc.Kind(kind)]+fmt.Sprintf(` LIMIT %d`, pendingPage), c.at, c.kind, c.owner, c.id, kind, owner)
		if err != nil {
			yield(Row{}, err)
			return false
		}
		for _, r := range page {
			if !yield(r, nil) {
				return false
			}
		}
		if len(page) < pendingPage {
			return true
		}
		c.after(page[len(page)-1], page[len(page)-1].Start)
	}
}

// SeenBy yields the rows that run was the last to show; see Row.SeenRun. Rows
// may be moved on while it runs.
func (m *Manifest) SeenBy(ctx context.Context, run int64) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		for r, err := range m.InOrder(ctx) {
			if (err != nil || r.SeenRun == run) && !yield(r, err) {
				return
			}
		}
	}
}
