//go:build unix

package postgres_test

import (
	"context"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/vbcvault/vbcvault/pipeline/manifest/manifesttest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres"
	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres/postgrestest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
)

// Whatever is looked for, manifests in a file and in a database find the same, also where
// so little is looked at in order that nearly each question goes on by another way.
func TestSearchesAsSQLiteDoes(t *testing.T) {
	t.Parallel()
	k, err := receipt.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	database, number := postgrestest.New(t), atomic.Int64{}
	inDatabase := func(testing.TB) manifesttest.Place {
		path := postgrestest.Named(database, fmt.Sprint("m", number.Add(1)))
		look := postgres.WithLook(4, []int{3, 10, 1000}[number.Load()%3]) // where none has few, calls are looked at in order
		return manifesttest.Place{Open: func(ctx context.Context, _ func(func() error) error) (manifesttest.Manifest, error) {
			return opened(postgres.Open(ctx, path, postgres.WithKey(k.Secret()), look))
		}}
	}
	inFile := func(t testing.TB) manifesttest.Place {
		path := filepath.Join(t.TempDir(), "m")
		return manifesttest.Place{Open: func(ctx context.Context, _ func(func() error) error) (manifesttest.Manifest, error) {
			m, err := sqlite.Open(ctx, path)
			if err != nil {
				return nil, err
			}
			return m, nil
		}}
	}
	manifesttest.Same(t, inFile, inDatabase)
}
