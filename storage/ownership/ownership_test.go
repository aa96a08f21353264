//go:build unix

package ownership

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// Root is kept from making files beside another user's, whether they are there yet or
// not, and from nothing else.
func TestRootMakesNoFilesAmongAnothers(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		if err := Fit("/etc/passwd"); err != nil {
			t.Errorf("for others the system decides: %v", err)
		}
		if os.Getenv("CI") != "" {
			t.Fatal("the rest takes root")
		}
		t.Skip("the rest takes root")
	}
	const other = 65534
	dir := t.TempDir()
	theirs, ours := filepath.Join(dir, "theirs"), filepath.Join(dir, "ours")
	for _, d := range []string{theirs, ours, filepath.Join(theirs, "roots")} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	file, among := filepath.Join(theirs, "file"), filepath.Join(theirs, "made-by-root")
	for _, f := range []string{file, among} {
		if err := os.WriteFile(f, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range []string{theirs, file} {
		if err := os.Chown(p, other, other); err != nil {
			t.Fatal(err)
		}
	}
	for path, fits := range map[string]bool{
		theirs: false, file: false, filepath.Join(theirs, "new"): false, filepath.Join(theirs, "a", "b", "new"): false,
		among: true, filepath.Join(theirs, "roots", "new"): true, filepath.Join(ours, "new"): true,
	} {
		err := Fit(path)
		if (err == nil) != fits {
			t.Errorf("%s: %v", path, err)
		}
		if e, ok := errors.AsType[*Error](err); !fits && (!ok || e.User != "nobody" && e.User != "65534") {
			t.Errorf("%s: %v", path, err)
		}
	}
	if left, err := os.ReadDir(theirs); err != nil || len(left) != 3 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if Is(ours) || Is(theirs) {
		t.Error("root owns nothing in this sense")
	}
}

// Root that has kept its state in another user's directory all along, as in a container,
// makes the files that are still missing there; not where one database is the other's.
func TestRootGoesOnWithItsState(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("this takes root")
	}
	const other = 65534
	dir := t.TempDir()
	for _, name := range []string{"a.manifest", "service.db"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chown(dir, other, other); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"b.manifest", "a.not-done.json", "web.db"} {
		if err := Fit(filepath.Join(dir, path)); err != nil {
			t.Error(err)
		}
	}
	if err := os.Chown(filepath.Join(dir, "a.manifest"), other, other); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"a.manifest", "b.manifest"} {
		if Fit(filepath.Join(dir, path)) == nil {
			t.Errorf("root makes %s beside another's manifest", path)
		}
	}
}
