package postgres

import (
	"context"
	"errors"
	"fmt"
)

// Common is what all programs that share a database know together, whichever manifests
// they are about: how much of a quota is used up, and which logins VBC has refused. Its
// methods may be called concurrently.
type Common struct{ m *Manifest } // which is none: it has only the connections

// OpenCommon opens what a database has of that, and makes its tables if there are none.
// path needs to name no manifest.
func OpenCommon(ctx context.Context, path string, options ...Option) (*Common, error) {
	m, err := connect(ctx, path, options)
	if err != nil {
		return nil, err
	}
	if err := m.prepare(ctx, true); err != nil {
		return nil, errors.Join(fmt.Errorf("open database %s: %w", m.place, err), m.Close())
	}
	return &Common{m}, nil
}

// Close gives the connections back. What has begun may fail then.
func (c *Common) Close() error { return c.m.Close() }
