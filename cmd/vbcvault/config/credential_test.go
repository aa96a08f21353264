package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A credential is found under its own name and under the one that systemd gives to a file
// of a directory, the first of them; and whoever finds none is told which file to make.
func TestSecretsThatSystemdHandsOver(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	for name, text := range map[string]string{"own": "one\n", "secrets_whole": "two", "both": "three\n", "secrets_both": "four", "secrets_empty": "\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o400); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ name, want, err string }{
		{name: "own", want: "one"},
		{name: "whole", want: "two"},
		{name: "both", want: "three"},
		{name: "empty", err: "credential empty is empty"},
		{name: "vbcvault-test-none", err: "credential vbcvault-test-none (" + SecretsDir + "/vbcvault-test-none) can't be read: "},
	} {
		s := Secret{Credential: c.name}
		got, err := s.Resolve(t.Context())
		if got != c.want || (err != nil) != (c.err != "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %q, %v", c.name, got, err)
		}
		if mend := s.Mend(); !strings.Contains(mend, SecretsDir+"/"+c.name) {
			t.Error(mend)
		}
	}
	own := Secret{Credential: "own"}
	if d := own.Doubt(); d != "" {
		t.Error(d)
	}
	if err := os.Chmod(filepath.Join(dir, "own"), 0o444); err != nil {
		t.Fatal(err)
	}
	if d := own.Doubt(); !strings.Contains(d, "mode 0444") {
		t.Errorf("%q", d)
	}
}

// A name leads out of no directory, and systemd takes it.
func TestNamesOfCredentials(t *testing.T) {
	t.Parallel()
	least := "accounts:\n  acme:\n    older-than: 90d\n    to: s3://b/p\n    vbc: {username: u, password: {credential: NAME}, client-id: c, client-secret: {env: C}}\n"
	for name, fits := range map[string]bool{
		"vbc-password": true, "acme.password": true, "A_1": true, strings.Repeat("x", 200): true,
		"../x": false, "a/b": false, ".hidden": false, `""`: false, "[a]": false, "{a: b}": false, `"a b"`: false, "ä": false, strings.Repeat("x", 201): false,
	} {
		c, err := parse(t, strings.Replace(least, "NAME", name, 1))
		if (err == nil) != fits {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil && c.Accounts[0].VBC.Password.Credential != name {
			t.Errorf("%+v", c.Accounts[0].VBC.Password)
		}
		if err != nil && !strings.Contains(err.Error(), "this is not the name of a credential; write the name of a file in "+SecretsDir) {
			t.Error(err)
		}
	}
}
