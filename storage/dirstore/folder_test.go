package dirstore_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/dirstore"
)

func openFolder(t *testing.T, dir string) *dirstore.Folder {
	t.Helper()
	f, err := dirstore.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// reading is a body during which something else happens.
type reading struct {
	*strings.Reader
	during func()
}

func (r *reading) Read(p []byte) (int, error) {
	if r.during != nil {
		r.during()
		r.during = nil
	}
	return r.Reader.Read(p)
}

// What somebody is writing at this moment isn't tidied away; what is left of
// somebody who was killed is.
func TestFolderIsTidiedAlone(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows locks no directories")
	}
	dir := filepath.Join(t.TempDir(), "new", "dir")
	first := openFolder(t, dir)
	if _, err := first.Tidy([]string{".", "a"}); err != nil {
		t.Fatal(err)
	}
	body := &reading{strings.NewReader("hello"), func() {
		if n, err := openFolder(t, dir).Tidy([]string{".", "a"}); n != 0 || err != nil {
			t.Errorf("%d files of somebody else's are removed, %v", n, err)
		}
	}}
	if err := first.Create(t.Context(), "a/b", storage.Body{Reader: body}, time.Time{}); err != nil {
		t.Fatal(err)
	}
	hello := storage.Content{Size: 5, SHA256: storage.SumOf([]byte("hello"))}
	if there, err := first.Holds(t.Context(), "a/b", hello); !there || err != nil {
		t.Errorf("%v, %v", there, err)
	}
	if err := first.Create(t.Context(), "a/b", storage.Body{Reader: strings.NewReader("other")}, time.Time{}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("another: %v", err)
	}
	if there, err := first.Holds(t.Context(), "a/b", hello); !there || err != nil {
		t.Errorf("overwritten: %v, %v", there, err)
	}

	other := t.TempDir()
	for _, name := range []string{".vbcvault-tmp-1", "mine"} {
		if err := os.WriteFile(filepath.Join(other, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := openFolder(t, other).Tidy([]string{"."}); n != 1 || err != nil {
		t.Errorf("%d files are removed, %v", n, err)
	}
	if left, err := os.ReadDir(other); err != nil || len(left) != 1 || left[0].Name() != "mine" {
		t.Errorf("left: %v, %v", left, err)
	}
}

// What the body's owner refuses never has a name.
func TestFolderSeals(t *testing.T) {
	dir := t.TempDir()
	f := openFolder(t, dir)
	refused := errors.New("refused")
	err := f.Create(t.Context(), "a", storage.Body{Reader: strings.NewReader("x"), Seal: func(storage.Object) error { return refused }}, time.Time{})
	if left, e := os.ReadDir(dir); !errors.Is(err, refused) || e != nil || len(left) != 0 {
		t.Errorf("%v, left %v, %v", err, left, e)
	}
}
