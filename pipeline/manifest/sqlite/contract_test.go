package sqlite_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/vbcvault/vbcvault/pipeline/manifest/manifesttest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
)

// TestContract holds SQLite to what every manifest promises.
func TestContract(t *testing.T) {
	t.Parallel()
	manifesttest.Run(t, place(func(*sqlite.Manifest) {}))
}

// A change is carried out anew where another of the same commit has failed, and comes to
// the same.
func TestContractOfChangesCarriedOutTwice(t *testing.T) {
	t.Parallel()
	manifesttest.Run(t, place(sqlite.Twice))
}

// place is where a manifest lies, and what is done to it when it is opened.
func place(with func(*sqlite.Manifest)) func(testing.TB) manifesttest.Place {
	return func(t testing.TB) manifesttest.Place {
		path := filepath.Join(t.TempDir(), "m")
		return manifesttest.Place{
			Open: func(ctx context.Context, commits func(func() error) error) (manifesttest.Manifest, error) {
				return opened(with)(sqlite.Open(ctx, path, sqlite.WithCommits(commits)))
			},
			Beside: func(ctx context.Context) (manifesttest.Manifest, error) {
				return opened(with)(sqlite.OpenBeside(ctx, path))
			},
			Create: func(ctx context.Context, fill func(manifesttest.Fillable) error) error {
				return sqlite.Create(ctx, path, func(m *sqlite.Manifest) error {
					with(m)
					return fill(m)
				})
			},
		}
	}
}

// opened keeps a nil manifest from being one that isn't nil.
func opened(with func(*sqlite.Manifest)) func(*sqlite.Manifest, error) (manifesttest.Manifest, error) {
	return func(m *sqlite.Manifest, err error) (manifesttest.Manifest, error) {
		if err != nil {
			return nil, err
		}
		with(m)
		return m, nil
	}
}
