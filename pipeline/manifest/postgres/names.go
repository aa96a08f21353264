package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Names are the names of the manifests in a database, in their order, of one account or,
// for "", of all. Where there are no tables yet there are none.
func Names(ctx context.Context, path, account string, options ...Option) (names []string, err error) {
	m, err := connect(ctx, path, options)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	format, err := formatOf(ctx, m.db)
	if err != nil || format == 0 {
		return nil, err
	}
	rows, err := m.db.Query(ctx, `SELECT a.name FROM vbcvault.account a
		WHERE $1::text = '' OR EXISTS (SELECT 1 FROM vbcvault.meta m WHERE m.account = a.id AND m.key = 'account' AND m.value = $1)
		ORDER BY a.name COLLATE "C"`, account)
	if err == nil {
		names, err = pgx.CollectRows(rows, pgx.RowTo[string])
	}
	if err != nil {
		return nil, fmt.Errorf("read the names of manifests in %s: %w", m.place, err)
	}
	return names, nil
}
