package sqlite_test

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
	"github.com/vbcvault/vbcvault/vbc"
)

// A manifest of format 10 is copied and updated, and then it is written down who
// listens. Until then nobody can listen: the page opens no older format.
func TestListeningsOfFormat10(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "m")
	open := func() *sqlite.Manifest {
		t.Helper()
		m, err := sqlite.Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	m := open()
	if err := errors.Join(m.Bind(t.Context(), manifest.Binding{Account: "549825"}), m.Close()); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err == nil {
		_, err = db.Exec("DROP TABLE listening; DROP TABLE listening_file; PRAGMA user_version = 10")
		err = errors.Join(err, db.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sqlite.OpenBeside(t.Context(), path); !errors.Is(err, manifest.ErrOlder) {
		t.Errorf("opened beside a run: %v", err)
	}
	m = open()
	defer m.Close()
	if _, err := os.Stat(path + ".format10"); err != nil {
		t.Error(err)
	}
	_, err = m.AddListening(t.Context(), manifest.Listening{Kind: vbc.Company, ID: 1, Start: time.Unix(1, 0), Who: "eve", How: manifest.Played})
	n := 0
	for l, e := range m.Listenings(t.Context(), manifest.ListeningQuery{}) {
		if err = errors.Join(err, e); l.Doubtful {
			t.Errorf("%+v", l)
		}
		n++
	}
	if err != nil || n != 1 {
		t.Errorf("%d entries, %v", n, err)
	}
}

// Without the key nobody can be written down, and so nobody listens.
func TestNoListeningWithoutTheKey(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "m")
	m, err := sqlite.Open(t.Context(), path)
	if err == nil {
		err = errors.Join(m.Bind(t.Context(), manifest.Binding{Account: "549825"}), m.Close(), os.Remove(sqlite.KeyFile(path)))
	}
	if err != nil {
		t.Fatal(err)
	}
	beside, err := sqlite.OpenBeside(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer beside.Close()
	_, err = beside.AddListening(t.Context(), manifest.Listening{Kind: vbc.Company, ID: 1, Who: "eve", How: manifest.Played})
	if missing, ok := errors.AsType[*manifest.KeyError](err); !ok || missing.Verifier == "" {
		t.Error(err)
	}
	for l, err := range beside.Listenings(t.Context(), manifest.ListeningQuery{}) {
		t.Errorf("%+v, %v", l, err)
	}
}
