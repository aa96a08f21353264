package main_test

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func readText(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// frontPage is the README, readme that and the pages of the manual behind it.
func frontPage(t *testing.T) string { return readText(t, "../../README.md") }

func readme(t *testing.T) string {
	t.Helper()
	text := frontPage(t)
	for _, topic := range topics(t) {
		text += page(t, topic)
	}
	return text
}

func page(t *testing.T, topic string) string { return readText(t, "topics/"+topic+".md") }

// topics are the names of the manual's pages.
func topics(t *testing.T) (names []string) {
	t.Helper()
	files, err := filepath.Glob("topics/*.md")
	if err != nil || len(files) < 12 {
		t.Fatalf("pages: %v, %v", files, err)
	}
	for _, f := range files {
		names = append(names, strings.TrimSuffix(filepath.Base(f), ".md"))
	}
	return names
}

// documents are the texts that people read, by their paths.
func documents(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, pattern := range []string{"../../README.md", "topics/*.md", "../../pipeline/README.md", "../../.github/*.md"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v, %v", pattern, files, err)
		}
		for _, f := range files {
			all[f] = readText(t, f)
		}
	}
	return all
}

// Every test that a document names exists, and only the page on safety, and what is
// for developers, name any.
func TestReadmeNamesRealTests(t *testing.T) {
	t.Parallel()
	var tests strings.Builder
	for path, text := range sources(t) {
		if strings.HasSuffix(path, "_test.go") {
			tests.WriteString(text)
		}
	}
	form := regexp.MustCompile(`\b(Test[A-Z][A-Za-z0-9]+)\b`)
	for path, text := range documents(t) {
		names := form.FindAllStringSubmatch(text, -1)
		switch safety := strings.HasSuffix(path, "safety.md"); {
		case safety && len(names) < 300:
			t.Errorf("%s: only %d names of tests", path, len(names))
		case !safety && len(names) > 0 && (strings.HasPrefix(path, "topics/") || path == "../../README.md"):
			t.Errorf("%s names %s: that is for the page on safety", path, names[0][1])
		}
		for _, m := range names {
			if !strings.Contains(tests.String(), "func "+m[1]+"(t *testing.T)") {
				t.Errorf("%s: there is no %s", path, m[1])
			}
		}
	}
}

