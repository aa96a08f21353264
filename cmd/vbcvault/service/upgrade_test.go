package service

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vbcvault/vbcvault/pipeline/dbfile"
)

// next is the file with one format more, whose tables have a column more.
func next() dbfile.File {
	f := file
	f.Format++
	f.Steps = map[int]func(*sql.Tx) error{file.Format: func(tx *sql.Tx) error {
		_, err := tx.Exec("ALTER TABLE outcome ADD COLUMN colour TEXT NOT NULL DEFAULT 'grey'")
		return err
	}}
	return f
}

// A state of an older format is upgraded by the service, with a copy first, and by no
// command beside it: an older service may still be running.
func TestOlderStateIsUpgradedByTheServiceAlone(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "a")
	h.options.Version = "v1.3.0"
	s, err := New(t.Context(), h.options)
	if err == nil {
		err = s.state.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(h.dir, File)
	as := func(f dbfile.File, program string, owner bool) error {
		db, err := sql.Open("sqlite", dsn(path))
		if err != nil {
			t.Fatal(err)
		}
		db.SetMaxOpenConns(1)
		return errors.Join(prepare(context.Background(), db, path, f, program, owner), db.Close())
	}
	if err := as(next(), "v1.4.0", false); !errors.Is(err, ErrOlder) {
		t.Errorf("beside a service: %v", err)
	}
	if _, err := os.Stat(dbfile.Copied(path, file.Format)); err == nil {
		t.Error("it was copied for nothing")
	}
	if err := as(next(), "v1.4.0", true); err != nil {
		t.Fatal(err)
	}
	if err := as(next(), "v1.4.0", false); err != nil {
		t.Errorf("beside the new service: %v", err)
	}
	_, err = New(t.Context(), h.options)
	if e, ok := errors.AsType[*dbfile.NewerError](err); !ok || !errors.Is(err, ErrNewer) || e.Program != "v1.4.0" || !strings.Contains(err.Error(), "v1.4.0") {
		t.Errorf("an older service: %v", err)
	}
	// Back to the older version: with the copy in its place.
	if err := errors.Join(os.Remove(path), os.Rename(dbfile.Copied(path, file.Format), path)); err != nil {
		t.Fatal(err)
	}
	if s, err = New(t.Context(), h.options); err != nil {
		t.Fatalf("the copy: %v", err)
	}
	if err := s.state.Close(); err != nil {
		t.Fatal(err)
	}
}
