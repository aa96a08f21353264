package main_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// With --online each account is examined as doctor does, with the settings and secrets
// of the file: one that is refused doesn't keep the others from being found good.
func TestConfigCheckOnline(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inS3(nil)
	dir := t.TempDir()
	var api string
	for _, e := range w.env {
		if at, ok := strings.CutPrefix(e, "VBC_API_URL="); ok {
			api = at
		}
	}
	w.env = slices.DeleteFunc(w.env, func(e string) bool { return strings.HasPrefix(e, "VBC_") })
	w.setenv("GOOD", "correct horse")
	w.setenv("VBCVAULT_CONFIG", filepath.Join(dir, "vbcvault.yaml"))
	for name, text := range map[string]string{
		"bad": "battery staple\n", "client": "secret\n",
		"vbcvault.yaml": `defaults:
  older-than: 90d
  to: ` + w.to + `
  insecure-http: true
  vbc: {client-id: client, client-secret: {file: ./client}, api-url: "` + api + `"}
accounts:
  good: {vbc: {username: admin, password: {env: GOOD}}}
  bad: {vbc: {username: other, password: {file: ./bad}}}
  lost: {vbc: {username: admin, password: {env: GOOD}}, to: "s3://no-such-bucket-of-ours/x"}
`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if r := w.run("config", "check"); r.code != 0 || len(w.account.Log()) != 0 {
		t.Errorf("offline: exit %d, %d requests", r.code, len(w.account.Log()))
	}
	r := w.run("config", "check", "--online", "--json")
	var found struct {
		Accounts []struct {
			Account string
			Doctor  []struct{ Check, Level, Means string }
		}
	}
	if err := json.Unmarshal([]byte(r.stdout), &found); err != nil || r.code != 1 || len(found.Accounts) != 3 {
		t.Fatalf("exit %d, %v", r.code, err)
	}
	for _, a := range found.Accounts {
		failures := 0
		for _, f := range a.Doctor {
			if f.Level == "failure" {
				failures++
			}
		}
		if len(a.Doctor) < 8 || (failures > 0) != (a.Account != "good") {
			t.Errorf("%s: %+v", a.Account, a.Doctor)
		}
	}
	if strings.Contains(r.stdout+r.stderr, "correct horse") || strings.Contains(r.stdout+r.stderr, "battery") {
		t.Error("a secret is shown")
	}
	if r := w.run("config", "check", "--online"); r.code != 1 || !strings.Contains(r.stdout, "\nAccount good:\n") || !strings.Contains(r.stderr, "2 of 3 accounts") {
		t.Errorf("exit %d", r.code)
	}
}
