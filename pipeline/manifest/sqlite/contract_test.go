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
	manifesttest.Run(t, func(t testing.TB) manifesttest.Place {
		path := filepath.Join(t.TempDir(), "m")
		return manifesttest.Place{
			Open: func(ctx context.Context, commits func(func() error) error) (manifesttest.Manifest, error) {
				return opened(sqlite.Open(ctx, path, sqlite.WithCommits(commits)))
			},
			Beside: func(ctx context.Context) (manifesttest.Manifest, error) { return opened(sqlite.OpenBeside(ctx, path)) },
			Create: func(ctx context.Context, fill func(manifesttest.Fillable) error) error {
				return sqlite.Create(ctx, path, func(m *sqlite.Manifest) error { return fill(m) })
			},
		}
	})
}

// opened keeps a nil manifest from being one that isn't nil.
func opened(m *sqlite.Manifest, err error) (manifesttest.Manifest, error) {
	if err != nil {
		return nil, err
	}
	return m, nil
}
