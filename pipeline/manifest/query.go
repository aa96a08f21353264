package manifest

import (
	"context"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/vbcvault/vbcvault/vbc"
)

// Search finds recordings by what is known of their calls.
type Search interface {
	// Search yields the recordings that a query selects, by their start; of those
	// with the same one, by kind, owner, id and Nth.
	Search(ctx context.Context, q Query) iter.Seq2[Row, error]
	// Count counts the recordings that a query selects, whatever its Limit: all of
	// them and, if by isn't "", each group of them, in order. Months are those of
	// zone. It holds no more in memory than a month's worth of short entries.
	Count(ctx context.Context, q Query, by Grouping, zone *time.Location) (groups []Count, total Count, err error)
}

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

// Matches reports whether a row is one of those that are selected. It has the
// last word, whatever SQLite has found.
func (q Query) Matches(r Row) bool {
	return (len(q.IDs) == 0 || slices.Contains(q.IDs, r.ID)) && (len(q.States) == 0 || slices.Contains(q.States, r.State)) &&
		(q.Kind == "" || q.Kind == r.Kind) && (q.Owner == "" || q.Owner == r.Owner) &&
		(q.Since.IsZero() || !r.Start.Before(q.Since)) && (q.Until.IsZero() || r.Start.Before(q.Until)) &&
		q.Filter.Matches(r.Recording) && (q.Text == "" || contains(r.Recording, q.Text))
}

func contains(r vbc.Recording, text string) bool {
	text = strings.ToLower(text)
	return slices.ContainsFunc(append([]string{r.CallerID, r.DNIS, r.CNAM, r.FileName}, r.Extensions...), func(has string) bool {
		return strings.Contains(strings.ToLower(has), text)
	})
}

// Grouping is what recordings are counted by.
type Grouping string

const (
	ByMonth     Grouping = "month"     // of their start, as in 2026-05
	ByExtension Grouping = "extension" // under each of theirs, "" where there is none
	ByDirection Grouping = "direction" // as VBC writes it, "" where it doesn't say
	ByState     Grouping = "state"
)
