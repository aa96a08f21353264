package main_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
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

// Whoever can change the file has deletions done and programs run: a run says so too,
// and not only config check, which nobody runs each night.
func TestFileThatOthersCanChange(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has other rights than these")
	}
	f := newFleet(t, 1, inDir, nil).write()
	const warning = "others than its owner can change this file"
	r := f.run("archive", "--config", f.file, "--all", "--dry-run")
	if r.code != 0 || strings.Contains(r.stderr, warning) {
		t.Errorf("exit %d", r.code)
	}
	if err := os.Chmod(f.file, 0o660); err != nil {
		t.Fatal(err)
	}
	f.says(f.run("archive", "--config", f.file, "--all", "--dry-run"), warning, "chmod go-w")
	if log := f.serves()(syscall.SIGTERM); !strings.Contains(log, warning) {
		t.Error("serve says nothing")
	}
}

// Who listens where others can ask is told so.
func TestMetricsForEverybody(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 1, inDir, nil)
	for address, warned := range map[string]bool{":9180": true, "[::]:9180": true, "0.0.0.0:9180": true, "192.0.2.1:9180": true, "127.0.0.1:9180": false, "[::1]:9180": false, "localhost:9180": false} {
		f.write()
		b, err := os.ReadFile(f.file)
		if err == nil {
			err = os.WriteFile(f.file, append(b, "service: {listen: '"+address+"'}\n"...), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		if r := f.run("config", "check", f.file); r.code != 0 || strings.Contains(r.stdout, "can read the metrics") != warned {
			t.Errorf("%s: exit %d", address, r.code)
		}
	}
}
