package main_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A run of archive --config that does not even begin is in no manifest; status shows it
// all the same, until a later run is done. A dry run changes nothing of that.
func TestRunsThatDidNotBegin(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 2, inDir, nil).write()
	standing := func() (first map[string]any) {
		t.Helper()
		var all []map[string]any
		r := f.run("status", "--config", f.file, "--json")
		if err := json.Unmarshal([]byte(r.stdout), &all); err != nil || r.code != 0 || r.stderr != "" {
			t.Fatalf("exit %d, %v", r.code, err)
		}
		return all[0]
	}
	archive := func(want int, args ...string) {
		t.Helper()
		if r, _ := f.outcomes(args...); r.code != want {
			t.Fatalf("exit %d, want %d", r.code, want)
		}
	}
	archive(0, "--all", "--delete=false")
	f.members[1].lines = []string{f.members[1].reach("{env: MISSING}")}
	f.write()
	archive(2, "--all", "--dry-run")
	if st := standing(); st["exit_code"] != 0.0 {
		t.Errorf("after a dry run: %v", st)
	}
	archive(2, "--all")
	st := standing()
	hint, _ := st["hint"].(string)
	if stopped, _ := st["stopped"].(string); st["account"] != "a1" || st["exit_code"] != 2.0 || !strings.Contains(stopped, "MISSING") || hint == "" || st["archived"] != 2.0 {
		t.Errorf("%v", st)
	}
	f.setenv("COLUMNS", "80")
	r := f.run("status", "--config", f.file)
	if !strings.Contains(strings.Join(strings.Fields(r.stdout), " "), hint) {
		t.Error("it isn't said what to do")
	}
	f.setenv("COLUMNS", "")
	f.members[1].lines = nil
	f.write()
	archive(0, "--all")
	if st := standing(); st["exit_code"] != 0.0 {
		t.Errorf("%v", st)
	}
	if left, err := filepath.Glob(filepath.Join(f.state, "*.not-done.json")); err != nil || len(left) > 0 {
		t.Errorf("%v, %v", left, err)
	}
	if err := os.WriteFile(filepath.Join(f.state, "a0.not-done.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := f.run("status", "--config", f.file); r.code != 0 || !strings.Contains(r.stderr, "a0.not-done.json") {
		t.Errorf("exit %d: a file that can't be read isn't named", r.code)
	}
}
