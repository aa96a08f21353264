package sqlite_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
)

// A manifest under two names is one manifest: the second run is refused.
func TestManifestByTwoNames(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("links need rights there")
	}
	t.Parallel()
	dir := t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.Mkdir(filepath.Join(dir, "state"), 0o700))
	real := filepath.Join(dir, "state", "m")
	for name, link := range map[string]string{"link": real, "relative": "state/m", "linked": "link", "dir": "state"} {
		must(os.Symlink(link, filepath.Join(dir, name)))
	}
	others := []string{"link", "relative", "linked", "dir/m", "dir/../state/m", "state/../link"}
	for round := range 2 { // the first time, it isn't there yet: links lead nowhere
		for i, first := range append([]string{"state/m"}, others...) {
			if round == 0 && i > 0 {
				must(os.Remove(real))
			}
			m, err := sqlite.Open(t.Context(), filepath.Join(dir, first))
			must(err)
			for _, second := range append([]string{"state/m"}, others...) {
				if other, err := sqlite.Open(t.Context(), filepath.Join(dir, second)); !errors.Is(err, manifest.ErrLocked) {
					t.Errorf("%s is open, and so is %s: %v", first, second, err)
					if err == nil {
						must(other.Close())
					}
				}
				if used, err := sqlite.InUse(filepath.Join(dir, second)); err != nil || !used {
					t.Errorf("%s is open, and %s is in use: %v, %v", first, second, used, err)
				}
			}
			must(m.Close())
		}
	}
	must(os.Link(real, filepath.Join(dir, "hard")))
	for _, name := range []string{"hard", "state/m", "link"} {
		if m, err := sqlite.Open(t.Context(), filepath.Join(dir, name)); !errors.Is(err, sqlite.ErrNames) {
			t.Errorf("%s, which has two names: %v", name, err)
			if err == nil {
				must(m.Close())
			}
		}
	}
}
