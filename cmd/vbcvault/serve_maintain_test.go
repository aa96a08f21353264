package main_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A service verifies, audits, backs up and keeps the catalogue as the commands do, with
// their exit codes, and asks VBC nothing for it.
func TestServeLooksAfterArchives(t *testing.T) {
	t.Parallel()
	s := newServed(t, "acme")
	to := t.TempDir()
	s.accounts[0].schedule = "    schedule: {sample: 1/1, backup: \"0 6 * * *\", backup-to: " + to + "}\n"
	s.write()
	s.each(3)
	s.start()
	does := func(kind string, code int) map[string]any {
		t.Helper()
		r := s.ask("run", "acme", "--kind", kind, "--wait", "--json")
		if r.code != code {
			t.Errorf("%s: exit %d, want %d\n%s%s\n%s", kind, r.code, code, r.stdout, r.stderr, s.log)
		}
		o := map[string]any{}
		if err := json.Unmarshal([]byte(strings.TrimSpace(r.stdout)), &o); err != nil {
			t.Fatalf("%v: %s", err, r.stdout)
		}
		return o
	}
	does("archive", 0)
	asked := s.accounts[0].Counts().Total
	for _, kind := range []string{"verify", "catalog", "audit", "backup"} {
		does(kind, 0)
	}
	copies, err := filepath.Glob(filepath.Join(to, "*.manifest"))
	if err != nil || len(copies) != 1 {
		t.Fatalf("copies of the manifest: %q, %v", copies, err)
	}
	if r := s.run("manifest", "check", "--manifest", copies[0]); r.code != 0 {
		t.Errorf("the copy: exit %d\n%s", r.code, r.stderr)
	}
	if stored, err := filepath.Glob(filepath.Join(s.accounts[0].dir, "catalog", "*", "*", "*", "catalog.parquet")); err != nil || len(stored) == 0 {
		t.Errorf("no catalogue is stored: %v", err)
	}

	damaged, err := filepath.Glob(filepath.Join(s.accounts[0].dir, "account=*", "kind=*", "*", "*", "*", "*.mp3"))
	if err != nil || len(damaged) != 3 {
		t.Fatalf("%q, %v", damaged, err)
	}
	if err := os.Truncate(damaged[0], 10); err != nil {
		t.Fatal(err)
	}
	o := does("verify", 1)
	if text, _ := o["error"].(string); !strings.Contains(text, "damaged or missing (1)") || o["error_code"] != "incomplete" {
		t.Errorf("%v", o)
	}
	if got := s.accounts[0].Counts().Total; got != asked {
		t.Errorf("VBC is asked %d times for this", got-asked)
	}
	if err := os.RemoveAll(to); err != nil {
		t.Fatal(err)
	}
	if o := does("backup", 2); o["hint"] == "" {
		t.Errorf("%v", o)
	}
}
