package sqlite

import (
	"path/filepath"
	"testing"
)

// What a manifest may keep of its file in memory counts for each connection.
func TestCacheIsBounded(t *testing.T) {
	t.Parallel()
	for option, want := range map[int]int{0: -2000, 300 << 10: -300} {
		m, err := Open(t.Context(), filepath.Join(t.TempDir(), "m"), WithCache(option))
		if err != nil {
			t.Fatal(err)
		}
		var has int
		if err := m.reads.QueryRow("PRAGMA cache_size").Scan(&has); err != nil || has != want {
			t.Errorf("WithCache(%d): readers keep %d, %v, want %d", option, has, err, want)
		}
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
		if m, err = Open(t.Context(), m.path, WithCache(option)); err != nil {
			t.Fatal(err)
		}
		err = m.do(t.Context(), func(tx txn) error { return tx.QueryRow("PRAGMA cache_size").Scan(&has) })
		if err != nil || has != want {
			t.Errorf("WithCache(%d): the writer keeps %d, %v, want %d", option, has, err, want)
		}
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
