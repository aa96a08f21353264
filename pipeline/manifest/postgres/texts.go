package postgres

import "strings"

// storable is a text that comes from outside as PostgreSQL takes it: UTF-8 without NUL.
// Texts without either are the same.
func storable(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\ufffd"), "\x00", "\ufffd")
}
