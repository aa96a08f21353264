package main_test

import (
	"errors"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// Each page is listed with what it is about, shown by help, fits a terminal, and
// loses none of its words there.
func TestHelpShowsThePages(t *testing.T) {
	t.Parallel()
	list, err := exec.Command(program(t), "help").Output()
	if err != nil {
		t.Fatal(err)
	}
	word := regexp.MustCompile(`[\pL\pN]+`)
	for _, topic := range topics(t) {
		text := page(t, topic)
		title, _, _ := strings.Cut(text, "\n")
		about, ok := strings.CutPrefix(title, "# "+topic+": ")
		if !ok || utf8.RuneCountInString(about) > 82 {
			t.Errorf("%s: the title is %q", topic, title)
		}
		if !regexp.MustCompile(`(?m)^  ` + topic + ` +` + regexp.QuoteMeta(about) + `$`).Match(list) {
			t.Errorf("help doesn't list %s", topic)
		}
		show := exec.Command(program(t), "help", topic)
		show.Env = append(os.Environ(), "COLUMNS=")
		out, err := show.Output()
		if err != nil {
			t.Fatal(err)
		}
		shown := string(out)
		for line := range strings.Lines(shown) {
			if utf8.RuneCountInString(strings.TrimSpace(line)) > 80 && !strings.HasPrefix(line, "    ") {
				t.Errorf("%s: a line of %d columns: %s", topic, utf8.RuneCountInString(line), line)
			}
		}
		text = regexp.MustCompile("(?m)^ *```.*$").ReplaceAllString(text, "")
		text = regexp.MustCompile(`\]\([^)]*\)`).ReplaceAllString(text, "")
		missing := map[string]int{}
		for _, w := range word.FindAllString(text, -1) {
			missing[w]++
		}
		for _, w := range word.FindAllString(shown, -1) {
			missing[w]--
		}
		heads := strings.Join(regexp.MustCompile(`(?m)^\|.*\n\|[-|]+$`).FindAllString(text, -1), " ")
		for w, n := range missing {
			if n > 0 && !strings.Contains(heads, w) {
				t.Errorf("%s: %q is lost on a terminal", topic, w)
			}
		}
	}
	cmd := exec.Command(program(t), "help", "trobleshooting")
	out, err := cmd.CombinedOutput()
	if e, ok := errors.AsType[*exec.ExitError](err); !ok || e.ExitCode() != 2 || !strings.Contains(string(out), "vbcvault help troubleshooting") {
		t.Errorf("a mistyped topic: %v, %s", err, out)
	}
	for _, c := range []struct{ args, want string }{
		{"help hold", "vbcvault hold --help"}, {"hold add --help", "vbcvault help hold"}, {"help status", "Usage:"}, {"help hold add", "--caller-id"}, {"help help", "safety"},
	} {
		out, err := exec.Command(program(t), strings.Fields(c.args)...).Output()
		if err != nil || !strings.Contains(string(out), c.want) {
			t.Errorf("%s: %v: it lacks %q", c.args, err, c.want)
		}
	}
}

// Help about flags is as wide as the terminal, and loses no word there; in a pipe
// each flag has one line.
func TestHelpFitsTheTerminal(t *testing.T) {
	t.Parallel()
	shown := func(columns string, args ...string) string {
		cmd := exec.Command(program(t), args...)
		cmd.Env = append(os.Environ(), "COLUMNS="+columns)
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	flags := func(help string) string {
		_, help, _ = strings.Cut(help, "\nFlags:\n")
		help, _, _ = strings.Cut(help, "\n\n")
		return help
	}
	for _, command := range []string{"archive", "hold add", "manifest", "list"} {
		args := append(strings.Fields(command), "--help")
		piped := flags(shown("", args...))
		for line := range strings.Lines(piped) {
			if !strings.Contains(line[:min(8, len(line))], "-") || strings.Contains(line, "true|false") {
				t.Errorf("%s: %s", command, line)
			}
		}
		for _, columns := range []string{"60", "80", "1"} {
			narrow := flags(shown(columns, args...))
			if !slices.Equal(strings.Fields(narrow), strings.Fields(piped)) {
				t.Errorf("%s: words are lost with %s columns", command, columns)
			}
			for line := range strings.Lines(narrow) {
				if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > 80 {
					t.Errorf("%s: a line has %d columns, with %s: %s", command, n, columns, line)
				}
			}
		}
	}
}
