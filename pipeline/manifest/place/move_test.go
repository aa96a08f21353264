//go:build unix

package place_test

import (
	"errors"
	"io/fs"
	"path/filepath"
	"testing"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/place"
	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres/postgrestest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
)

// movable is a manifest that is bound to an account, and where it may be moved to.
func movable(t *testing.T, inDatabase bool) (from, to string, o place.Options) {
	t.Helper()
	key, err := receipt.NewKey()
	must(t, err)
	o.Key = place.Hide(key.Secret())
	database := postgrestest.New(t)
	from, to = filepath.Join(t.TempDir(), "m.manifest"), postgrestest.Named(database, "m")
	if inDatabase {
		from, to = to, from
	}
	m, err := place.Open(t.Context(), from, o)
	must(t, err)
	must(t, errors.Join(m.Bind(t.Context(), manifest.Binding{Account: "549825"}), m.Close()))
	return from, to, o
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// whenCopied calls something when the copy has been looked at, and not yet taken the
// other one's place.
func whenCopied(from string, do func() error) func(manifest.Opened) error {
	return func(m manifest.Opened) error {
		if m.Path() == from {
			return nil
		}
		return do()
	}
}

// A hold that somebody adds to a manifest that is being moved isn't left behind: nothing
// is moved then, and the next try has it.
func TestHoldAddedWhileMoved(t *testing.T) {
	t.Parallel()
	for _, inDatabase := range []bool{false, true} {
		from, to, o := movable(t, inDatabase)
		err := place.Move(t.Context(), from, to, o, whenCopied(from, func() error {
			beside, err := place.OpenBeside(t.Context(), from, o)
			if err != nil {
				return err
			}
			_, err = beside.AddHold(t.Context(), manifest.Hold{IDs: []int64{1}, Reason: "why", By: "who"})
			return errors.Join(err, beside.Close())
		}))
		if err == nil {
			t.Errorf("in a database %v: it is moved without a hold", inDatabase)
			continue
		}
		if _, err := place.OpenReadOnly(t.Context(), to, o); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("in a database %v: there is something: %v", inDatabase, err)
		}
		must(t, place.Move(t.Context(), from, to, o, func(manifest.Opened) error { return nil }))
		m, err := place.Open(t.Context(), to, o)
		must(t, err)
		if all, err := m.Holds(t.Context()); err != nil || len(all) != 1 {
			t.Errorf("in a database %v: %v, %v", inDatabase, all, err)
		}
		must(t, m.Close())
	}
}

// Where somebody else makes a manifest in the meantime, the old one goes on being used.
func TestPlaceTakenWhileMoved(t *testing.T) {
	t.Parallel()
	from, to, o := movable(t, false)
	err := place.Move(t.Context(), from, to, o, whenCopied(from, func() error {
		other, err := place.Open(t.Context(), to, o)
		if err != nil {
			return err
		}
		return other.Close()
	}))
	if !errors.Is(err, fs.ErrExist) {
		t.Errorf("%v", err)
	}
	m, err := place.Open(t.Context(), from, o)
	if err != nil {
		t.Fatalf("nobody can use it any more: %v", err)
	}
	must(t, m.Close())
}
