package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/vbc"
)

// CountUpTo counts the recordings that a query selects, whatever its Limit and After,
// and stops at limit. Of most it reads the keys alone.
func (m *Manifest) CountUpTo(ctx context.Context, q manifest.Query, limit int64) (n int64, more bool, err error) {
	q.Limit, q.After = 0, manifest.Place{}
	if q = narrowed(q); len(q.IDs) > 0 || q.Held != nil || q.Words != "" {
		return m.countFound(ctx, q, limit)
	}
	w, err := m.way(ctx, q)
	if err != nil || len(w.parts) == 0 {
		return 0, false, err
	}
	for c := terms(q).begin(); ; {
		page, err := m.keyPage(ctx, q, w.parts, c)
		if err != nil {
			return 0, false, err
		}
		for _, k := range page {
			if ok, err := m.selects(ctx, q, k); err != nil {
				return 0, false, err
			} else if !ok {
				continue
			}
			if n == limit {
				return n, true, nil
			}
			n++
		}
		if len(page) < keysAtOnce {
			return n, false, nil
		}
		c = page[len(page)-1].cursor
	}
}

func (m *Manifest) countFound(ctx context.Context, q manifest.Query, limit int64) (n int64, more bool, err error) {
	for _, err := range m.Search(ctx, q) {
		switch {
		case err != nil:
			return 0, false, err
		case n == limit:
			return n, true, nil
		}
		n++
	}
	return n, false, nil
}

const keysAtOnce = 1024

// found is where a row stands, and whether SQLite isn't sure that a query selects it.
type found struct {
	cursor
	unsure bool
}

func (m *Manifest) keyPage(ctx context.Context, q manifest.Query, parts []part, c cursor) ([]found, error) {
	text, args := terms(q).keys(parts, c, keysAtOnce)
	return queryOnce(ctx, m, func(rows *sql.Rows) (p found, err error) {
		var unsure sql.NullBool
		err = rows.Scan(&p.at, &p.kind, &p.owner, &p.id, &p.nth, &unsure)
		p.unsure = unsure.Bool || !unsure.Valid
		return p, err
	}, text, args...)
}

// selects reports whether a query selects what is at a place.
func (m *Manifest) selects(ctx context.Context, q manifest.Query, p found) (bool, error) {
	if !p.unsure {
		return true, nil
	}
	r, err := m.Row(ctx, vbc.Key{Kind: vbc.Kind(p.kind), Owner: p.owner, ID: p.id}, p.nth)
	if errors.Is(err, manifest.ErrUnknown) {
		return false, nil // it is no more
	}
	return err == nil && q.Matches(r), err
}
