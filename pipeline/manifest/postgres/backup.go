package postgres

import "context"

// Backup copies
func (m *Manifest) Backup(ctx context.Context, path string) error { panic("not written yet") }
