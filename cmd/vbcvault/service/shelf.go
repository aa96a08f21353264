package service

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// Shelf is a text of a name that all machines of a service share; see notify.Shelf. It
// may be used as long as the service, or before that begins.
type Shelf struct {
	state *state
	name  string
}

// NewShelf is the text of a name.
func NewShelf(sh Shared, name string) *Shelf { return &Shelf{sh.state(), name} }

// Read is the text, "" if there is none yet.
func (s *Shelf) Read(ctx context.Context) (text string, err error) {
	err = s.state.db.QueryRowContext(ctx, "SELECT text FROM main.shelf WHERE name = ?", s.name).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read %s: %w", s.name, err)
	}
	return text, nil
}

// Change puts what change makes of the text in its place. Meanwhile no other machine can.
func (s *Shelf) Change(ctx context.Context, change func(text string) (string, error)) error {
	return s.state.change(ctx, func(tx txn) error {
		if _, err := tx.ExecContext(ctx, "INSERT INTO main.shelf (name) VALUES (?) ON CONFLICT DO NOTHING", s.name); err != nil {
			return fmt.Errorf("change %s: %w", s.name, err)
		}
		var text string
		if err := tx.QueryRowContext(ctx, "SELECT text FROM main.shelf WHERE name = ? FOR UPDATE", s.name).Scan(&text); err != nil {
			return fmt.Errorf("read %s: %w", s.name, err)
		}
		next, err := change(text)
		if err != nil || next == text {
			return err
		}
		if _, err := tx.ExecContext(ctx, "UPDATE main.shelf SET text = ? WHERE name = ?", next, s.name); err != nil {
			return fmt.Errorf("change %s: %w", s.name, err)
		}
		return nil
	})
}
