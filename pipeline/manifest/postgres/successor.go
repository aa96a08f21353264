package postgres

import "context"

// successor is the setting with what Successor says.
const successor = "successor"

// Successor is the place of the manifest that has taken this one's, "" if none has.
func (m *Manifest) Successor(ctx context.Context) (string, error) { return m.meta(ctx, successor) }

// SetSuccessor writes down that the manifest at path has taken this one's place.
func (m *Manifest) SetSuccessor(ctx context.Context, path string) error {
	return m.exec(ctx, setMeta, successor, path)
}
