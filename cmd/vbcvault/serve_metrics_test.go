//go:build unix

package main_test

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// A service tells Prometheus how its accounts stand: of a run that ends, of one that is in
// progress, and after it was killed, of what its manifests have from before.
func TestServeMetrics(t *testing.T) {
	t.Parallel()
	s := newServed(t, "acme", "globex")
	file, err := os.ReadFile(s.file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.file, append(file, "service: {listen: \"127.0.0.1:0\"}\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	s.each(3)
	text := ""
	scrape := func() string {
		base := regexp.MustCompile(`alive=(http://[^ ]*)/healthz`).FindStringSubmatch(s.log.String())[1]
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/metrics", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		b, err := io.ReadAll(answer.Body)
		if err != nil || answer.StatusCode != http.StatusOK {
			t.Fatal(answer.Status, err)
		}
		text = string(b)
		return text
	}
	tells := func(line string) {
		t.Helper()
		s.eventually("metrics have "+line, func() bool { return strings.Contains(scrape(), "\nvbcvault_"+line+"\n") })
	}
	start := func() {
		t.Helper()
		s.start()
		s.says("health is answered")
		tells(`run_in_progress{account="globex"} 0`)
	}
	start()
	if r := s.ask("run", "acme", "--wait"); r.code != 0 {
		t.Fatalf("exit code %d", r.code)
	}
	tells(`last_run_exit_code{account="acme"} 0`)
	tells(`archived_recordings_total{account="acme"} 3`)
	tells(`run_in_progress{account="acme"} 0`)
	if strings.Contains(text, `vbcvault_last_run_exit_code{account="globex"}`) || !strings.Contains(text, "vbcvault_build_info{version=") {
		t.Errorf("globex has had no run:\n%s", text)
	}
	promtool(t, text, "check", "metrics")

	// A run in progress, which is killed.
	globex := s.accounts[1]
	globex.Inject(func(r *http.Request) *vbctest.Fault {
		if isAudio(r) {
			return &vbctest.Fault{Hang: true}
		}
		return nil
	})
	s.ask("run", "globex")
	tells(`run_in_progress{account="globex"} 1`)
	tells(`run_todo_recordings{account="globex"} 3`)
	promtool(t, text, "check", "metrics")
	s.kill()
	globex.Inject(nil)

	start()
	tells(`last_run_exit_code{account="acme"} 0`)
	tells(`archived_recordings_total{account="acme"} 3`)
	tells(`archived_recordings_total{account="globex"} 3`) // it has gone on
	tells(`last_run_exit_code{account="globex"} 0`)
	for _, private := range []string{"1732555", `"` + globex.number, filepath.Dir(globex.dir), "correct horse", s.state} {
		if strings.Contains(text, private) {
			t.Errorf("%q is in the metrics", private)
		}
	}
}
