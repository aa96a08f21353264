package mount_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vbcvault/vbcvault/storage/mount"
	"github.com/vbcvault/vbcvault/storage/storagetest"
)

func TestRemote(t *testing.T) {
	t.Parallel()
	local, there := t.TempDir(), storagetest.FUSE(t)
	link := func(name, to string) string {
		t.Helper()
		return mustLink(t, to, filepath.Join(local, name))
	}
	file := filepath.Join(there, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	link("inside", mkdir(t, filepath.Join(there, "d")))
	up, err := filepath.Rel(local, there)
	if err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{
		"itself":                        there,
		"a file":                        file,
		"what isn't there yet":          filepath.Join(there, "not", "made"),
		"a link":                        link("link", there),
		"below a link":                  filepath.Join(local, "link", "not", "made"),
		"a link to nothing":             link("dangling", filepath.Join(there, "none")),
		"a relative one":                link("relative", filepath.Join(up, "none")),
		"a link to a link to nothing":   link("twice", "dangling"),
		"below a link to nothing":       filepath.Join(local, "twice", "m"),
		"a link whose .. is FUSE's own": link("up", "inside/../none"),
		"a link to a file":              link("tofile", file),
	} {
		if kind, err := mount.Remote(path); !strings.HasPrefix(kind, "fuse") || err != nil {
			t.Errorf("%s: %q, %v", name, kind, err)
		}
	}
	for name, path := range map[string]string{
		"local":                  local,
		"what isn't there yet":   filepath.Join(local, "not", "made"),
		"a link out of FUSE":     mustLink(t, local, filepath.Join(there, "back")),
		"the directory above it": filepath.Dir(there),
	} {
		if kind, err := mount.Remote(path); kind != "" || err != nil {
			t.Errorf("%s: %q, %v", name, kind, err)
		}
	}
}

// A container may have one file of the host's.
func TestBoundFile(t *testing.T) {
	t.Parallel()
	from, to := filepath.Join(storagetest.FUSE(t), "m"), filepath.Join(t.TempDir(), "m")
	for _, file := range []string{from, to} {
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command("mount", "--bind", from, to).CombinedOutput(); err != nil {
		t.Skipf("can't bind a file here: %v: %s", err, out)
	}
	defer func() {
		if out, err := exec.Command("umount", to).CombinedOutput(); err != nil {
			t.Errorf("unmount: %v: %s", err, out)
		}
	}()
	if kind, err := mount.Remote(to); !strings.HasPrefix(kind, "fuse") || err != nil {
		t.Errorf("%q, %v", kind, err)
	}
}

func TestWithin(t *testing.T) {
	t.Parallel()
	local := t.TempDir()
	if kind, err := mount.Within(local); kind != "" || err != nil {
		t.Errorf("%q, %v", kind, err)
	}
	at := filepath.Join(local, "account=1")
	storagetest.FUSEAt(t, at)
	if kind, err := mount.Within(local); !strings.HasPrefix(kind, "fuse") || !strings.HasSuffix(kind, "mounted at "+at) || err != nil {
		t.Errorf("%q, %v", kind, err)
	}
	if kind, err := mount.Within(at); strings.Contains(kind, "mounted at") || kind == "" || err != nil {
		t.Errorf("%q, %v", kind, err)
	}
	if kind, err := mount.Remote(local); kind != "" || err != nil {
		t.Errorf("%q, %v", kind, err)
	}
}

// A path that can't be looked at isn't called local.
func TestCannotTell(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, path := range []string{filepath.Join(loop(t, dir), "x"), strings.Repeat("x", 5000)} {
		if kind, err := mount.Remote(path); err == nil {
			t.Errorf("%.60s: %q and no error", path, kind)
		}
	}
}

func loop(t *testing.T, dir string) string {
	t.Helper()
	mustLink(t, "b", filepath.Join(dir, "a"))
	return mustLink(t, "a", filepath.Join(dir, "b"))
}

func mkdir(t *testing.T, dir string) string {
	t.Helper()
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

func mustLink(t *testing.T, to, at string) string {
	t.Helper()
	if err := os.Symlink(to, at); err != nil {
		t.Fatal(err)
	}
	return at
}
