package dirstore_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vbcvault/vbcvault/storage"
)

// Temporary files of another user's, whom somebody has had run this once: what is
// old goes, what can't go stays, and what is left is no reason not to write there.
func TestTidyAmongFilesOfAnotherUser(t *testing.T) {
	const nobody = 65534
	dir := t.TempDir()
	stuck := filepath.Join(dir, "stuck")
	if err := os.Mkdir(stuck, 0o755); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, name := range []string{"stuck/.vbcvault-tmp-a", ".vbcvault-tmp-old", ".vbcvault-tmp-young"} {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, nil, 0); err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(name, "young") {
			old := time.Now().Add(-48 * time.Hour)
			if err := os.Chtimes(name, old, old); err != nil {
				t.Fatal(err)
			}
		}
		names = append(names, name)
	}
	s := open(t, dir)
	if os.Getuid() == 0 { // another user as far as files go, on this thread alone
		if err := os.Chown(dir, nobody, -1); err != nil {
			t.Fatal(err)
		}
		for at := dir; at != "/tmp" && len(at) > 1; at = filepath.Dir(at) {
			_ = os.Chmod(at, 0o755)
			if filepath.Dir(at) == filepath.Clean(os.TempDir()) {
				break
			}
		}
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := unix.Setfsuid(nobody); err != nil {
			t.Skip(err)
		}
		defer unix.Setfsuid(0)
	} else if err := os.Chmod(stuck, 0o555); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(stuck, 0o755) // so that it can be removed
	n, err := s.Tidy(t.Context(), "")
	if n != 1 || err == nil || errors.Is(err, storage.ErrRefused) {
		t.Errorf("removed %d, %v; want one, and the other named without a refusal", n, err)
	}
	for i, there := range []bool{true, false, true} {
		if _, err := os.Lstat(names[i]); (err == nil) != there {
			t.Errorf("%s: %v", names[i], err)
		}
	}
}
