package notify

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Several programs may remember at the same time, and none loses another's words.
func TestMemoryIsShared(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), MemoryFile)
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			if err := Remember(path).put(entry{"n", fmt.Sprint("account-", i), "", state{Run: "r", At: night}}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	known, err := Remember(path).read()
	if err != nil || len(known["n"]) != 20 {
		t.Errorf("%d, %v", len(known["n"]), err)
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
}

// A file that isn't ours any more costs a message that was told before, and no more;
// one that can't be written costs a warning.
func TestMemoryIsLost(t *testing.T) {
	t.Parallel()
	n, told := to(t, "one", "failure")
	tell, log := teller(t, n)
	tell.Tell(t.Context(), bad(0, "size"))
	if err := os.WriteFile(tell.memory.path, []byte("not ours"), 0o600); err != nil {
		t.Fatal(err)
	}
	tell.Tell(t.Context(), bad(1, "size"))
	tell.Tell(t.Context(), bad(2, "size"))
	if len(told()) != 2 || !strings.Contains(log.String(), "can't be read") {
		t.Errorf("told %d times\n%s", len(told()), log)
	}
	tell.memory = Remember(filepath.Join(tell.memory.path, "below a file"))
	tell.Tell(t.Context(), bad(3, "cold"))
	if len(told()) != 3 || !strings.Contains(log.String(), "can't be kept") {
		t.Errorf("told %d times\n%s", len(told()), log)
	}
}
