package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"strings"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

// nameWay goes by those names that have the one that is asked for in them, if they are
// few. VBC's names are short and come again: there are far fewer than calls.
func (m *Manifest) nameWay(ctx context.Context, q manifest.Query) (w way, ok bool, err error) {
	if q.Name == "" {
		return way{}, false, nil
	}
	if often, err := m.often(ctx, q); err != nil || often {
		return way{}, false, err
	}
	asked := strings.ToLower(q.Name)
	for name, err := range texts(ctx, m, "SELECT cnam FROM name WHERE small = '' OR instr(small, ?) > 0", asked) {
		if err != nil {
			return way{}, false, err
		}
		if !strings.Contains(strings.ToLower(name), asked) {
			continue
		}
		if w.parts = append(w.parts, part{byName, nil, clause{}.and("cnam = ?", name), true}); len(w.parts) >= mostParts {
			return way{}, false, nil // they are in so many calls that reading all finds some soon
		}
	}
	w.parts = append(w.parts, unreadable)
	return w, true, nil
}

// often reports whether so many of the calls that come first are selected that reading
// all of them in order is quick.
func (m *Manifest) often(ctx context.Context, q manifest.Query) (bool, error) {
	const looked, enough = 4000, 80 // a page of some dozen is found within as many
	text, args := terms(q).keysOf(looked)
	var n int
	err := m.reads.QueryRowContext(ctx, `SELECT count(*) FILTER (WHERE fits) FROM (`+text+`)`, args...).Scan(&n)
	if err != nil {
		err = fmt.Errorf("read manifest: %w", err)
	}
	return n >= enough, err
}

// texts yields the values of a query's one column as they are read.
func texts(ctx context.Context, m *Manifest, text string, args ...any) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		rows, err := m.reads.QueryContext(ctx, text, args...)
		if err != nil {
			yield("", fmt.Errorf("read manifest: %w", err))
			return
		}
		defer rows.Close()
		for rows.Next() {
			var s sql.NullString
			if err := rows.Scan(&s); err != nil {
				yield("", fmt.Errorf("read manifest: %w", err))
				return
			}
			if !yield(s.String, nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield("", fmt.Errorf("read manifest: %w", err))
		}
	}
}
