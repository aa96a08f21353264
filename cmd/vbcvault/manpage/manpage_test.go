package manpage

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

var day = time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC)

// pageOf is what stands on a page of section 7 below its description's title.
func pageOf(markdown string) string {
	b := &Book{Source: "vbcvault v1", Date: day, Topics: []string{"hold", "web"}}
	_, text, _ := strings.Cut(string(b.Topic("web", "the page", "# web: the page\n\n"+markdown, nil)), ".SH DESCRIPTION\n")
	text, _, _ = strings.Cut(text, ".SH \"SEE ALSO\"\n")
	return text
}

// What Markdown and roff mean by a text is the same, and nothing in it is roff's own.
func TestMarkdownBecomesRoff(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, markdown, want string }{
		{"signs that are roff's", ".TH is `'a' \\fB` and on-demand \"x\"", "\\&.TH is \\fB\\(aqa\\(aq \\efB\\fR and on\\-demand \\(dqx\\(dq\n"},
		{"signs beyond ASCII", "1 → 2 – 3… × é ▲", "1 \\(-> 2 \\(en 3... \\(mu \\[u00E9] \\[u25B2]\n"},
		{"bold and italic", "**Not `a*b`**, *but* this*", "\\fBNot a*b\\fR, \\fIbut\\fR this*\n"},
		{"links", "[hold](hold.md), [the key](hold.md#key), [below](#b), [note](https://x.y)", "\\fBvbcvault\\-hold\\fR(7), the key (\\fBvbcvault\\-hold\\fR(7)), below, note\n(https://x.y)\n"},
		{"another page", "see `vbcvault help hold`, `vbcvault help nothing`", "see \\fBvbcvault\\-hold\\fR(7), \\fBvbcvault help nothing\\fR\n"},
		{"no sentence ends within", strings.Repeat("aaaaaaaaa ", 7) + "end. Begin", strings.Repeat("aaaaaaaaa ", 6) + "aaaaaaaaa end.\\&\nBegin\n"},
		{"a list", "- one\n  more\n\n  apart\n- two\n\n1. first\n\n   ```sh\n   ls\n   ```\n\nafter", `.IP \(bu 2
one more
.IP "" 2
apart
.IP \(bu 2
two
.IP 1. 4
first
.RS 4
.IP "" 2
.EX
ls
.EE
.nh
.RE
.PP
after
`},
		{"code", "```\n.x  \\n\n\n\ty\n```", ".RS 2\n.EX\n\\&.x  \\en\n\n    y\n.EE\n.nh\n.RE\n"},
		{"a word for those who test", "```sh\n# Not run by our tests: no bucket\nls\n```", ".RS 2\n.EX\nls\n.EE\n.nh\n.RE\n"},
		{"titles", "## Who `may` what\n\n### A part\n\ntext", ".SH \"WHO may WHAT\"\n.SS \"A part\"\ntext\n"},
		{"a narrow table", "| a | b |\n|---|---|\n| `x` | |\n| .y | z |", ".TS\nnokeep;\nl l.\n\\fBa\\fR\t\\fBb\\fR\n_\n\\fBx\\fR\t\n\\&.y\tz\n.TE\n"},
		{"a column to wrap", "| a | b |\n|---|---|\n| x | " + strings.Repeat("word ", 20) + "|", ".TS\nnokeep;\nl lx.\n\\fBa\\fR\t\\fBb\\fR\n_\nx\tT{\n" + strings.TrimSpace(strings.Repeat("word ", 15)) + "\n" + strings.TrimSpace(strings.Repeat("word ", 5)) + "\nT}\n.TE\n"},
		{"rows that are too wide", "| a | means | do |\n|---|---|---|\n| `x` | " + strings.Repeat("m", 70) + " | wait |", ".TP\n\\fBx\\fR\n" + strings.Repeat("m", 70) + "\n.br\ndo: wait\n"},
		{"examples are last", "| key | example | means |\n|---|---|---|\n| `x` | `x: 1` | " + strings.Repeat("m", 70) + " |", ".TP\n\\fBx\\fR\n" + strings.Repeat("m", 70) + "\n.br\nExample: \\fBx: 1\\fR\n"},
		{"a head that is too wide", "| a | " + strings.Repeat("long ", 12) + "|\n|---|---|\n| " + strings.Repeat("m", 60) + " | 1 |", ".TS\nnokeep;\nl l.\n\\fBa\\fR\t\\fBlong\\fR\n" + strings.Repeat("\t\\fBlong\\fR\n", 11) + "_\n" + strings.Repeat("m", 60) + "\t1\n.TE\n"},
	} {
		if got := pageOf(c.markdown); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
}

