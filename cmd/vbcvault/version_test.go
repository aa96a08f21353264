package main_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	main "github.com/vbcvault/vbcvault/cmd/vbcvault"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// knownFormats are the formats of vbcvault version --json, by name.
func knownFormats(t *testing.T) (names []string, rows []string) {
	t.Helper()
	out, err := exec.Command(program(t), "version", "--json").Output()
	var v struct {
		Version, Go, OS, Arch, Commit string
		Time                          string `json:"commit_time"`
		Formats                       []struct {
			Name  string
			Write int `json:"writes"`
			From  int `json:"reads_from"`
		}
	}
	if err == nil {
		err = json.Unmarshal(out, &v)
	}
	if err != nil || v.Version == "" || v.Go != runtime.Version() || v.OS != runtime.GOOS || v.Arch != runtime.GOARCH || (v.Commit == "") != (v.Time == "") {
		t.Fatalf("%v: %s", err, out)
	}
	if _, err := time.Parse(time.RFC3339, v.Time); v.Time != "" && err != nil {
		t.Error(err)
	}
	for _, f := range v.Formats {
		reads := fmt.Sprint(f.Write)
		if f.From != f.Write {
			reads = fmt.Sprintf("%d to %d", f.From, f.Write)
		}
		names = append(names, f.Name)
		rows = append(rows, fmt.Sprintf("| `%s` | %d | %s |", f.Name, f.Write, reads))
	}
	return names, rows
}

// The manual's table of formats is what vbcvault version says.
func TestFormatsOfTheManual(t *testing.T) {
	t.Parallel()
	names, rows := knownFormats(t)
	table := section(t, page(t, "formats"), "## Versions of formats")
	sameNames(t, "formats", inCode(table), names)
	for _, row := range rows {
		if !strings.Contains(table, row) {
			t.Errorf("the page has no row that begins with %s", row)
		}
	}
	out, err := exec.Command(program(t), "version").Output()
	if err != nil || !regexp.MustCompile(`(?m)^  manifest +writes 11, reads 1 to 11$`).Match(out) || !regexp.MustCompile(`(?m)^  web\.db +reads and writes 1$`).Match(out) {
		t.Errorf("%v: %s", err, out)
	}
}

// What a release build has set is what it says of itself.
func TestReleaseSaysItsCommit(t *testing.T) {
	t.Parallel()
	commit := strings.Repeat("0123abcd", 5)
	w := newWorld(t, vbctest.Config{}).inDir()
	env := w.env
	w.env = append(slices.Clone(env), main.Release+"=v1.4.0 "+commit+" 2026-11-28T06:00:00Z")
	out, err := w.command("version").Output()
	if want := "vbcvault v1.4.0 (" + runtime.Version() + ", " + runtime.GOOS + "/" + runtime.GOARCH + ")\ncommit " + commit + " of 2026-11-28T06:00:00Z\n\n"; err != nil || !strings.HasPrefix(string(out), want) {
		t.Errorf("%v: %s\nwant %s", err, out, want)
	}
	// A manifest that a release makes says so to programs that are too old for it.
	w.someRecordings(1)
	w.want(w.archive("--older-than", "90d"), 0, nil)
	w.env = env
	w.execute(w.manifest(), "PRAGMA user_version = 99")
	for _, args := range [][]string{{"archive", "--to", w.to, "--older-than", "90d"}, {"status"}, {"list"}, {"verify"}, {"manifest", "check"}, {"hold", "list"}} {
		if r := w.run(args...); r.code == 0 || !strings.Contains(r.stderr+r.stdout, "v1.4.0") {
			t.Errorf("%q: exit %d; it doesn't say which version is needed", args, r.code)
		} else if !strings.Contains(r.stderr, "use vbcvault v1.4.0 or a later version") && args[0] != "hold" {
			t.Errorf("%q has no hint", args)
		}
	}
}

// aged makes the manifest one of format 10, and returns it as it is then.
func (w *world) aged() (path string) {
	w.t.Helper()
	path = w.manifest()
	w.execute(path, "PRAGMA user_version = 10")
	return path
}

// A manifest of an older format is left alone by what only reads, which says who
// upgrades it. The next run does. Whoever goes back to the older version with the copy
// loses nothing: what has happened since is found again, and nothing is fetched or
// deleted twice.
func TestUpgradeAndBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	all := w.someRecordings(6)
	w.want(w.archive("--older-than", "90d", "--delete", "--max-deletes", "2"), 0, map[string]int{"deleted": 2})
	path := w.aged()
	for _, args := range [][]string{{"status"}, {"list"}, {"audit"}, {"manifest", "check"}} {
		if r := w.run(args...); r.code == 0 || !strings.Contains(r.stderr, "older format (format 10): vbcvault verify, or the next run of vbcvault archive, upgrades it") {
			t.Errorf("%q: exit %d", args, r.code)
		}
	}
	if _, err := os.Stat(path + ".format10"); err == nil {
		t.Error("a command that only reads has upgraded it")
	}
	w.want(w.archive("--older-than", "90d", "--delete", "--max-deletes", "2"), 0, map[string]int{"deleted": 2})
	w.hold(append([]string{"add", "--id", fmt.Sprint(w.atVBC()[0])}, byCounsel...)...)
	w.want(w.archive("--older-than", "90d"), 0, nil)

	for _, end := range []string{"", "-wal", "-shm"} { // as the manual says
		if err := os.Rename(path+end, path+end+".newer"); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	if err := os.Rename(path+".format10", path); err != nil {
		t.Fatal(err)
	}
	audio, deleted := w.account.Counts().ByKind[vbctest.Audio], len(w.account.Deleted())
	r := w.archive("--older-than", "90d", "--delete")
	w.want(r, 0, map[string]int{"failed": 0, "skipped": 1})
	if n := len(w.account.Deleted()); n != deleted+1 || w.account.Counts().ByKind[vbctest.Audio] != audio {
		t.Errorf("%d were deleted, %d times audio was fetched", n-deleted, w.account.Counts().ByKind[vbctest.Audio]-audio)
	}
	w.mustHold(all...)
	if r := w.run("audit"); r.code != 0 {
		t.Errorf("audit: exit %d", r.code)
	}
	w.want(w.archive("--older-than", "90d", "--delete"), 0, map[string]int{"deleted": 0})
}

