package postgres

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

// StaleMonths are the months whose files of the catalogue have to be made
// anew, the earliest first.
func (m *Manifest) StaleMonths(ctx context.Context) ([]manifest.Month, error) {
	return query(ctx, m, scanMonth, "SELECT month, changes FROM vbcvault.stale WHERE account = $1 ORDER BY month")
}

// Months are all months of which there are recordings, or were. It looks at one recording
// of each.
func (m *Manifest) Months(ctx context.Context) ([]manifest.Month, error) {
	return query(ctx, m, scanMonth, `WITH RECURSIVE each AS (
			SELECT min(start) AS start FROM vbcvault.call WHERE account = $1
			UNION ALL SELECT (SELECT min(start) FROM vbcvault.call WHERE account = $1 AND start >= extract(epoch FROM
				date_trunc('month', timestamp 'epoch' + each.start * interval '1 millisecond') + interval '1 month')::bigint * 1000)
			FROM each WHERE each.start IS NOT NULL)
		SELECT month, coalesce(changes, 0) FROM (
			SELECT vbcvault.month_of(start) AS month FROM each WHERE start IS NOT NULL UNION SELECT month FROM vbcvault.stale WHERE account = $1) AS all_months
			LEFT JOIN (SELECT month, changes FROM vbcvault.stale WHERE account = $1) AS changed USING (month) ORDER BY month COLLATE "C"`)
}

// MonthOf is the month of a moment, as it is now.
func (m *Manifest) MonthOf(ctx context.Context, at time.Time) (manifest.Month, error) {
	at = at.UTC()
	month := manifest.Month{First: time.Date(at.Year(), at.Month(), 1, 0, 0, 0, 0, time.UTC)}
	found, err := query(ctx, m, scanMonth, "SELECT month, changes FROM vbcvault.stale WHERE account = $1 AND month = $2", month.String())
	if err == nil && len(found) > 0 {
		month = found[0]
	}
	return month, err
}

func scanMonth(row pgx.CollectableRow) (m manifest.Month, err error) {
	var text string
	if err = row.Scan(&text, &m.Changes); err != nil {
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
	return m.exec(ctx, "DELETE FROM vbcvault.stale WHERE account = $1 AND month = $2 AND changes = $3", month.String(), month.Changes)
}
