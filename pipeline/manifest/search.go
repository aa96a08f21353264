package manifest

import (
	"context"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/vbcvault/vbcvault/vbc"
)

// Query selects recordings by what VBC has said of them and how far they have
// come. Fields that are zero select nothing; a recording must match all others.
type Query struct {
	IDs          []int64
	States       []State
	Kind         vbc.Kind
	Owner        string     // of on-demand recordings
	Since, Until time.Time  // of their start; Until excluded
	Filter       vbc.Filter // compared exactly, as VBC writes it
	Text         string     // part of a name or number, in whatever case
	OldestFirst  bool       // else the newest
	Limit        int        // 0 = all
}

// matches reports whether a row is one of those that are selected.
func (q Query) matches(r Row) bool {
	return (len(q.IDs) == 0 || slices.Contains(q.IDs, r.ID)) && (len(q.States) == 0 || slices.Contains(q.States, r.State)) &&
		(q.Kind == "" || q.Kind == r.Kind) && (q.Owner == "" || q.Owner == r.Owner) &&
		(q.Since.IsZero() || !r.Start.Before(q.Since)) && (q.Until.IsZero() || r.Start.Before(q.Until)) &&
		q.Filter.Matches(r.Recording) && (q.Text == "" || contains(r.Recording, q.Text))
}

// behind reports whether nothing is selected from a start on, in the query's order.
func (q Query) behind(start time.Time) bool {
	if q.OldestFirst {
		return !q.Until.IsZero() && !start.Before(q.Until)
	}
	return !q.Since.IsZero() && start.Before(q.Since)
}

func contains(r vbc.Recording, text string) bool {
	text = strings.ToLower(text)
	return slices.ContainsFunc(append([]string{r.CallerID, r.DNIS, r.CNAM, r.FileName}, r.Extensions...), func(has string) bool {
		return strings.Contains(strings.ToLower(has), text)
	})
}

// Search yields the recordings that a query selects, by their start. Rows may
// be moved on while it runs.
func (m *Manifest) Search(ctx context.Context, q Query) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		beyond, order, c := "<", "DESC", cursor{at: math.MaxInt64}
		if q.OldestFirst {
			beyond, order, c = ">", "ASC", cursor{at: math.MinInt64}
			if !q.Since.IsZero() {
				c.at = q.Since.UnixMilli() - 1
			}
		} else if !q.Until.IsZero() {
			c.at = q.Until.UnixMilli() + 1
		}
		text := fmt.Sprintf(`SELECT %s FROM recording INDEXED BY by_start WHERE (start, kind, owner, id) %s (?, ?, ?, ?) ORDER BY start %s, kind %s, owner %s, id %s LIMIT %d`,
			columns, beyond, order, order, order, order, pendingPage)
		for found := 0; ; {
			page, err := query(ctx, m, m.scan, text, c.at, c.kind, c.owner, c.id)
			if err != nil {
				yield(Row{}, err)
				return
			}
			for _, r := range page {
				if !q.matches(r) {
					continue
				}
				if found++; !yield(r, nil) || found == q.Limit {
					return
				}
			}
			if len(page) < pendingPage || q.behind(page[len(page)-1].Start) {
				return
			}
			c.after(page[len(page)-1], page[len(page)-1].Start)
		}
	}
}
