package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// unfinished is the name that a manifest has while it is only being made.
func unfinished(name string) string { return name + ".unfinished" }

// Create makes a manifest that comes into being whole or not at all. fill writes it under
// another name, under which nobody looks for a manifest; when fill has returned nil it
// gets its own, durably. What a crash leaves until then, the next Create removes. The
// error is fs.ErrExist (wrapped) if there is one already, and ErrLocked if another Create
// is at it.
func Create(ctx context.Context, path string, fill func(*Manifest) error, options ...Option) error {
	place, err := Parse(path)
	if err != nil {
		return fmt.Errorf("create manifest: %w", err)
	}
	m, err := begun(ctx, place, options)
	if err != nil {
		return fmt.Errorf("create manifest %s: %w", place, err)
	}
	if err = fill(m); err == nil {
		err = m.publish(ctx, place)
	}
	if err != nil { // what remains all the same, the next one removes
		err = errors.Join(err, m.empty(context.WithoutCancel(ctx), true))
	}
	return errors.Join(err, m.Close())
}

// begun is an empty manifest that is being made for a place.
func begun(ctx context.Context, place Place, options []Option) (*Manifest, error) {
	m, err := connect(ctx, place.At(unfinished(place.Name)).String(), options)
	if err != nil {
		return nil, err
	}
	m.creating = true
	for _, step := range []func(context.Context) error{
		func(ctx context.Context) error { return m.prepare(ctx, true) },
		func(ctx context.Context) error { return m.free(ctx, place.Name) },
		func(ctx context.Context) error { return m.find(ctx, true) },
		m.takeIt,
		func(ctx context.Context) error { return m.empty(ctx, false) },
		func(ctx context.Context) error { return m.do(ctx, newChain) },
		m.pinKey,
	} {
		if err := step(ctx); err != nil {
			return nil, errors.Join(err, m.Close())
		}
	}
	return m, nil
}

// free is fs.ErrExist if there is a manifest with a name.
func (m *Manifest) free(ctx context.Context, name string) error {
	if name == "" {
		return errNoName
	}
	var there bool
	if err := m.db.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM vbcvault.account WHERE name = $1)", name).Scan(&there); err != nil {
		return err
	}
	if there {
		return fs.ErrExist
	}
	return nil
}

// takeIt takes the lease of what has been found, and begins to write; it is bound to
// nothing. Somebody who was at it until just now may have given it its name: then it is
// fs.ErrExist. With the lease nobody can any more.
func (m *Manifest) takeIt(ctx context.Context) (err error) {
	if m.lease, err = takeLease(ctx, m); err != nil {
		return err
	}
	var name string
	if err := m.db.QueryRow(ctx, "SELECT name FROM vbcvault.account WHERE id = $1", m.account).Scan(&name); err != nil {
		return err
	}
	if name != m.place.Name {
		return fs.ErrExist
	}
	m.beginWriting()
	m.number = ""
	return nil
}

// emptied is how many rows of a table are removed at once, so that each transaction is
// over soon.
const emptied = 5000

// empty removes all that the manifest has, bit by bit; if wholly, it is no more.
func (m *Manifest) empty(ctx context.Context, wholly bool) error {
	tables, err := query(ctx, m, pgx.RowTo[string], `SELECT c.relname::text FROM pg_catalog.pg_attribute a
		JOIN pg_catalog.pg_class c ON c.oid = a.attrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = 'vbcvault' AND c.relkind = 'r' AND a.attname = 'account' AND a.atttypid = 'bigint'::regtype AND NOT a.attisdropped AND c.relname <> 'lease' AND $1::bigint > 0
		ORDER BY c.relname <> 'recording', c.relname`)
	for range 2 { // where something goes, triggers count
		for _, table := range tables {
			for gone := int64(emptied); gone == emptied && err == nil; {
				err = m.do(ctx, func(tx *txn) (err error) {
					name := pgx.Identifier{"vbcvault", table}.Sanitize()
					if gone, err = tx.Exec("DELETE FROM "+name+" WHERE ctid = ANY (ARRAY(SELECT ctid FROM "+name+" WHERE account = $1 LIMIT $2))", emptied); err != nil {
						return writeError(err)
					}
					return nil
				})
			}
		}
	}
	if err != nil || !wholly {
		return err
	}
	return m.do(ctx, func(tx *txn) error {
		_, err := tx.Exec("DELETE FROM vbcvault.lease WHERE account = $1")
		if err == nil {
			_, err = tx.Exec("DELETE FROM vbcvault.account WHERE id = $1")
		}
		if err != nil {
			return writeError(err)
		}
		return nil
	})
}

// publish gives a manifest its name.
func (m *Manifest) publish(ctx context.Context, as Place) error {
	err := m.exec(ctx, "UPDATE vbcvault.account SET name = $2 WHERE id = $1", as.Name)
	const uniqueViolation = "23505"
	if e, ok := errors.AsType[*pgconn.PgError](err); ok && e.Code == uniqueViolation {
		return fmt.Errorf("create manifest %s: %w", as, fs.ErrExist)
	}
	return err
}
