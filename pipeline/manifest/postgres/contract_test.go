//go:build unix

package postgres_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/vbcvault/vbcvault/pipeline/manifest/manifesttest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres"
	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres/postgrestest"
)

// TestContract holds PostgreSQL to what every manifest promises. All manifests are in one
// database, where none may see anything of another.
func TestContract(t *testing.T) {
	t.Parallel()
	manifesttest.Run(t, placesIn(postgrestest.New(t)))
}

// placesIn are places for manifests in one database.
func placesIn(database string) func(testing.TB) manifesttest.Place {
	var number atomic.Int64
	return func(t testing.TB) manifesttest.Place {
		path := postgrestest.Named(database, fmt.Sprint("m", number.Add(1)))
		_, key := newKey(t) // of this one alone
		return manifesttest.Place{
			Open: func(ctx context.Context, commits func(func() error) error) (manifesttest.Manifest, error) {
				return opened(postgres.Open(ctx, path, key, postgres.WithCommits(commits)))
			},
			Beside: func(ctx context.Context) (manifesttest.Manifest, error) {
				return opened(postgres.OpenBeside(ctx, path, key))
			},
			Create: func(ctx context.Context, fill func(manifesttest.Fillable) error) error {
				return postgres.Create(ctx, path, func(m *postgres.Manifest) error { return fill(m) }, key)
			},
		}
	}
}

// opened keeps a nil manifest from being one that isn't nil.
func opened(m *postgres.Manifest, err error) (manifesttest.Manifest, error) {
	if err != nil {
		return nil, err
	}
	return m, nil
}
