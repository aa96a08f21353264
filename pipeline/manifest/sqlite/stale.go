package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

// allStale makes every month stale.
const allStale = `
INSERT INTO stale SELECT strftime('%Y-%m', start / 1000, 'unixepoch') AS month, count(*) FROM recording GROUP BY month;
`

// StaleMonths are the months whose files of the catalogue have to be made
// anew, the earliest first.
func (m *Manifest) StaleMonths(ctx context.Context) ([]manifest.Month, error) {
	return query(ctx, m, scanMonth, "SELECT month, changes FROM stale ORDER BY month")
}

// Months are all months of which there are recordings, or were. It looks at
// every recording.
func (m *Manifest) Months(ctx context.Context) ([]manifest.Month, error) {
	return query(ctx, m, scanMonth, `
		SELECT month, ifnull(changes, 0) FROM (SELECT strftime('%Y-%m', start / 1000, 'unixepoch') AS month FROM recording UNION SELECT month FROM stale)
		LEFT JOIN stale USING (month) ORDER BY month`)
}

// MonthOf is the month of a moment, as it is now.
func (m *Manifest) MonthOf(ctx context.Context, at time.Time) (manifest.Month, error) {
	at = at.UTC()
	month := manifest.Month{First: time.Date(at.Year(), at.Month(), 1, 0, 0, 0, 0, time.UTC)}
	found, err := query(ctx, m, scanMonth, "SELECT month, changes FROM stale WHERE month = ?", month.String())
	if err == nil && len(found) > 0 {
		month = found[0]
	}
	return month, err
}

func scanMonth(rows *sql.Rows) (m manifest.Month, err error) {
	var text string
	if err = rows.Scan(&text, &m.Changes); err != nil {
		return m, err
	}
	if m.First, err = time.Parse(manifest.MonthLayout, text); err != nil {
		err = fmt.Errorf("read a month: %w", err)
	}
	return m, err
}

// Of yields a month's recordings, the oldest first.
func (m *Manifest) Of(ctx context.Context, month manifest.Month) iter.Seq2[manifest.Row, error] {
	return m.Search(ctx, manifest.Query{Since: month.First, Until: month.First.AddDate(0, 1, 0), OldestFirst: true})
}

// Catalogued writes down that a month's file, made of what there was after the
// month was read, is stored. What has changed since then keeps it stale.
func (m *Manifest) Catalogued(ctx context.Context, month manifest.Month) error {
	return m.exec(ctx, "DELETE FROM stale WHERE month = ? AND changes = ?", month.String(), month.Changes)
}
