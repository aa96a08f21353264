package sqlite

import (
	"context"
	"fmt"
	"iter"
	"math"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/vbc"
)

// InOrder yields all rows by kind, owner (as text) and start, which is the order
// of their keys, save among those of one second. Memory is bounded by a page.
// Rows may be moved on while it runs.
func (m *Manifest) InOrder(ctx context.Context) iter.Seq2[manifest.Row, error] {
	return func(yield func(manifest.Row, error) bool) {
		for c := (collection{}); ; {
			next, err := m.collectionAfter(ctx, c)
			if err != nil {
				yield(manifest.Row{}, err)
				return
			}
			if c = next; c == (collection{}) {
				return
			}
			rows := m.ofUser(ctx, c.owner)
			if vbc.Kind(c.kind) == vbc.Company {
				rows = m.Search(ctx, manifest.Query{Kind: vbc.Company, OldestFirst: true})
			}
			for r, err := range rows {
				if !yield(r, err) || err != nil {
					return
				}
			}
		}
	}
}

// ofUser yields what a user has recorded, by its start. That is found by the
// primary key and put in order page by page: there may be thousands of users,
// and what is in the order of time would have to be read for each of them.
func (m *Manifest) ofUser(ctx context.Context, owner string) iter.Seq2[manifest.Row, error] {
	return func(yield func(manifest.Row, error) bool) {
		c := cursor{at: math.MinInt64}
		inPages(func() ([]manifest.Row, error) {
			page, err := query(ctx, m, m.scan, `SELECT `+columns+` FROM recording WHERE (+start, +id, +nth) > (?, ?, ?) AND kind = ? AND owner = ? ORDER BY +start, +id, +nth`+
				fmt.Sprintf(` LIMIT %d`, pendingPage), c.at, c.id, c.nth, vbc.OnDemand, owner)
			if len(page) > 0 {
				c.after(page[len(page)-1], page[len(page)-1].Start)
			}
			return page, err
		})(yield)
	}
}

// SeenBy yields the rows that run was the last to show; see Row.SeenRun. Rows
// may be moved on while it runs.
func (m *Manifest) SeenBy(ctx context.Context, run int64) iter.Seq2[manifest.Row, error] {
	return func(yield func(manifest.Row, error) bool) {
		for r, err := range m.InOrder(ctx) {
			if (err != nil || r.SeenRun == run) && !yield(r, err) {
				return
			}
		}
	}
}
