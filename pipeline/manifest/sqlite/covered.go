package sqlite

import (
	"context"
	"database/sql"
	"iter"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/vbc"
)

// Covered yields the recordings in one of these states that one of holds covers,
// which aren't asked whether they have ended. Of a large manifest it reads little
// but what finds recordings by their calls: VBC's JSON is read of what is held, of
// what is odd, and of that of which VBC has said something else before.
func (m *Manifest) Covered(ctx context.Context, holds []manifest.Hold, states ...manifest.State) iter.Seq2[manifest.Row, error] {
	holds = manifest.Unended(holds)
	return manifest.Covered(ctx, m, holds, states, m.presentlyCovered(ctx, holds, states), m.formerlyCovered(ctx, holds, states))
}

// presentlyCovered yields what is covered for what VBC says of it now, and what is
// odd: there, only a look at the recording tells.
func (m *Manifest) presentlyCovered(ctx context.Context, holds []manifest.Hold, states []manifest.State) iter.Seq2[vbc.Recording, error] {
	const page = 4096
	return func(yield func(vbc.Recording, error) bool) {
		c := cursor{at: math.MinInt64}
		for {
			rows, err := query(ctx, m, scanCall, `SELECT start, kind, owner, id, nth, odd, caller_id, extensions FROM call
				WHERE state IN `+inText(states)+` AND (start, kind, owner, id, nth) > (?, ?, ?, ?, ?) ORDER BY start, kind, owner, id, nth LIMIT ?`,
				c.at, c.kind, c.owner, c.id, c.nth, page)
			if err != nil {
				yield(vbc.Recording{}, err)
				return
			}
			for _, r := range rows {
				if _, held := manifest.Covering(holds, r.Row); (r.odd || held) && !yield(r.Recording, nil) {
					return
				}
			}
			if len(rows) < page {
				return
			}
			last := rows[len(rows)-1]
			c.after(last.Row, last.Start)
		}
	}
}

// called is what finds a recording by its call: as much of it as holds look at.
type called struct {
	manifest.Row
	odd bool
}

func scanCall(rows *sql.Rows) (c called, err error) {
	var start int64
	var how int
	var caller, extensions sql.NullString
	err = rows.Scan(&start, &c.Kind, &c.Owner, &c.ID, &c.Nth, &how, &caller, &extensions)
	c.Start, c.CallerID, c.odd = time.UnixMilli(start).UTC(), caller.String, how == odd
	if list := extensions.String; len(list) > len(",,") {
		c.Extensions = strings.Split(list[1:len(list)-1], ",")
	}
	return c, err
}

// formerlyCovered yields the rest: what VBC says now doesn't tell that it is covered.
func (m *Manifest) formerlyCovered(ctx context.Context, holds []manifest.Hold, states []manifest.State) iter.Seq2[manifest.Row, error] {
	return func(yield func(manifest.Row, error) bool) {
		c := cursor{at: math.MinInt64}
		for row, err := range inPages(func() ([]manifest.Row, error) { return m.saidPage(ctx, &c) }) {
			if err == nil {
				_, now := manifest.Covering(holds, manifest.Row{Recording: row.Recording})
				_, ever := manifest.Covering(holds, row)
				if now || !ever || legible(row.Recording) == odd || !slices.Contains(states, row.State) {
					continue
				}
			}
			if !yield(row, err) || err != nil {
				return
			}
		}
	}
}

func (m *Manifest) saidPage(ctx context.Context, c *cursor) ([]manifest.Row, error) {
	page, err := query(ctx, m, m.scan, `SELECT `+columns+` FROM recording INDEXED BY said WHERE said <> ''
		AND (start, kind, owner, id, nth) > (?, ?, ?, ?, ?) ORDER BY start, kind, owner, id, nth LIMIT ?`,
		c.at, c.kind, c.owner, c.id, c.nth, pendingPage)
	if n := len(page); n > 0 {
		c.after(page[n-1], page[n-1].Start)
	}
	return page, err
}
