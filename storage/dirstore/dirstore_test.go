package dirstore_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/dirstore"
	"github.com/vbcvault/vbcvault/storage/storagetest"
)

func open(t *testing.T, dir string) *dirstore.Store {
	t.Helper()
	s, err := dirstore.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestConformance(t *testing.T) {
	storagetest.Run(t, func(t *testing.T) (storage.Destination, func(*testing.T, string)) {
		dir := t.TempDir()
		return open(t, dir), func(t *testing.T, key string) { storagetest.FlipByte(t, filepath.Join(dir, key)) }
	})
}

// exFAT and some network file systems have no hard links.
func TestConformanceWithoutLinks(t *testing.T) {
	storagetest.Run(t, func(t *testing.T) (storage.Destination, func(*testing.T, string)) {
		dir := t.TempDir()
		return open(t, dir).WithoutLinks(), func(t *testing.T, key string) { storagetest.FlipByte(t, filepath.Join(dir, key)) }
	})
}

func TestDirectoryMustExist(t *testing.T) {
	_, err := dirstore.Open(filepath.Join(t.TempDir(), "none"))
	if !errors.Is(err, storage.ErrRefused) || !strings.Contains(err.Error(), "mounted") {
		t.Fatalf("%v; want it refused, with a word about mounting", err)
	}
}

func TestAnotherDirectoryIsRefused(t *testing.T) {
	first, second := open(t, t.TempDir()), open(t, t.TempDir())
	id, err := first.Probe(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := second.Probe(t.Context(), id); !errors.Is(err, storage.ErrRefused) || !strings.Contains(err.Error(), "missing") {
		t.Errorf("an empty directory in its place: %v", err)
	}
	if _, err := second.Probe(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	if _, err := second.Probe(t.Context(), id); !errors.Is(err, storage.ErrRefused) || !strings.Contains(err.Error(), id) {
		t.Errorf("another one in its place: %v", err)
	}
}

func TestFilesArePrivate(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	if _, err := s.Put(t.Context(), "a/b/c", storage.Body{Reader: strings.NewReader("x")}, storage.Attrs{}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]os.FileMode{"a": 0o700, "a/b": 0o700, "a/b/c": 0o600} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v; want %v", name, info.Mode(), err, want)
		}
	}
}

func TestTidyRemovesWhatACrashLeaves(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	if err := os.MkdirAll(filepath.Join(dir, "account=1/kind=company"), 0o700); err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(dir, "account=1/kind=company/.vbcvault-tmp-x")
	if err := os.WriteFile(left, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if keys := storagetest.Keys(t, s); len(keys) != 0 {
		t.Errorf("a temporary file is listed: %q", keys)
	}
	if n, err := s.Tidy(t.Context(), "account=2/"); n != 0 || err != nil {
		t.Errorf("another account's prefix: %d, %v", n, err)
	}
	for name, err := range s.Unfinished(t.Context(), "account=1/") {
		if name != "account=1/kind=company/.vbcvault-tmp-x" || err != nil {
			t.Errorf("unfinished: %s, %v", name, err)
		}
	}
	if n, err := s.Tidy(t.Context(), "account=1/"); n != 1 || err != nil {
		t.Errorf("tidy: %d, %v", n, err)
	}
}

func TestSymlinksLeadNowhere(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	if err := os.Symlink(outside, filepath.Join(dir, "out")); err != nil {
		t.Skipf("no symbolic links here: %v", err)
	}
	s := open(t, dir)
	if _, err := s.Put(t.Context(), "out/x", storage.Body{Reader: strings.NewReader("x")}, storage.Attrs{}); err == nil {
		t.Error("wrote through a symbolic link")
	}
	if files, _ := os.ReadDir(outside); len(files) != 0 {
		t.Errorf("outside: %v", files)
	}
}

// A crash of the fallback leaves a lock, which blocks one key until the next
// run tidies up.
func TestLockOfACrashedWriter(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir).WithoutLinks()
	store := func() error {
		_, err := s.Put(t.Context(), "a/k", storage.Body{Reader: strings.NewReader("x")}, storage.Attrs{})
		return err
	}
	sum := storage.SumOf([]byte("a/k")).String()
	lock := filepath.Join(dir, "a", ".vbcvault-tmp-lock-"+sum[:16])
	if err := os.Mkdir(filepath.Dir(lock), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(lock, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := store(); err == nil || !strings.Contains(err.Error(), "crashed") {
		t.Errorf("a locked key: %v", err)
	}
	if n, err := s.Tidy(t.Context(), ""); n != 1 || err != nil {
		t.Errorf("tidy: %d, %v", n, err)
	}
	if err := store(); err != nil {
		t.Error(err)
	}
}

func TestOnlyRegularFilesAreObjects(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Stat(t.Context(), storage.Object{Key: "sub"}); err == nil {
		t.Error("a directory is taken for an object")
	}
	if _, err := s.Put(t.Context(), "sub", storage.Body{Reader: strings.NewReader("x")}, storage.Attrs{}); err == nil {
		t.Error("a directory was overwritten")
	}
}

func TestIdentityThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, ".vbcvault-destination"), []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, dir).Probe(t.Context(), ""); !errors.Is(err, storage.ErrRefused) {
		t.Errorf("%v; want it refused", err)
	}
}

