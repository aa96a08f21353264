package main_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/vbcvault/vbcvault/pipeline/code"
)

var updateCodes = flag.Bool("update-codes", false, "write the codes into the manual as the program has them")

// codesPage is what the manual says of codes.
func codesPage() string {
	var b strings.Builder
	b.WriteString(`## By code

Failures, reasons and troubles have a code, a short word that stays the same in every version. ` + "`vbcvault status`" + `
shows it, and ` + "`--json`" + ` has it as ` + "`code`" + `. The text beside a code may change. A code that ends in ` + "`*`" + ` here stands for
all codes that begin like it. Where "what to do" is empty, the message or ` + "`vbcvault status`" + ` says what to do.
`)
	for _, t := range []struct {
		title, about string
		table        []code.Entry
	}{
		{"Why a recording failed", "The recording stays at VBC, and the next run retries it.", code.Failures},
		{"Why a recording is held back", "A run with `--delete` archives it, and does not delete it at VBC.", code.HeldBack},
		{"Why a run leaves a recording alone", "The run is not about it, or deletes nothing.", code.LeftAlone},
		{"What is wrong with VBC's listings", "The exit code is 1 until it is over or [acknowledged](#trouble-with-vbcs-listings).", code.Troubles},
		{"Why a command ended early", "The message beside the code has advice of its own.", code.Ended},
	} {
		fmt.Fprintf(&b, "\n### %s\n\n%s\n\n", t.title, t.about)
		advice := false
		for _, e := range t.table {
			advice = advice || e.Advice != ""
		}
		if advice {
			b.WriteString("| code | meaning | what to do |\n|---|---|---|\n")
		} else {
			b.WriteString("| code | meaning |\n|---|---|\n")
		}
		for _, e := range t.table {
			fmt.Fprintf(&b, "| `%s` | %s |", e.Code, e.Meaning)
			if advice {
				fmt.Fprintf(&b, " %s |", e.Advice)
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}

// Troubleshooting has every code, with the meaning and the advice that the program
// gives it. -update-codes writes them there.
func TestCodesOfTheManual(t *testing.T) {
	t.Parallel()
	const path = "topics/troubleshooting.md"
	text := readText(t, path)
	from := strings.Index(text, "## By code\n")
	if from < 0 {
		t.Fatal("there is no section about codes")
	}
	until := from + 1 + strings.Index(text[from+1:], "\n## ")
	if want := codesPage(); text[from:until] != want {
		if !*updateCodes {
			t.Fatal("the codes in " + path + " are not the program's: go test ./cmd/vbcvault -run TestCodesOfTheManual -update-codes")
		}
		if err := os.WriteFile(path, []byte(text[:from]+want+text[until:]), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