// Each release, and what comes next, has a section in the change log, in the form of
// Keep a Changelog.
func TestChangeLogKeepsItsForm(t *testing.T) {
	t.Parallel()
	text := readText(t, "../../.github/CHANGELOG.md")
	if !strings.HasPrefix(text, "# Changelog\n") || !strings.Contains(text, "(https://keepachangelog.com/en/1.1.0/)") {
		t.Error("it doesn't begin as it should")
	}
	for _, wrong := range changeLogErrors(text) {
		t.Error(wrong)
	}
	for text, want := range map[string]string{
		"## [1.0.0] - 2026-11-28\n\n### Added\n\n- A.\n":                                                                     "begins with [Unreleased]",
		"## [Unreleased]\n\n### Added\n\n- A.\n\n### News\n\n- B.\n":                                                         `"### News"`,
		"## [Unreleased]\n\n### Fixed\n\n- A.\n\n### Added\n\n- B.\n":                                                        "order",
		"## [Unreleased]\n\n### Added\n\n### Fixed\n\n- B.\n":                                                                "Added is empty",
		"## [Unreleased]\n\n### Added\n\nA.\n":                                                                               `"A."`,
		"## [Unreleased]\n\n## [1.0.0]\n\n### Added\n\n- A.\n":                                                               `"## [1.0.0]"`,
		"## [Unreleased]\n\n## [1.0.0] - 2026-02-30\n\n### Added\n\n- A.\n":                                                  "2026-02-30",
		"## [Unreleased]\n\n## [1.0.0] - 2026-11-28\n":                                                                       "1.0.0 is empty",
		"## [Unreleased]\n\n## [1.2.0] - 2026-11-28\n\n### Added\n\n- A.\n\n## [1.10.0] - 2026-10-01\n\n### Added\n\n- A.\n": "1.10.0",
	} {
		if got := strings.Join(changeLogErrors("# Changelog\n\n"+text), "\n"); !strings.Contains(got, want) {
			t.Errorf("%q: it says %q, want %q", text, got, want)
		}
	}
}

// changeLogErrors are what is wrong with the sections of a change log.
func changeLogErrors(text string) (wrong []string) {
	kinds := []string{"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
	release := regexp.MustCompile(`^## \[(\d+)\.(\d+)\.(\d+)(?:-[0-9A-Za-z.-]+)?\] - (\d{4}-\d{2}-\d{2})$`)
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	version, kind, last, entries := "", "", -1, 0
	var before []string
	end := func() {
		if kind != "" && entries == 0 {
			say("%s of %s: %s is empty", kind, version, kind)
		}
		if version != "" && version != "Unreleased" && last < 0 {
			say("%s is empty", version)
		}
	}
	for n, line := range strings.Split(text, "\n") {
		switch m := release.FindStringSubmatch(line); {
		case n == 0 || line == "" || version == "" && !strings.HasPrefix(line, "#"):
		case line == "## [Unreleased]" && version == "":
			version = "Unreleased"
		case m != nil:
			end()
			if version == "" {
				say("line %d: the change log begins with [Unreleased]", n+1)
			}
			numbers := []string{}
			for _, digits := range m[1:4] {
				numbers = append(numbers, fmt.Sprintf("%9s", digits))
			}
			if before != nil && slices.Compare(numbers, before) >= 0 {
				say("line %d: %s comes after an older version", n+1, line)
			}
			if _, err := time.Parse(time.DateOnly, m[4]); err != nil {
				say("line %d: %v", n+1, err)
			}
			version, kind, last, before = m[1]+"."+m[2]+"."+m[3], "", -1, numbers
		case strings.HasPrefix(line, "### ") && slices.Contains(kinds, line[4:]) && version != "":
			if kind != "" && entries == 0 {
				say("%s of %s is empty: %s is empty", kind, version, kind)
			}
			i := slices.Index(kinds, line[4:])
			if i <= last {
				say("line %d: the order of sections is %s", n+1, strings.Join(kinds, ", "))
			}
			kind, last, entries = line[4:], i, 0
		case strings.HasPrefix(line, "- ") && kind != "":
			entries++
		case strings.HasPrefix(line, "  ") && entries > 0:
		default:
			say("line %d: %q has no place here", n+1, line)
		}
	}
	end()
	return wrong
}
