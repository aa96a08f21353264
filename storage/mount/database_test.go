package mount

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A database is refused, be it only the lock or only the database itself that would lie
// on a network file system.
func TestDatabase(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "m")
	for _, there := range []string{path, filepath.Dir(path)} {
		err := database("a manifest", path, func(at string) (string, error) {
			if at == there {
				return "nfs4", nil
			}
			return "", nil
		})
		if !errors.Is(err, ErrRemote) || !strings.Contains(err.Error(), "a manifest can't be on") || !strings.HasSuffix(err.Error(), there+" is on nfs4") {
			t.Errorf("%s: %v", there, err)
		}
	}
	if err := database("a manifest", path, func(string) (string, error) { return "", os.ErrPermission }); !errors.Is(err, os.ErrPermission) || errors.Is(err, ErrRemote) {
		t.Errorf("nobody can tell, and it says %v", err)
	}
	if err := Database("a manifest", path); err != nil {
		t.Error(err)
	}
}
