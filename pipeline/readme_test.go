package pipeline

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func readmeText(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// The README's map has every room, its links lead somewhere, its tables name
// functions that are in the files that it names, and its steps are those of next, in
// the same order.
func TestReadmeIsTheMap(t *testing.T) {
	t.Parallel()
	text := readmeText(t, "README.md")
	for _, m := range regexp.MustCompile(`\]\(([^)#]+)`).FindAllStringSubmatch(text, -1) {
		if _, err := os.Stat(m[1]); err != nil {
			t.Error(err)
		}
	}
	var rooms, drawn []string
	dirs, err := filepath.Glob("*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range dirs {
		if d = filepath.Dir(d); !slices.Contains(rooms, d) {
			rooms = append(rooms, d)
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^ +[├└]─ ([a-z]+)/ `).FindAllStringSubmatch(text, -1) {
		drawn = append(drawn, m[1])
	}
	slices.Sort(drawn)
	if !slices.Equal(rooms, drawn) {
		t.Errorf("the map has %q, the package %q", drawn, rooms)
	}

	_, life, _ := strings.Cut(text, "## The life of a recording")
	life, _, _ = strings.Cut(life, "\n## Which step") // behind that of a receipt
	named := 0
	for line := range strings.Lines(life) {
		columns := strings.Split(line, "|")
		if len(columns) < 5 || !strings.Contains(columns[2], ".go") {
			continue
		}
		var code strings.Builder
		for _, m := range regexp.MustCompile(`\]\(([a-z_/]+\.go)\)`).FindAllStringSubmatch(columns[2], -1) {
			code.WriteString(readmeText(t, m[1]))
		}
		for _, m := range regexp.MustCompile("`([a-zA-Z]+)`").FindAllStringSubmatch(columns[3], -1) {
			named++
			if !regexp.MustCompile(`(?m)^func (\([^)]+\) )?` + m[1] + `[(\[]`).MatchString(code.String()) {
				t.Errorf("%s has no function %s", columns[2], m[1])
			}
		}
	}
	if named < 40 {
		t.Errorf("only %d functions are named", named)
	}

	_, steps, _ := strings.Cut(text, "## Which step comes next")
	steps, _, _ = strings.Cut(steps, "\n## ")
	var said, done []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z ]+)` \\|").FindAllStringSubmatch(steps, -1) {
		said = append(said, m[1])
	}
	for _, m := range regexp.MustCompile(`step\{"([a-z ]+)"`).FindAllStringSubmatch(readmeText(t, "work.go"), -1) {
		done = append(done, m[1])
	}
	if !slices.Equal(said, done) {
		t.Errorf("the README has the steps %q, next has %q", said, done)
	}
}
