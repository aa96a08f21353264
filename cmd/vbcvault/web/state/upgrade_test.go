package state

import (
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vbcvault/vbcvault/pipeline/dbfile"
)

// A database of an older format is upgraded, with a copy first; one of a newer format is
// refused with the version that is needed; and one that doesn't say yet who has written
// it comes to say so.
func TestFormats(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "web.db")
	d, err := Open(t.Context(), path, "v1.3.0")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.db.Exec("DROP TABLE program"); err != nil { // as it was before
		t.Fatal(err)
	}
	d.Close()
	if d, err = Open(t.Context(), path, "v1.3.0"); err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	var by string
	if err := d.db.QueryRow(file.Read).Scan(&by); err != nil || by != "v1.3.0" {
		t.Errorf("it is by %q, %v", by, err)
	}

	next := file
	next.Format++
	next.Steps = map[int]func(*sql.Tx) error{file.Format: func(tx *sql.Tx) error {
		_, err := tx.Exec("CREATE TABLE colour (name TEXT)")
		return err
	}}
	if err := prepare(t.Context(), d.db, path, next, "v1.4.0"); err != nil {
		t.Fatal(err)
	}
	if n, err := d.Count(t.Context(), "colour"); err != nil || n["colour"] != 0 {
		t.Errorf("%v, %v", n, err)
	}
	_, err = Open(t.Context(), path, "v1.3.0")
	if e, ok := errors.AsType[*dbfile.NewerError](err); !ok || !errors.Is(err, ErrNewer) || e.Program != "v1.4.0" || !strings.Contains(err.Error(), "v1.4.0") {
		t.Errorf("an older program: %v", err)
	}
	old, err := Open(t.Context(), dbfile.Copied(path, file.Format), "v1.3.0")
	if err != nil {
		t.Fatalf("the copy: %v", err)
	}
	old.Close()
}
