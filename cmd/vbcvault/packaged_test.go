package main

import (
	"os"
	"path/filepath"
	"testing"
)

// Whose manifests lay in a place of the user's own before there was a package goes on with
// these, and not with none: the user of the package may be one that was there before.
func TestPackageLeavesManifestsWhereTheyAre(t *testing.T) {
	home, xdg := t.TempDir(), t.TempDir()
	const packaged = "/var/lib/vbcvault"
	usual := filepath.Join(home, ".local/state/vbcvault")
	t.Setenv("HOME", home)
	t.Setenv("VBCVAULT_STATE_DIR", "")
	is := func(where, want string) {
		t.Helper()
		if dir, err := stateDirWith(where); err != nil || filepath.Clean(dir) != filepath.Clean(want) {
			t.Errorf("%s, %v, want %s", dir, err, want)
		}
	}
	t.Setenv("XDG_STATE_HOME", "")
	is("", usual)
	is(packaged, packaged) // nothing was kept anywhere
	for base, dir := range map[string]string{"": usual, xdg: filepath.Join(xdg, "vbcvault")} {
		t.Setenv("XDG_STATE_HOME", base)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		is(packaged, packaged)
		if err := os.WriteFile(filepath.Join(dir, "a.manifest"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		is(packaged, dir)
	}
	t.Setenv("VBCVAULT_STATE_DIR", "/elsewhere")
	is(packaged, "/elsewhere")
}

// The configuration that a package brings has no accounts, and leads no command to another
// place than before.
func TestPackagedConfigurationHasNoAccounts(t *testing.T) {
	t.Parallel()
	if !withoutAccounts("../release/packaging/config.yaml") {
		t.Error("as packaged")
	}
	for text, want := range map[string]bool{"": true, "state-dir: /x\n": true, "accounts:\n": false, "accounts:\n  a: {}\n": false, "{": false} {
		path := filepath.Join(t.TempDir(), "config.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if withoutAccounts(path) != want {
			t.Errorf("%q: %v", text, !want)
		}
	}
	if withoutAccounts(filepath.Join(t.TempDir(), "none")) {
		t.Error("what isn't there")
	}
}
