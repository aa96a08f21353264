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
	part1 := strings.ToLower(q.Name)
	for name, err := range texts(ctx, m, "SELECT cnam FROM name WHERE instr(lower(cnam), ?) > 0 OR cnam GLOB '*[^ -~]*'", part1) {
		if err != nil {
			return way{}, false, err
		}
		if !strings.Contains(strings.ToLower(name), part1) {
			continue
		}
		if w.parts = append(w.parts, part{byName, nil, clause{}.and("cnam = ?", name), true}); len(w.parts) >= mostParts {
			return way{}, false, nil // they are in so many calls that reading all finds some soon
		}
	}
	w.parts = append(w.parts, unreadable)
	return w, true, nil
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