func TestManyFirstProbesAgree(t *testing.T) {
	dir := t.TempDir()
	ids := make([]string, 8)
	var wg sync.WaitGroup
	for i := range ids {
		s := open(t, dir)
		wg.Go(func() {
			var err error
			if ids[i], err = s.Probe(t.Context(), ""); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, id := range ids {
		if id == "" || id != ids[0] {
			t.Fatalf("identities %q", ids)
		}
	}
}

func TestURL(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	if got, want := open(t, ".").String(), "file://"+filepath.ToSlash(dir); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// A file is known from itself as it was before somebody wrote to it, and from
// another one in its place.
func TestFileThatWasReadIsKnown(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	o, err := s.Put(t.Context(), "a/k", storage.Body{Reader: strings.NewReader("recording")}, storage.Attrs{})
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "a", "k")
	for what, change := range map[string]func() error{
		"written to": func() error { return os.WriteFile(name, []byte("RECORDING"), 0o600) },
		"replaced": func() error {
			return errors.Join(os.WriteFile(name+".new", []byte("recordinG"), 0o600), os.Rename(name+".new", name))
		},
		"removed": func() error { return os.Remove(name) },
	} {
		if err := os.WriteFile(name, []byte("recording"), 0o600); err != nil {
			t.Fatal(err)
		}
		read, err := s.Reread(t.Context(), o)
		if err != nil || read.Seen == "" {
			t.Fatalf("%+v, %v", read, err)
		}
		o.Content, o.Seen = read.Content, read.Seen
		if has, err := s.Stat(t.Context(), o); err != nil || has.Seen != read.Seen {
			t.Errorf("%s: before: %+v, %v", what, has, err)
		}
		if err := change(); err != nil {
			t.Fatal(err)
		}
		if has, err := s.Stat(t.Context(), o); err == nil && (has.Seen == read.Seen || has.Content == read.Content) {
			t.Errorf("%s: it isn't noticed: %+v", what, has)
		}
	}
}

// A file that was cut off, or that another one has taken the place of, is not read as the
// one that is known.
func TestRangesOfAnotherSize(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	o, err := s.Put(t.Context(), "k", storage.Body{Reader: strings.NewReader("0123456789")}, storage.Attrs{})
	if err != nil {
		t.Fatal(err)
	}
	storagetest.Truncate(t, filepath.Join(dir, "k"))
	if _, err := s.OpenRange(t.Context(), o, 0, 2); !errors.Is(err, storage.ErrChanged) {
		t.Errorf("cut off: %v; want ErrChanged", err)
	}
	if r, err := s.OpenRange(t.Context(), storage.Object{Key: "k"}, 0, 2); err != nil {
		t.Errorf("whatever there is: %v", err)
	} else if err := r.Close(); err != nil {
		t.Error(err)
	}
}
