package postgres

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

//go:embed schema/*.sql
var schema embed.FS

// migration is one step of the database's tables. Each is carried out in a transaction of
// its own, and is such that programs which know only the one before it may go on beside
// it: see oldest.
type migration struct {
	files []string
	// oldest is the newest format that a program must know to work with the tables from
	// here on. It is that of the migration before, or an earlier one, unless all
	// machines must be stopped for it.
	oldest int
}

var migrations = []migration{
	{files: []string{"base.sql", "recording.sql", "receipt.sql", "hold.sql", "run.sql", "settings.sql", "listening.sql", "search.sql", "quota.sql"}, oldest: 1},
}

// Format is the newest format of the tables, and the one that this program makes; it
// works with those that a program of the version after it has made, too.
func Format() int { return len(migrations) }

// advisory is the lock under which tables are made and changed. It ends with its
// transaction.
const advisory = 0x76626376

// prepare makes or changes the tables if they aren't of the newest format, or, unless it
// may, says so.
func (m *Manifest) prepare(ctx context.Context, mayChange bool) error {
	var is int
	err := anew(func() (err error) {
		is, err = formatOf(ctx, m.db)
		return err
	})
	if err != nil || is >= len(migrations) {
		return err
	}
	switch {
	case is == 0 && !mayChange:
		return fs.ErrNotExist
	case !mayChange:
		return fmt.Errorf("%w (format %d): the next run of vbcvault archive or serve upgrades it", manifest.ErrOlder, is)
	}
	for is < len(migrations) {
		if is, err = m.migrate(ctx); err != nil {
			return err
		}
	}
	return nil
}

// queryer is a pool, or a transaction.
type queryer interface {
	QueryRow(ctx context.Context, text string, args ...any) pgx.Row
}

// formatOf is the format that the tables have, 0 if there are none. It is
// manifest.ErrNewer (wrapped) if this program may not work with them.
func formatOf(ctx context.Context, q queryer) (format int, err error) {
	var oldest int
	var program string
	err = q.QueryRow(ctx, `SELECT coalesce(max(format), 0), coalesce(max(oldest), 0), coalesce((SELECT program FROM vbcvault.migration ORDER BY format DESC LIMIT 1), '') FROM vbcvault.migration`).
		Scan(&format, &oldest, &program)
	const undefinedTable, noSchema = "42P01", "3F000"
	if e, ok := errors.AsType[*pgconn.PgError](err); ok && (e.Code == undefinedTable || e.Code == noSchema) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read the database: %w", err)
	}
	if oldest > len(migrations) {
		return 0, fmt.Errorf("%w: its tables are those of vbcvault %s", manifest.ErrNewer, program)
	}
	return format, nil
}

// migrate carries out the next migration, unless somebody else just has.
func (m *Manifest) migrate(ctx context.Context) (format int, err error) {
	err = pgx.BeginFunc(ctx, m.db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", int64(advisory)); err != nil {
			return err
		}
		var there bool
		if err := tx.QueryRow(ctx, "SELECT to_regclass('vbcvault.migration') IS NOT NULL").Scan(&there); err != nil {
			return err
		}
		if !there {
			_, err := tx.Exec(ctx, `CREATE SCHEMA IF NOT EXISTS vbcvault;
				CREATE TABLE vbcvault.migration (format int PRIMARY KEY, oldest int NOT NULL, program text NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp())`)
			if err != nil {
				return err
			}
		}
		if format, err = formatOf(ctx, tx); err != nil || format >= len(migrations) {
			return err
		}
		for _, name := range migrations[format].files {
			text, err := schema.ReadFile("schema/" + name)
			if err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, string(text)); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		format++
		_, err := tx.Exec(ctx, "INSERT INTO vbcvault.migration (format, oldest, program) VALUES ($1, $2, $3)", format, migrations[format-1].oldest, m.program)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("make the tables: %w", explained(err))
	}
	return format, nil
}

// Migrate makes the tables in a database, or brings them up to date. It may be called by
// several programs at once. path needs to name no manifest.
func Migrate(ctx context.Context, path string, options ...Option) error {
	m, err := connect(ctx, path, options)
	if err != nil {
		return err
	}
	err = m.prepare(ctx, true)
	if err != nil {
		err = fmt.Errorf("prepare database %s: %w", m.place, err)
	}
	return errors.Join(err, m.Close())
}
