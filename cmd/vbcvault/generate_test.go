package main_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// generated are the files that generate writes below a new directory, by their path.
func generated(t *testing.T, env []string, args ...string) map[string][]byte {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "new", "share")
	cmd := exec.Command(program(t), append([]string{"generate", dir}, args...)...)
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	files := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if want := map[bool]fs.FileMode{true: 0o755, false: 0o644}[d.IsDir()]; runtime.GOOS != "windows" && info.Mode().Perm() != want {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		if d.IsDir() {
			return nil
		}
		name, _ := filepath.Rel(dir, path)
		files[filepath.ToSlash(name)], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// Every command and every topic has a page, everywhere the same, with the day that was
// asked for; each other page that one names is there.
func TestGenerateWritesTheManual(t *testing.T) {
	t.Parallel()
	files := generated(t, []string{"SOURCE_DATE_EPOCH=1767225600", "TZ=Pacific/Kiritimati", "COLUMNS=40", "HOME=/nowhere", "LANG=C", "VBCVAULT_STATE_DIR=/elsewhere"})
	again := generated(t, []string{"SOURCE_DATE_EPOCH=4", "TZ=America/New_York"}, "--date", "2026-01-01")
	for path := range files {
		if !bytes.Equal(files[path], again[path]) {
			t.Errorf("%s depends on where it is made", path)
		}
	}
	want := []string{"bash-completion/completions/vbcvault", "fish/vendor_completions.d/vbcvault.fish", "zsh/vendor-completions/_vbcvault"}
	for _, c := range allCommands(t, "") {
		want = append(want, "man/man1/"+strings.ReplaceAll("vbcvault"+c, " ", "-")+".1")
	}
	for _, topic := range topics(t) {
		want = append(want, "man/man7/vbcvault-"+topic+".7")
	}
	var got []string
	for path, content := range files {
		got = append(got, path)
		if strings.HasPrefix(path, "man/") && !bytes.Contains(content, []byte(" 2026-01-01 ")) {
			t.Errorf("%s has another day", path)
		}
		for _, m := range referenceForm.FindAllSubmatch(content, -1) {
			page := fmt.Sprintf("man/man%s/%s.%s", m[2], strings.ReplaceAll(string(m[1]), `\-`, "-"), m[2])
			if files[page] == nil {
				t.Errorf("%s names the page %s", path, page)
			}
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// What can't be done is said as a mistake of the command line.
func TestGenerateRefuses(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		env, want string
		args      []string
	}{
		{"", "is not a day", []string{t.TempDir(), "--date", "1 May"}},
		{"SOURCE_DATE_EPOCH=soon", "SOURCE_DATE_EPOCH", []string{t.TempDir()}},
		{"", "that you may write in", []string{file}},
		{"", "generate --help", nil},
	} {
		cmd := exec.Command(program(t), append([]string{"generate"}, c.args...)...)
		cmd.Env = append(os.Environ(), c.env)
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState.ExitCode() != 2 || !strings.Contains(string(out), c.want) {
			t.Errorf("%q: %v: %s", c.args, err, out)
		}
	}
}

// referenceForm is how one page names another.
var referenceForm = regexp.MustCompile(`\\fB(vbcvault(?:\\-[a-z]+)*)\\fR\(([17])\)`)

// allCommands are the program with each of its commands, as a shell finds them by asking
// what could be next.
func allCommands(t *testing.T, name string) []string {
	t.Helper()
	out, err := exec.Command(program(t), append(append([]string{"__complete"}, strings.Fields(name)...), "")...).Output()
	if err != nil {
		t.Fatal(err)
	}
	all := []string{name}
	for line := range strings.Lines(string(out)) {
		next, about, ok := strings.Cut(strings.TrimSpace(line), "\t")
		switch deep := strings.Count(name, " "); {
		case !ok || about == "" || strings.HasPrefix(next, "-"):
		case name == " help", deep == 2: // topics, not commands; none is deeper
		default:
			all = append(all, allCommands(t, name+" "+next)...)
		}
	}
	return all
}

// A shell is told what the value of a flag may be, and suggests files only where one is
// wanted. What it shows of flags has no marks.
func TestCompletionKnowsValues(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ typed, want string }{
		{"archive --fetch ", "auto direct export :4"},
		{"archive --fetch=d", "direct :4"},
		{"export --format ", "csv jsonl parquet :4"},
		{"archive --manifest ", ":0"},
		{"archive --to ", ":0"},
		{"archive --spool-dir ", ":16"},
		{"archive --older-than ", ":4"},
		{"verify ", ":4"},
		{"config check ", ":0"},
		{"archive --older-", "--older-than archive recordings older than AGE: 90d, 2w, 1y, 36h :4"},
	} {
		words := strings.Split(c.typed, " ")
		out, err := exec.Command(program(t), append([]string{"__complete"}, words...)...).Output()
		if got := strings.Join(strings.Fields(string(out)), " "); err != nil || got != c.want {
			t.Errorf("%s: %q, %v", c.typed, got, err)
		}
	}
}
