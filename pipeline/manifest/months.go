package manifest

import (
	"context"
	"iter"
	"time"
)

// Months are what the catalogue has files of.
type Months interface {
	// StaleMonths are the months whose files of the catalogue have to be made
	// anew, the earliest first.
	StaleMonths(ctx context.Context) ([]Month, error)
	// Months are all months of which there are recordings, or were. It looks at
	// every recording.
	Months(ctx context.Context) ([]Month, error)
	// MonthOf is the month of a moment, as it is now.
	MonthOf(ctx context.Context, at time.Time) (Month, error)
	// Of yields a month's recordings, the oldest first.
	Of(ctx context.Context, month Month) iter.Seq2[Row, error]
	// Catalogued writes down that a month's file, made of what there was after the
	// month was read, is stored. What has changed since then keeps it stale.
	Catalogued(ctx context.Context, month Month) error
}

// Month is a month of recordings, by their start in UTC, of which the
// catalogue has one file.
type Month struct {
	First   time.Time // its first moment
	Changes int64     // counted when it was read; 0 = its file is what it should be
}

// MonthLayout is how months are written.
const MonthLayout = "2006-01"

// String is the month as in 2026-05.
func (m Month) String() string { return m.First.Format(MonthLayout) }

// Stale reports whether something has changed since its file was stored.
func (m Month) Stale() bool { return m.Changes > 0 }