// Each word of the manual is on its page, and its page is ASCII.
func TestNoWordOfTheManualIsLost(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../topics/*.md")
	if err != nil || len(files) < 20 {
		t.Fatal(files, err)
	}
	word := regexp.MustCompile(`[\pL\pN]+`)
	beyond := regexp.MustCompile(`\\\[u([0-9A-F]+)\]`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		b := &Book{Source: "vbcvault", Date: day}
		got := string(b.Topic("it", "about", string(text), nil))
		if i := strings.IndexFunc(got, func(r rune) bool { return r > '~' }); i >= 0 {
			t.Errorf("%s: not ASCII: %q", file, got[i:min(i+20, len(got))])
		}
		got = regexp.MustCompile(`(?m)^\.[A-Z]+ |\\(?:f[BIR]|&|:)`).ReplaceAllString(got, "")
		got = regexp.MustCompile(`\\\([a-z>-]{2}|\\[e-]`).ReplaceAllString(got, "-")
		got = beyond.ReplaceAllStringFunc(got, func(s string) string {
			r, _ := strconv.ParseInt(beyond.FindStringSubmatch(s)[1], 16, 32)
			return string(rune(r))
		})
		count := map[string]int{}
		for _, w := range word.FindAllString(strings.ToLower(got), -1) {
			count[w]++
		}
		_, plain, _ := strings.Cut(string(text), "\n")
		plain = regexp.MustCompile("(?m)^ *```.*$|^ *# Not run by our tests.*$|^[|].*\n[|][-|]+$").ReplaceAllString(plain, "")
		plain = regexp.MustCompile(`\]\([^)]*\)|vbcvault help`).ReplaceAllString(plain, "")
		for _, w := range word.FindAllString(strings.ToLower(plain), -1) {
			if count[w]--; count[w] == -1 {
				t.Errorf("%s: %q is lost", file, w)
			}
		}
	}
}

// Code that is too wide means the same when it is folded.
func TestFoldedCode(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		language, line string
		want           []string
	}{
		{"sh", "vbcvault archive --older-than 90d --to s3://my-bucket/recordings --delete --plan p", []string{
			`vbcvault archive --older-than 90d --to s3://my-bucket/recordings \`, `    --delete --plan p`}},
		{"sh", "echo '" + strings.Repeat("a ", 40) + "'", []string{`echo \`, "    '" + strings.Repeat("a ", 40) + "'"}},
		{"sh", "  vbcvault status --id 193228              # everything about one recording", []string{"  # everything about one recording", "  vbcvault status --id 193228"}},
		{"sh", "# " + strings.Repeat("word ", 16) + "end", []string{"# " + strings.TrimSpace(strings.Repeat("word ", 13)), "# word word word end"}},
		{"yaml", "  vbc: {username: globex.bot, password: {exec: [/usr/bin/pass, show, vbc/globex]}}", []string{
			"  vbc: {username: globex.bot, password: {exec: [/usr/bin/pass,", "      show, vbc/globex]}}"}},
		{"yaml", "  text: a value that has, " + strings.Repeat("w", 60), []string{"  text: a value that has, " + strings.Repeat("w", 60)}},
		{"", "  receipts/key.txt           the key that signed it; compare it, do not trust it", []string{"  receipts/key.txt", "      the key that signed it; compare it, do not trust it"}},
		{"ini", strings.Repeat("long ", 20), []string{strings.Repeat("long ", 20)}},
		{"sh", strings.Repeat("é", widestCode), []string{strings.Repeat("é", widestCode)}},
	} {
		if got := folded(c.language, c.line); !slices.Equal(got, c.want) {
			t.Errorf("%q:\n%q, want\n%q", c.line, got, c.want)
		}
	}
}

// The page of a command has its help: each way to use it, its flags and examples, and what
// is near.
func TestPageOfACommand(t *testing.T) {
	t.Parallel()
	cmd := &cobra.Command{
		Use: "add (--id ID | --all)... --by NAME | --key", Short: "Put it under a hold", Run: func(*cobra.Command, []string) {},
		Long:    "Add puts it under a hold, on-demand too, with --by. See vbcvault help hold,\nvbcvault export --help.\n\nCodes:\n  0    done,\n       or not\n  LONG NAME\n      All of it.\n\n  vbcvault add --all",
		Example: "  # The first,\n  # of two.\n  vbcvault hold add --all\n\n  # The second.\n  vbcvault hold add --id 1",
	}
	cmd.Flags().String("by", "me", "the `NAME` of who decides; all NAMEs, see --key")
	cmd.Flags().BoolP("all", "a", false, "everything")
	cmd.Flags().Bool("secret", false, "not for everybody")
	_ = cmd.Flags().MarkHidden("secret")
	cmd.Flags().SortFlags = false
	hold := &cobra.Command{Use: "hold"}
	hold.AddCommand(cmd, &cobra.Command{Use: "list", Short: "List", Run: func(*cobra.Command, []string) {}})
	root := &cobra.Command{Use: "vbcvault"}
	root.AddCommand(hold)
	b := &Book{Source: "vbcvault v1", Date: day, Topics: []string{"hold"}}
	want := `.TH VBCVAULT\-HOLD\-ADD 1 2026-01-31 "vbcvault v1" "Manual of vbcvault"
.nh
.ad l
.SH NAME
vbcvault\-hold\-add \- Put it under a hold
.SH SYNOPSIS
\fBvbcvault hold add\fR (\fB\-\-id\fR \fIID\fR | \fB\-\-all\fR)...\&
\fB\-\-by\fR \fINAME\fR [options]
.br
\fBvbcvault hold add\fR \fB\-\-key\fR [options]
.SH DESCRIPTION
Add puts it under a hold, on\-demand too, with \fB\-\-by\fR. See
\fBvbcvault\-hold\fR(7), \fBvbcvault\-export\fR(1).
.PP
Codes:
.TP
\fB0\fR
done, or not
.TP
\fBLONG NAME\fR
.PP
All of it.
.IP "" 2
.EX
vbcvault add \-\-all
.EE
.nh
.SH OPTIONS
.TP
\fB\-\-by\fR \fINAME\fR
the \fINAME\fR of who decides; all \fINAME\fRs, see \fB\-\-key\fR (default
\(dqme\(dq)
.TP
\fB\-a\fR, \fB\-\-all\fR
everything
.TP
\fB\-h\fR, \fB\-\-help\fR
help for add
.SH ENVIRONMENT
.TP
\fBX\fR
a variable
.SH EXAMPLES
The first, of two.
.IP "" 2
.EX
vbcvault hold add \-\-all
.EE
.nh
.PP
The second.
.IP "" 2
.EX
vbcvault hold add \-\-id 1
.EE
.nh
.SH "SEE ALSO"
\fBvbcvault\fR(1), \fBvbcvault\-hold\fR(1), \fBvbcvault\-hold\-list\fR(1),
\fBvbcvault\-hold\fR(7)
`
	if got := string(b.Command(cmd, []Section{{"ENVIRONMENT", "  X    a variable"}}, []string{"hold"})); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}
