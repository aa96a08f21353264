package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Files that are wrong, each in its way: check names line, key and what to do, exits
// with 2, and shows no secret; editors find what a schema can. Each file's first lines
// say what is wanted.
func TestConfigCheckOnWrongFiles(t *testing.T) {
	t.Setenv("CHECK_PASSWORD", "hunter2")
	t.Setenv("CHECK_SECRET", "hunter2")
	t.Setenv("VBCVAULT_STATE_DIR", t.TempDir())
	validate, _ := validator(t)
	files, err := filepath.Glob("testdata/config/*.yaml")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	wanted := regexp.MustCompile(`(?m)^# wrong: ([0-9]+) \| (.*?) \| (.*?) \| (.*)$`)
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".yaml"), func(t *testing.T) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var out, errs bytes.Buffer
			if code := run(t.Context(), []string{"config", "check", path}, streams{out: &out, err: &errs}); code != exitUsage {
				t.Errorf("exit code %d", code)
			}
			shown := out.String() + errs.String()
			if strings.Contains(shown, "hunter2") {
				t.Errorf("the secret is shown:\n%s", shown)
			}
			var machine bytes.Buffer
			run(t.Context(), []string{"config", "check", path, "--json"}, streams{out: &machine, err: &errs})
			var found struct{ Findings []configDoubts }
			if err := json.Unmarshal(machine.Bytes(), &found); err != nil {
				t.Fatalf("%v: %s", err, &machine)
			}
			want := wanted.FindAllStringSubmatch(string(text), -1)
			if len(want) == 0 {
				t.Fatal("the file doesn't say what is wrong with it")
			}
			failures := 0
			for _, f := range found.Findings {
				if f.Level == "failure" {
					failures++
				}
			}
			if failures != len(want) {
				t.Errorf("%d things are said to be wrong, and %d are:\n%s", failures, len(want), shown)
			}
			for _, m := range want {
				place := fmt.Sprintf("failure  %s:%s: ", path, m[1])
				if m[2] != "" {
					place += m[2] + ": "
				}
				line := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(place) + `.*` + regexp.QuoteMeta(m[3]) + `.*\n +→ .*` + regexp.QuoteMeta(m[4]))
				if !line.MatchString(shown) {
					t.Errorf("want %s…%s…\n → …%s…\ngot\n%s", place, m[3], m[4], shown)
				}
			}
			_, asked, _ := strings.Cut(string(text), "# schema: ")
			switch err := validate(string(text)); {
			case strings.HasPrefix(asked, "refuses") && err == nil:
				t.Error("editors find nothing wrong")
			case strings.HasPrefix(asked, "accepts") && err != nil:
				t.Errorf("editors find something else wrong: %v", err)
			}
		})
	}
}

// What is wrong in defaults is wrong once, however many accounts it holds for.
func TestConfigCheckSaysOnceWhatHoldsForMany(t *testing.T) {
	t.Setenv("CHECK_SECRET", "hunter2")
	text := "defaults: {older-than: 90d, max-deletes: 5, vbc: {client-id: y, client-secret: {env: CHECK_SECRET}}}\naccounts:\n"
	for i := range 200 {
		text += fmt.Sprintf("  a%d: {to: 's3://bucket/a%d', vbc: {username: bot%d, password: {env: CHECK_SECRET}}}\n", i, i, i)
	}
	path := filepath.Join(t.TempDir(), "vbcvault.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	code := run(t.Context(), []string{"config", "check", path}, streams{out: &out, err: &errs})
	said := "failure  " + path + ":1: defaults.max-deletes: 200 accounts (a0, a1, a2 and 197 more): "
	if code != exitUsage || strings.Count(out.String(), "failure ") != 1 || !strings.Contains(out.String(), said) || !strings.Contains(errs.String(), "one thing is wrong") {
		t.Errorf("exit %d: %.2000s%s", code, out.String(), errs.String())
	}
}
