package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
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

// A file that is JSON and not ours is mended like any other, with the first thing told.
func TestMemoryOfAnotherForm(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"[]", `{"one":7}`, `{"one":{"acme":{"at":"yesterday"}}}`, `{"one":{"acme":null}}`, "null", ""} {
		n, told := to(t, "one", "failure")
		tell, _ := teller(t, n)
		tell.Tell(t.Context(), well(0))
		if err := os.WriteFile(tell.memory.path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		tell.Tell(t.Context(), bad(1, "size"))
		tell.Tell(t.Context(), bad(2, "size"))
		if len(told()) != 1 {
			t.Errorf("%s: told %d times", text, len(told()))
		}
	}
}

// What was told while the clock was years ahead keeps nobody from being told now.
func TestMemoryOfTheFuture(t *testing.T) {
	t.Parallel()
	n, told := to(t, "one", "failure")
	tell, _ := teller(t, n)
	later := bad(0, "size")
	later.Outcome.Ended = time.Now().AddDate(10, 0, 0)
	tell.Tell(t.Context(), later)
	tell.Tell(t.Context(), bad(1, "size")) // since nobody knows when it was told
	tell.Tell(t.Context(), bad(2, "size"))
	tell.Tell(t.Context(), bad(3, "cold"))
	if len(told()) != 3 {
		b, err := json.Marshal(told())
		t.Errorf("told %d times: %s, %v", len(told()), b, err)
	}
}

// A service whose memory can't be written, as on a full disk, tells all the same.
func TestMemoryThatCantBeWritten(t *testing.T) {
	t.Parallel()
	one, told := to(t, "one", "failure")
	quiet, _ := to(t, "quiet", "recovery")
	tell, log := teller(t, one, quiet)
	tell.Tell(t.Context(), well(0))
	tell.memory = Remember(filepath.Join(tell.memory.path, "below a file"))
	if err := tell.TellOnce(t.Context(), bad(1, "size")); err != nil || len(told()) != 1 {
		t.Errorf("%v; told %d times\n%s", err, len(told()), log)
	}
}

// inMemory is a shelf.
type inMemory struct {
	sync.Mutex
	text string
}

func (s *inMemory) Read(context.Context) (string, error) {
	s.Lock()
	defer s.Unlock()
	return s.text, nil
}

func (s *inMemory) Change(_ context.Context, change func(string) (string, error)) error {
	s.Lock()
	defer s.Unlock()
	next, err := change(s.text)
	if err == nil {
		s.text = next
	}
	return err
}

// What one machine has told, another one knows, where they share a database; what isn't
// ours there is as good as nothing.
func TestMemoryOnAShelf(t *testing.T) {
	t.Parallel()
	s := &inMemory{}
	if known, err := RememberOn(s).read(); err != nil || len(known) > 0 {
		t.Errorf("%v, %v", known, err)
	}
	put := func(account, run string, at time.Time) {
		t.Helper()
		if err := RememberOn(s).put(entry{"n", account, "", state{Run: run, At: at}}); err != nil {
			t.Fatal(err)
		}
	}
	put("a", "first", night)
	put("b", "second", night)
	put("a", "earlier", night.Add(-time.Hour)) // another machine was slow
	known, err := RememberOn(s).read()
	if err != nil || known["n"]["a"].Run != "first" || known["n"]["b"].Run != "second" {
		t.Errorf("%v, %v", known, err)
	}
	s.text = "no JSON"
	put("a", "third", night)
	if known, err := RememberOn(s).read(); err != nil || known["n"]["a"].Run != "third" {
		t.Errorf("%v, %v", known, err)
	}
}
