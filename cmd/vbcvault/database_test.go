//go:build unix

package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres/postgrestest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// TestScriptsOnADatabase is TestScripts with manifests in PostgreSQL: testdata/database
// has the scripts. $DATABASE is the address of a database without a manifest, and the
// environment says that manifests lie there, and which key signs for them.
func TestScriptsOnADatabase(t *testing.T) {
	t.Parallel()
	postgrestest.Shared(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/database",
		Setup: func(env *testscript.Env) error {
			w := newWorld(t, vbctest.Config{})
			start := time.Date(2025, 5, 12, 10, 15, 0, 0, time.UTC)
			for i := range int64(3) {
				w.account.Add(vbctest.Recording{ID: 193228 + i, Start: start.Add(time.Duration(i) * time.Hour), Size: 20000})
			}
			for _, kv := range w.env {
				if k, v, _ := strings.Cut(kv, "="); k != "PATH" && k != "HOME" && k != "VBCVAULT_STATE_DIR" {
					env.Setenv(k, v)
				}
			}
			database := postgrestest.New(t)
			env.Setenv("DATABASE", database)
			env.Setenv("VBCVAULT_DATABASE_URL", database)
			env.Setenv("VBCVAULT_SIGNING_KEY", newKey(t))
			env.Setenv("VBCVAULT_STATE_DIR", filepath.Join(env.WorkDir, "state"))
			env.Setenv("HOME", env.WorkDir)
			return os.Mkdir(filepath.Join(env.WorkDir, "archive"), 0o700)
		},
	})
}

// newKey is a key that signs receipts, as a file with it has it.
func newKey(t testing.TB) string {
	t.Helper()
	key, err := receipt.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return key.Secret()
}
