package service

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/rivermigrate"
)

// Shared is a database of PostgreSQL in which several machines keep one state. Whoever
// is given one closes its connections.
type Shared struct {
	DB      *sql.DB
	Lives   *sql.DB // for a service to say that it lives, however busy the others are; nil = DB
	Address string  // for messages: without a password
	Machine string  // what people call this machine
}

func (sh Shared) state() *state {
	return &state{db: database{DB: sh.DB, words: words{postgres: true}}, path: sh.Address, shared: true, lives: sh.Lives}
}

func (sh Shared) close() error {
	err := sh.DB.Close()
	if sh.Lives != nil {
		err = errors.Join(err, sh.Lives.Close())
	}
	return err
}

// takeState is the state that a service is to keep, which it takes for itself; of a
// shared one, only the state directory.
func takeState(ctx context.Context, o Options) (*state, error) {
	if o.Shared == nil {
		return lockState(ctx, o.StateDir, o.Version)
	}
	lock, err := lockDir(ctx, o.StateDir)
	if err != nil {
		return nil, errors.Join(err, o.Shared.close())
	}
	s, err := openShared(ctx, *o.Shared, o.Version, true)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	s.lock = lock
	return s, nil
}

//go:embed schema/*.sql
var schema embed.FS

// step is one step of the tables in a database, carried out in a transaction of its own
// and such that programs which know only the one before go on beside it: see oldest.
type step struct {
	file  string // "" = none
	river int    // the version of River's tables that goes with it
	// oldest is the newest step that a program must know to work with the tables.
	oldest int
}

var steps = []step{
	{file: "service.sql", river: 8, oldest: 1},
}

// openShared opens the state that several machines share. Its tables are made and
// upgraded by a service, and by nobody beside that.
func openShared(ctx context.Context, sh Shared, program string, owner bool) (*state, error) {
	s := sh.state()
	if err := s.prepare(ctx, program, owner); err != nil {
		return nil, errors.Join(fmt.Errorf("the state of the service in %s: %w", sh.Address, err), s.Close())
	}
	return s, nil
}

// prepare makes or upgrades the tables, or says that this is not for us.
func (s *state) prepare(ctx context.Context, program string, owner bool) error {
	is, err := stepOf(ctx, s.db)
	switch {
	case err != nil || is >= len(steps):
		return err
	case is == 0 && !owner:
		return ErrNoService
	case !owner:
		return fmt.Errorf("%w (format %d)", ErrOlder, is)
	}
	for is < len(steps) {
		if is, err = s.step(ctx, program); err != nil {
			return err
		}
	}
	return nil
}

// stepOf is the last step of the tables as they are, 0 if there are none.
func stepOf(ctx context.Context, q querier) (is int, err error) {
	var oldest int
	var program string
	err = q.QueryRowContext(ctx, `SELECT coalesce(max(step), 0), coalesce(max(oldest), 0),
		coalesce((SELECT program FROM main.migration ORDER BY step DESC LIMIT 1), '') FROM main.migration`).Scan(&is, &oldest, &program)
	const undefinedTable, noSchema = "42P01", "3F000"
	if e, ok := errors.AsType[*pgconn.PgError](err); ok && (e.Code == undefinedTable || e.Code == noSchema) {
		return 0, nil
	}
	if err == nil && oldest > len(steps) {
		err = fmt.Errorf("%w: its tables are those of vbcvault %s", ErrNewer, program)
	}
	return is, err
}

// step takes the next step, unless another machine just has. All of it is done or nothing.
func (s *state) step(ctx context.Context, program string) (is int, err error) {
	m, err := rivermigrate.New(riverdatabasesql.New(s.db.DB), &rivermigrate.Config{Logger: quiet, Schema: riverSchema})
	if err != nil {
		return 0, fmt.Errorf("prepare the queue: %w", err)
	}
	for done := false; !done; {
		err = s.change(ctx, func(tx txn) (err error) {
			if _, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock(?)", int64(mark)); err != nil {
				return err
			}
			if is, err = s.begun(ctx, tx); err != nil || is >= len(steps) {
				done = true
				return err
			}
			// River's own migrator commits what it makes before it writes down that it has.
			// Here each version is one transaction, which one of the versions needs: it uses
			// what the one before has added to a type.
			//nolint:staticcheck // deprecated for all versions in one transaction, which is not what this is
			moved, err := m.MigrateTx(ctx, tx.Tx, rivermigrate.DirectionUp, &rivermigrate.MigrateOpts{MaxSteps: 1})
			if err != nil {
				return fmt.Errorf("make the queue's tables: %w", err)
			}
			if len(moved.Versions) > 0 && moved.Versions[0].Version < steps[is].river {
				return nil
			}
			done = true
			is++
			return s.put(ctx, tx, is, program)
		})
		if err != nil {
			return 0, fmt.Errorf("make the tables: %w", err)
		}
	}
	return is, nil
}

// begun is the last step, with the place for what follows.
func (s *state) begun(ctx context.Context, tx txn) (is int, err error) {
	for _, text := range []string{
		"CREATE SCHEMA IF NOT EXISTS " + ourSchema,
		"CREATE SCHEMA IF NOT EXISTS " + riverSchema,
		"CREATE TABLE IF NOT EXISTS main.migration (step int PRIMARY KEY, oldest int NOT NULL, program text NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp())",
	} {
		if _, err := tx.ExecContext(ctx, text); err != nil {
			return 0, err
		}
	}
	return stepOf(ctx, tx)
}

// put makes our own tables of a step.
func (s *state) put(ctx context.Context, tx txn, is int, program string) error {
	one := steps[is-1]
	if one.file != "" {
		text, err := schema.ReadFile("schema/" + one.file)
		if err != nil {
			return err
		}
		if _, err := tx.Tx.ExecContext(ctx, string(text)); err != nil {
			return fmt.Errorf("%s: %w", one.file, err)
		}
	}
	_, err := tx.ExecContext(ctx, "INSERT INTO main.migration (step, oldest, program) VALUES (?, ?, ?)", is, one.oldest, program)
	return err
}
