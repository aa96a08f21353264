package postgres

import (
	"context"
)

func (m *Manifest) Scrub(ctx context.Context) error {
	panic("not written yet")
}
