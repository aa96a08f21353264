package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// pages are the manual pages of a release.
func pages(t *testing.T, r *release) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(r.share(), "man", "man[17]", "*.[17]"))
	if err != nil || len(all) < 50 {
		t.Fatalf("%d pages, %v", len(all), err)
	}
	return all
}

// mandoc finds nothing in any page that it would mend, not even of style.
func TestPagesAreFaultless(t *testing.T) {
	t.Parallel()
	needs(t, "mandoc")
	r := built(t)
	if out, err := exec.Command("mandoc", append([]string{"-T", "lint"}, pages(t, r)...)...).CombinedOutput(); err != nil {
		t.Errorf("%v:\n%s", err, out)
	}
}

// man shows each page on a terminal of 80 columns without a warning, with its name and
// what it is about, and no line of prose is wider. What is wider is code that can't be
// folded.
func TestManShowsThePages(t *testing.T) {
	t.Parallel()
	needs(t, "man", "lexgrog")
	r := built(t)
	code := regexp.MustCompile(`^ {9,}\S`)
	for _, page := range pages(t, r) {
		var text, warnings bytes.Buffer
		cmd := exec.Command("man", "--warnings", "--local-file", page)
		cmd.Env = append(os.Environ(), "MANWIDTH=80", "LC_ALL=C.UTF-8", "MANROFFOPT=", "MAN_KEEP_FORMATTING=", "GROFF_NO_SGR=1")
		cmd.Stdout, cmd.Stderr = &text, &warnings
		if err := cmd.Run(); err != nil || warnings.Len() > 0 {
			t.Errorf("%s: %v: %s", page, err, warnings.String())
		}
		title, _, _ := strings.Cut(filepath.Base(page), ".")
		about := "NAME\n       " + title + " - "
		if !strings.Contains(text.String(), about) {
			t.Errorf("%s doesn't begin with its name:\n%.300s", page, text.String())
		}
		for line := range strings.Lines(text.String()) {
			line = strings.TrimRight(line, "\n")
			if utf8.RuneCountInString(line) > 80 && !code.MatchString(line) {
				t.Errorf("%s has a line of %d columns: %s", page, utf8.RuneCountInString(line), line)
			}
		}
	}
	all := pages(t, r)
	out, err := exec.Command("lexgrog", all...).CombinedOutput()
	if found := bytes.Count(out, []byte(": \"vbcvault")); err != nil || found != len(all) {
		t.Errorf("apropos finds %d of %d pages: %v: %s", found, len(all), err, out)
	}
}

// Each shell finds the completions where packages put them, loads them when they are
// asked for, and knows commands, topics, flags, and values of flags.
func TestShellsComplete(t *testing.T) {
	t.Parallel()
	r := built(t)
	for _, shell := range []struct {
		name, library string // what the shell needs besides itself
		script        string // prints what is suggested for the command line $1, which should have $2
	}{
		{"bash", "/usr/share/bash-completion/bash_completion", `
. /usr/share/bash-completion/bash_completion
_completion_loader vbcvault
[ "$(complete -p vbcvault)" = "complete -o default -F __start_vbcvault vbcvault" ] || exit 9
COMP_LINE=$1 COMP_POINT=${#1} COMP_TYPE=9 COMP_KEY=9
read -ra COMP_WORDS <<<"$1"
[[ $1 == *' ' ]] && COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
compopt() { :; } # which works within a completion by a person only
__start_vbcvault
printf '%s\n' "${COMPREPLY[@]}"
`},
		{"zsh", "", `
zmodload zsh/zpty
zpty asked zsh -f -i
zpty -w asked "PS1=; fpath=($SHARE/zsh/vendor-completions \$fpath); autoload -Uz compinit; compinit -u -d $HOME/dump; zstyle ':completion:*' list-prompt ''; print rea''dy"
zpty -r asked out '*ready*' || exit 9
zpty -n -w asked "$1"$'\t'
zpty -r asked out "*$2*"
print -r -- "$out"
zpty -d asked
`},
		{"fish", "", `
contains $SHARE/fish/vendor_completions.d $fish_complete_path; or exit 9
complete -C $argv[1]
`},
	} {
		t.Run(shell.name, func(t *testing.T) {
			t.Parallel()
			needs(t, shell.name)
			if _, err := os.Stat(shell.library); shell.library != "" && err != nil {
				if os.Getenv("CI") != "" {
					t.Fatal(err)
				}
				t.Skip(err)
			}
			for _, c := range []struct{ typed, want string }{
				{"vbcvault check-", "check-proof"},
				{"vbcvault hold rem", "remove"},
				{"vbcvault help trou", "troubleshooting"},
				{"vbcvault archive --older", "--older-than"},
				{"vbcvault archive --fetch ex", "export"},
			} {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				args := map[string][]string{"bash": {"--norc", "-c", shell.script, "bash"}, "zsh": {"-f", "-c", shell.script, "zsh"}, "fish": {"-c", shell.script, "--"}}[shell.name]
				cmd := exec.CommandContext(ctx, shell.name, append(args, c.typed, c.want)...)
				cmd.Env = append(os.Environ(), "SHARE="+r.share(), "XDG_DATA_DIRS="+r.share(), "HOME="+t.TempDir(), "TERM=dumb",
					"PATH="+filepath.Dir(r.binary(r.targets[0]))+":"+os.Getenv("PATH"))
				out, err := cmd.CombinedOutput()
				cancel()
				if err != nil || !strings.Contains(string(out), c.want) {
					t.Errorf("%s: %v: %s", c.typed, err, out)
				}
			}
		})
	}
}
