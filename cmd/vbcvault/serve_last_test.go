//go:build unix

package main_test

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A run of the service that does not even begin is in no manifest: status shows it all
// the same, and metrics tell of it after a restart, until a later run succeeds.
func TestRunThatDidNotBegin(t *testing.T) {
	t.Parallel()
	s := newServed(t, "acme", "globex")
	secret := filepath.Join(t.TempDir(), "secret")
	write := func(path, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(secret, "correct horse")
	s.accounts[0].url += ", password: {file: " + secret + "}"
	s.more = "service: {listen: \"127.0.0.1:0\"}\n"
	s.write()
	s.each(2)
	start := func() {
		s.start()
		s.says("health is answered")
	}
	run := func(want int) {
		t.Helper()
		if r := s.ask("run", "acme", "--wait"); r.code != want {
			t.Fatalf("exit code %d, want %d", r.code, want)
		}
	}
	standings := func() (names []string, first map[string]any) {
		t.Helper()
		var all []map[string]any
		r := s.ask("status", "--json")
		if err := json.Unmarshal([]byte(r.stdout), &all); err != nil || r.code != 0 {
			t.Fatalf("exit %d, %v, %s", r.code, err, r.stdout)
		}
		for _, st := range all {
			names = append(names, st["account"].(string))
		}
		return names, all[0]
	}
	tells := func(code string) {
		t.Helper()
		s.eventually("metrics tell of exit code "+code, func() bool {
			base := regexp.MustCompile(`alive=(http://[^ ]*)/healthz`).FindStringSubmatch(s.log.String())[1]
			answer, err := http.Get(base + "/metrics") //nolint:noctx // a test's own listener
			if err != nil {
				return false
			}
			defer answer.Body.Close()
			b, err := io.ReadAll(answer.Body)
			return err == nil && strings.Contains(string(b), `vbcvault_last_run_exit_code{account="acme"} `+code+"\n") &&
				strings.Contains(string(b), `vbcvault_recordings{account="acme",state="verified"} 2`) // so its manifest is read too
		})
	}

	start()
	run(0)
	if names, _ := standings(); names[0] != "globex" {
		t.Errorf("%v: globex has never run", names)
	}
	if err := os.Remove(secret); err != nil {
		t.Fatal(err)
	}
	run(2)
	names, st := standings()
	hint, _ := st["hint"].(string)
	if stopped, _ := st["stopped"].(string); names[0] != "acme" || st["exit_code"] != 2.0 || !strings.Contains(stopped, secret) || hint == "" || st["archived"] != 2.0 {
		t.Errorf("%v, %v", names, st)
	}
	if r := s.ask("status"); !strings.Contains(r.stdout, secret) || !strings.Contains(r.stdout, hint) {
		t.Error("it isn't said what to do")
	}
	s.kill()
	start()
	tells("2")

	write(secret, "correct horse")
	run(0)
	tells("0")
	if names, st := standings(); names[0] != "globex" || st["state"] != "new" {
		t.Errorf("%v, %v", names, st)
	}
}