// sources are all Go files of the project, by their paths.
func sources(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir("../..", func(path string, _ os.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".go") {
			all[path] = readText(t, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// otherPrograms are calls of programs whose flags are not ours.
var otherPrograms = regexp.MustCompile("\\b(systemctl|sha256sum|kubectl|helm) [^\n`]*")

// othersLines are commands of other programs, with what they have vbcvault do.
var othersLines = regexp.MustCompile(`(?m)^ *(?:# )?(?:sudo )?(?:-u [a-z]+ )?(?:docker|podman|skopeo|crane|install|dpkg|apt|apt-get|rpm|dnf) .*?( vbcvault .*)?$`)

// Every flag in a document is one that the program has, every command too, and
// every link leads somewhere, to a heading where it says so.
func TestReadmeIsTrue(t *testing.T) {
	t.Parallel()
	var help strings.Builder
	for _, sub := range allCommands(t, "") {
		out, err := exec.Command(program(t), append(strings.Fields(sub), "--help")...).Output()
		if err != nil {
			t.Fatal(err)
		}
		help.Write(out)
	}
	commands := regexp.MustCompile(`(?m)^  vbcvault ([a-z-]+)`).FindAllStringSubmatch(help.String(), -1)
	for path, text := range documents(t) {
		users := !strings.HasPrefix(path, "../../.github") && !strings.HasPrefix(path, "../../pipeline")
		if users {
			ours := othersLines.ReplaceAllString(otherPrograms.ReplaceAllString(strings.ReplaceAll(text, "\\\n", " "), ""), "$1")
			for _, f := range regexp.MustCompile(`--[a-z][a-z-]+`).FindAllString(ours, -1) {
				if !regexp.MustCompile(regexp.QuoteMeta(f) + `\b`).MatchString(help.String()) {
					t.Errorf("%s: there is no flag %s", path, f)
				}
			}
			for _, m := range regexp.MustCompile("`(?:\\./)?vbcvault ([a-z-]+)").FindAllStringSubmatch(text, -1) {
				if !slices.ContainsFunc(commands, func(c []string) bool { return c[1] == m[1] }) {
					t.Errorf("%s: there is no command %s", path, m[1])
				}
			}
		}
		if strings.Contains(path, "pipeline/README") {
			continue // TestReadmeIsTheMap looks at its links
		}
		for _, m := range regexp.MustCompile(`\]\(([^)#]*)(#[^)]+)?\)`).FindAllStringSubmatch(text, -1) {
			to := filepath.Join(filepath.Dir(path), m[1])
			switch {
			case strings.HasPrefix(m[1], "http"):
				continue
			case m[1] == "":
				to = path
			}
			if _, err := os.Stat(to); err != nil {
				t.Errorf("%s: link: %v", path, err)
			} else if m[2] != "" && !slices.Contains(anchors(readText(t, to)), m[2]) {
				t.Errorf("%s: %s has no %s", path, m[1], m[2])
			}
		}
	}
}

// anchors are where links into a page may lead, as GitHub names its headings.
func anchors(text string) (all []string) {
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(text, -1) {
		name := regexp.MustCompile(`[^a-z0-9 _-]`).ReplaceAllString(strings.ToLower(m[1]), "")
		all = append(all, "#"+strings.ReplaceAll(name, " ", "-"))
	}
	return all
}

// The README is short.
func TestReadmeIsShort(t *testing.T) {
	t.Parallel()
	text := frontPage(t)
	if n := strings.Count(text, "\n"); n < 150 || n > 200 {
		t.Errorf("%d lines; 150 to 200 is what one reads", n)
	}
}

// Permissions are in one table: besides that, only the README's policy, and few
// words about what it has not, name any; and the program names none that the table
// lacks.
func TestPermissionsAreInOneTable(t *testing.T) {
	t.Parallel()
	action := regexp.MustCompile(`\b(?:s3|kms):[A-Z][A-Za-z]+\b`)
	table := section(t, page(t, "protect"), "## All permissions")
	for _, topic := range topics(t) {
		if topic == "protect" {
			continue
		}
		if found := action.FindAllString(page(t, topic), -1); len(found) > 0 {
			t.Errorf("%s names %q: that is for the table in protect.md", topic, found)
		}
	}
	for path, text := range sources(t) {
		if strings.HasSuffix(path, "_test.go") || strings.Contains(path, "/storagetest/") {
			continue
		}
		text = strings.ReplaceAll(text, "kms:ResourceAliases", "") // a condition, no action
		for _, a := range action.FindAllString(text, -1) {
			if !strings.Contains(table, "`"+a+"`") {
				t.Errorf("%s: %s isn't in the table of permissions", path, a)
			}
		}
	}
}

// section is what stands below a heading, up to the next of the same or a higher level.
func section(t *testing.T, text, heading string) string {
	t.Helper()
	_, text, found := strings.Cut(text, heading+"\n")
	if !found {
		t.Fatalf("there is no %s", heading)
	}
	level := strings.IndexByte(heading, ' ')
	if i := regexp.MustCompile(fmt.Sprintf(`(?m)^#{1,%d} `, level)).FindStringIndex(text); i != nil {
		text = text[:i[0]]
	}
	return text
}

// firstCells are the first cells of a table's rows.
func firstCells(text string) (all []string) {
	for _, m := range regexp.MustCompile(`(?m)^\| (.*?) \|`).FindAllStringSubmatch(text, -1) {
		all = append(all, m[1])
	}
	if len(all) > 0 {
		all = all[1:] // the head
	}
	return all
}

// The exit codes of README and troubleshooting are those of the help.
func TestReadmesExitCodes(t *testing.T) {
	t.Parallel()
	out, err := exec.Command(program(t), "archive", "--help").Output()
	if err != nil {
		t.Fatal(err)
	}
	_, codes, _ := strings.Cut(string(out), "Exit codes:")
	var want []string
	for _, m := range regexp.MustCompile(`(?m)^  ([0-9]+) `).FindAllStringSubmatch(codes, -1) {
		want = append(want, m[1])
	}
	if got := firstCells(section(t, frontPage(t), "## Exit codes")); !slices.Equal(got, want) || len(want) != 5 {
		t.Errorf("README: %q, help: %q", got, want)
	}
	if got := firstCells(section(t, page(t, "troubleshooting"), "## By exit code")); !slices.Equal(got, want[1:]) {
		t.Errorf("troubleshooting: %q, help: %q", got, want)
	}
}

// Each message that troubleshooting quotes is in the program, word for word.
func TestQuotedMessagesExist(t *testing.T) {
	t.Parallel()
	var literals []string
	for path, text := range sources(t) {
		if strings.HasSuffix(path, "_test.go") || strings.Contains(path, "/vbctest/") || strings.Contains(path, "/storagetest/") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, text, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
				s, err := strconv.Unquote(l.Value)
				if err != nil {
					t.Error(err)
				}
				literals = append(literals, s)
			}
			return true
		})
	}
	cells := firstCells(section(t, page(t, "troubleshooting"), "## By message"))
	if len(cells) < 20 {
		t.Fatalf("only %d messages", len(cells))
	}
	for _, cell := range cells {
		quoted := strings.Trim(cell, `"`)
		if !strings.HasPrefix(cell, `"`) || !slices.ContainsFunc(literals, func(l string) bool { return strings.Contains(l, quoted) }) {
			t.Errorf("the program has no message with %s", cell)
		}
	}
}

// Every directory that a document names in code is there.
func TestDocumentsNameRealFiles(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"../../pipeline/README.md", "../../.github/CONTRIBUTING.md", "../../.github/decisions.md"} {
		for _, m := range regexp.MustCompile("`((?:pipeline|storage|vbc|cmd|\\.ci|\\.github)/[A-Za-z0-9_./-]+)`").FindAllStringSubmatch(readText(t, path), -1) {
			if _, err := os.Stat(filepath.Join("../..", m[1])); errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: there is no %s", path, m[1])
			}
		}
	}
}
