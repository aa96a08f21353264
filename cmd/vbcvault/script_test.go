package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// TestScripts runs the command line as its users do: testdata/script has one
// file for each topic. $API is a simulated account with three old recordings
// and one of today.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			w := newWorld(t, vbctest.Config{})
			start := time.Date(2025, 5, 12, 10, 15, 0, 0, time.UTC)
			for i := range int64(3) {
				w.account.Add(vbctest.Recording{ID: 193228 + i, Start: start.Add(time.Duration(i) * time.Hour), Size: 20000})
			}
			w.account.Add(vbctest.Recording{ID: 200000, Start: time.Now().Add(-time.Minute)})
			for _, kv := range w.env {
				if k, v, _ := strings.Cut(kv, "="); k != "PATH" && k != "HOME" && k != "VBCVAULT_STATE_DIR" {
					env.Setenv(k, v)
				}
			}
			env.Setenv("VBCVAULT_STATE_DIR", filepath.Join(env.WorkDir, "state"))
			env.Setenv("HOME", env.WorkDir)
			return os.Mkdir(filepath.Join(env.WorkDir, "archive"), 0o700)
		},
	})
}
