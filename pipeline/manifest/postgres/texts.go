package postgres

import "strings"

// Storable is a text that comes from outside as PostgreSQL takes it: UTF-8 without NUL.
// Texts without either are the same.
func Storable(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\ufffd"), "\x00", "\ufffd")
}
