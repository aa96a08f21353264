package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// The service is shown with its notification, metrics and report; a password that is
// corrected is told of as a recovery.
func TestDemoOfTheService(t *testing.T) {
	t.Parallel()
	w, dir := newWorld(t, vbctest.Config{}).alone(), t.TempDir()
	demo := func(words ...string) {
		t.Helper()
		r := w.run("demo", "--serve", "--recordings", "4", "--dir", dir)
		if r.code != 0 {
			t.Errorf("exit %d", r.code)
		}
		for _, s := range append(words, "The service has stopped", "/metrics\n", "accounts: 3", "acorn", "birch") {
			if !strings.Contains(r.stdout, s) {
				t.Errorf("it doesn't say %q", s)
			}
		}
		for _, s := range []string{`vbcvault_last_run_exit_code{account="acorn"} 0`, `vbcvault_recordings{account="birch",state=`} {
			if metrics := string(readFile(t, filepath.Join(dir, "metrics.txt"))); !strings.Contains(metrics, s) {
				t.Errorf("the metrics have no %q:\n%s", s, metrics)
			}
		}
	}
	demo("| cedar: failed: VBC refuses the login", "write \"correct horse\"")
	if c := string(readFile(t, filepath.Join(dir, "vbcvault.yaml"))); strings.Contains(c, "horse") || strings.Contains(c, "not the password") {
		t.Errorf("secrets in the configuration:\n%s", c)
	}
	if err := os.WriteFile(filepath.Join(dir, "secrets", "cedar"), []byte("correct horse"), 0o600); err != nil {
		t.Fatal(err)
	}
	demo("| cedar: well again")
	reports, err := filepath.Glob(filepath.Join(dir, "report-*.html"))
	if err != nil || len(reports) != 2 {
		t.Fatal(reports, err)
	}
	if page := string(readFile(t, reports[1])); !strings.Contains(page, "cedar") || !strings.Contains(page, "</html>") {
		t.Error("the report isn't whole")
	}
}

// Ctrl-C ends it as it ends the service: with all that goes with its end, and exit code 0.
func TestDemoOfTheServiceIsStopped(t *testing.T) {
	t.Parallel()
	w, dir := newWorld(t, vbctest.Config{}).alone(), t.TempDir()
	s := &served{world: w, log: &saidSoFar{}, cmd: w.command("demo", "--serve", "--dir", dir, "--for", "1h")}
	var out strings.Builder
	s.cmd.Stdout, s.cmd.Stderr = &out, s.log
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.kill)
	s.says("quota is used up")
	s.signalIt(syscall.SIGINT)
	if code := s.end(); code != 0 {
		t.Errorf("exit %d\n%s", code, s.log)
	}
	for _, s := range []string{"The service has stopped", "birch", "written to " + filepath.Join(dir, "report-")} {
		if !strings.Contains(out.String(), s) {
			t.Errorf("it doesn't say %q:\n%s", s, out.String())
		}
	}
}
