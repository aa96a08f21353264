//go:build unix

package postgres_test

import (
	"context"
	"errors"
	"io/fs"
	"testing"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres"
	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres/postgrestest"
	"github.com/vbcvault/vbcvault/vbc"
)

// nothing is what fills a manifest with nothing.
func nothing(*postgres.Manifest) error { return nil }

// A manifest that is being made comes into being whole or not at all, whatever one that was
// begun before has left.
func TestCreateIsWholeOrNothing(t *testing.T) {
	t.Parallel()
	database := postgrestest.New(t)
	path := postgrestest.Named(database, "m")
	_, other := newKey(t)
	leftover := open(t, postgrestest.Named(database, "m.unfinished"), other)
	stored(t, leftover, of(1, day), of(2, day))
	must(t, leftover.Close()) // whose lease would have run out after a crash

	broken := errors.New("broken")
	if err := postgres.Create(t.Context(), path, func(*postgres.Manifest) error { return broken }, other); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	if names, err := postgres.Names(t.Context(), path, ""); err != nil || len(names) > 0 {
		t.Errorf("what wasn't made is there: %v, %v", names, err)
	}

	stored(t, open(t, postgrestest.Named(database, "m.unfinished"), other), of(1, day)) // and is still open
	if err := postgres.Create(t.Context(), path, nothing, other); !errors.Is(err, manifest.ErrLocked) {
		t.Errorf("two make one manifest: %v", err)
	}

	database = postgrestest.New(t)
	path = postgrestest.Named(database, "m")
	leftover = open(t, postgrestest.Named(database, "m.unfinished"), other)
	stored(t, leftover, of(1, day), of(2, day))
	must(t, leftover.Close())
	key, given := newKey(t)
	must(t, postgres.Create(t.Context(), path, func(m *postgres.Manifest) error {
		if _, err := postgres.OpenReadOnly(t.Context(), path); !postgres.Missing(err) {
			t.Errorf("it can be opened before it is whole: %v", err)
		}
		return m.Put(t.Context(), manifest.Row{Recording: of(3, day), State: manifest.Listed})
	}, given))
	if err := postgres.Create(t.Context(), path, nothing, other); !errors.Is(err, fs.ErrExist) {
		t.Errorf("made again: %v", err)
	}
	m := open(t, path, given)
	if verifier, err := m.Verifier(t.Context()); err != nil || verifier != key.Verifier() {
		t.Errorf("its key is %s, %v", verifier, err)
	}
	var ids []int64
	for row, err := range m.InOrder(t.Context()) {
		must(t, err)
		ids = append(ids, row.ID)
	}
	if findings, err := m.Check(t.Context()); err != nil || len(findings) > 0 || len(ids) != 1 || ids[0] != 3 {
		t.Errorf("it has %v, %q, %v", ids, findings, err)
	}
}

// Who has found a manifest that somebody else was about to finish makes nothing of it.
func TestFinishedMeanwhile(t *testing.T) {
	t.Parallel()
	path := postgrestest.Named(postgrestest.New(t), "m")
	_, key := newKey(t)
	err := postgres.TakeUnfinished(t.Context(), path, func() error {
		return postgres.Create(t.Context(), path, func(m *postgres.Manifest) error {
			return m.Put(t.Context(), manifest.Row{Recording: of(1, day), State: manifest.Listed})
		}, key)
	}, key)
	if !errors.Is(err, fs.ErrExist) {
		t.Errorf("%v", err)
	}
	m := open(t, path, key)
	if _, err := m.Get(context.Background(), vbc.Key{Kind: vbc.Company, ID: 1}); err != nil {
		t.Error(err)
	}
}
