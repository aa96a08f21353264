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
	if text := strings.Join(strings.Fields(r.stdout), " "); !strings.Contains(text, hint) || strings.Count(text, hint) > 1 {
		t.Error("it isn't said what to do")
	}
	table := f.run("archive", "--config", f.file, "--all").stdout
	for _, page := range []string{r.stdout, table} {
		for line := range strings.Lines(page) {
			if n := len([]rune(line)); n > 95 && len(strings.Fields(line)) > 1 { // cells alone, or one word, may need some more than 80
				t.Errorf("a line of %d characters: %s", n, line)
			}
		}
	}
	f.setenv("COLUMNS", "")
	f.setenv("VBCVAULT_CONFIG", f.file)
	if r := f.run("status", "a1", "--json"); r.code != 0 || !strings.Contains(r.stdout, `"account":"a1"`) || strings.Contains(r.stdout, `"account":"a0"`) {
		t.Errorf("exit %d: status of a name doesn't heed VBCVAULT_CONFIG", r.code)
	}
	if r := f.run("status"); r.code != 2 || !strings.Contains(r.stderr, "several manifests") {
		t.Errorf("exit %d: status without a name is not about the only manifest", r.code)
	}
	if r := f.run("archive", "a1"); r.code != 2 || !strings.Contains(r.stderr, "MISSING") {
		t.Errorf("exit %d: archive of a name doesn't heed VBCVAULT_CONFIG", r.code)
	}
	if r := f.run("archive", "--older-than", "90d"); r.code != 2 || !strings.Contains(r.stderr, "--to is required") {
		t.Errorf("exit %d: archive without a name heeds VBCVAULT_CONFIG", r.code)
	}
	f.setenv("VBCVAULT_CONFIG", "")
	f.members[1].lines = nil
	f.write()
	archive(0, "--all")
	if st := standing(); st["exit_code"] != 0.0 {
		t.Errorf("%v", st)
	}
	if left, err := filepath.Glob(filepath.Join(f.state, "*.not-done.json")); err != nil || len(left) > 0 {
		t.Errorf("%v, %v", left, err)
	}
	keep := func(text string) {
		if err := os.WriteFile(filepath.Join(f.state, "a0.not-done.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	keep(`{"account":"a0","ended":"2020-01-01T00:00:00Z","exit_code":2,"error":"long ago"}`)
	if st := standing(); st["exit_code"] != 0.0 {
		t.Errorf("a later run is hidden: %v", st)
	}
	keep("{")
	if r := f.run("status", "--config", f.file); r.code != 0 || !strings.Contains(r.stderr, "a0.not-done.json") {
		t.Errorf("exit %d: a file that can't be read isn't named", r.code)
	}
}
