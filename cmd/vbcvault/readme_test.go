package main_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func readme(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Every test that the README names exists.
func TestReadmeNamesRealTests(t *testing.T) {
	t.Parallel()
	var tests strings.Builder
	err := filepath.WalkDir("../..", func(path string, _ os.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, "_test.go") {
			b, e := os.ReadFile(path)
			tests.Write(b)
			return e
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile("`(Test[A-Za-z0-9]+)`").FindAllStringSubmatch(readme(t), -1)
	if len(names) < 10 {
		t.Fatalf("only %d names found", len(names))
	}
	for _, m := range names {
		if !strings.Contains(tests.String(), "func "+m[1]+"(t *testing.T)") {
			t.Errorf("there is no %s", m[1])
		}
	}
}

// Every flag in the README is one that the program has, every link leads
// somewhere, and the policy is JSON without a way to delete.
func TestReadmeIsTrue(t *testing.T) {
	t.Parallel()
	text := readme(t)
	var help strings.Builder
	for _, sub := range []string{"archive", "status", "verify", "audit", "doctor", "acknowledge", "hold add", "hold remove", "hold list", "erase", "list", "export", "restore", "rebuild", "diff", "manifest backup", "manifest check", "demo"} {
		out, err := exec.Command(program(t), append(strings.Fields(sub), "--help")...).Output()
		if err != nil {
			t.Fatal(err)
		}
		help.Write(out)
	}
	for _, f := range regexp.MustCompile(`--[a-z][a-z-]+`).FindAllString(text, -1) {
		if !regexp.MustCompile(regexp.QuoteMeta(f) + `\b`).MatchString(help.String()) {
			t.Errorf("there is no flag %s", f)
		}
	}
	for _, m := range regexp.MustCompile(`\]\(([^)#]+)\)`).FindAllStringSubmatch(text, -1) {
		if _, err := os.Stat(filepath.Join("../..", m[1])); err != nil && !strings.HasPrefix(m[1], "http") {
			t.Errorf("link: %v", err)
		}
	}
	policy := text[strings.Index(text, "```json")+7:]
	policy = policy[:strings.Index(policy, "```")]
	var p struct{ Statement []struct{ Action []string } }
	if err := json.Unmarshal([]byte(policy), &p); err != nil || len(p.Statement) != 3 {
		t.Fatalf("the policy: %v", err)
	}
	for _, s := range p.Statement {
		if slices.ContainsFunc(s.Action, func(a string) bool { return strings.Contains(a, "Delete") || strings.Contains(a, "*") }) {
			t.Errorf("the policy allows %q", s.Action)
		}
	}
}
