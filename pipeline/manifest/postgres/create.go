package postgres

import (
	"context"
)

// Create makes a manifest that comes into being whole or not at all. fill writes it under
// another name, under which nobody looks for a manifest; when fill has returned nil it
// gets its own, durably. What a crash leaves until then, the next Create removes. The
// error is fs.ErrExist (wrapped) if there is one already, and ErrLocked if another Create
// is at it.
func Create(ctx context.Context, path string, fill func(*Manifest) error, options ...Option) error {
	panic("not written yet")
}
