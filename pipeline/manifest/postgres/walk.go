package postgres

import (
	"context"
	"iter"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/vbc"
)

// collection is one of those that VBC has of an account.
type collection struct{ kind, owner string }

// collectionAfter is the next one of which the manifest knows a recording.
func (m *Manifest) collectionAfter(ctx context.Context, c collection) (next collection, err error) {
	all, err := query(ctx, m, func(row pgx.CollectableRow) (c collection, err error) {
		return c, row.Scan(&c.kind, &c.owner)
	}, `SELECT kind, owner FROM vbcvault.recording WHERE account = $1 AND (kind, owner) > ($2, $3) ORDER BY kind, owner LIMIT 1`, c.kind, c.owner)
	if err != nil || len(all) == 0 {
		return collection{}, err
	}
	return all[0], nil
}

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
			rows := m.ofUser(ctx, c)
			if vbc.Kind(c.kind) == vbc.Company {
				rows = m.ofCompany(ctx, c)
			}
			for r, err := range rows {
				if !yield(r, err) || err != nil {
					return
				}
			}
		}
	}
}

// ofCompany yields what the account's rules have recorded, in the order in which call has
// all recordings: most are.
func (m *Manifest) ofCompany(ctx context.Context, c collection) iter.Seq2[manifest.Row, error] {
	const order = " ORDER BY at, id, nth"
	return m.inPages(ctx, func(v *values, after cursor) string {
		return "SELECT " + columns + ", at FROM (SELECT start AS at, kind, owner, id, nth FROM vbcvault.call WHERE account = $1 AND (start, kind, owner, id, nth) > " + after.in(v) +
			" AND kind = " + v.add(c.kind) + " AND owner = " + v.add(c.owner) + " ORDER BY start, kind, owner, id, nth" + onePage + `) AS next
			JOIN vbcvault.recording USING (kind, owner, id, nth) WHERE account = $1` + order
	})
}

// ofUser yields what a user has recorded, by its start. That is found by the
// primary key and put in order page by page: there may be thousands of users,
// and what is in the order of time would have to be read for each of them.
func (m *Manifest) ofUser(ctx context.Context, c collection) iter.Seq2[manifest.Row, error] {
	return m.inPages(ctx, func(v *values, after cursor) string {
		return "SELECT " + columns + ", start FROM vbcvault.recording WHERE account = $1 AND kind = " + v.add(c.kind) + " AND owner = " + v.add(c.owner) +
			" AND (start, id, nth) > (" + v.add(after.at) + ", " + v.add(after.id) + ", " + v.add(after.nth) + ") ORDER BY start, id, nth" + onePage
	})
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

// Copies yields the recordings whose copy has been proven, in whatever state;
// if of isn't 0, only the parts of that many that are due. Rows may be moved
// on while it runs.
func (m *Manifest) Copies(ctx context.Context, of int, due []int) iter.Seq2[manifest.Row, error] {
	return m.inPages(ctx, func(v *values, c cursor) string {
		where := "account = $1 AND (kind, owner, id, nth) > (" + strings.Join([]string{v.add(c.kind), v.add(c.owner), v.add(c.id), v.add(c.nth)}, ", ") + ")"
		if of > 0 {
			where += " AND id % " + v.add(int64(of)) + " = ANY (" + v.add(due) + "::bigint[])"
		}
		return "SELECT " + columns + ", start FROM vbcvault.recording WHERE " + where + " AND archived_at <> 0 AND audio IS NOT NULL ORDER BY kind, owner, id, nth" + onePage
	})
}
