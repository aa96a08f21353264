package main_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
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
all codes that begin like it. Where "what to do" is empty, the message or ` + "`vbcvault status`" + ` says what to do. What
` + "`vbcvault audit`" + ` finds has codes of its own: [evidence](evidence.md#what-audit-finds).
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
		writeCodes(&b, t.table)
	}
	return b.String()
}

func writeCodes(b *strings.Builder, table []code.Entry) {
	advice := false
	for _, e := range table {
		advice = advice || e.Advice != ""
	}
	if advice {
		b.WriteString("| code | meaning | what to do |\n|---|---|---|\n")
	} else {
		b.WriteString("| code | meaning |\n|---|---|\n")
	}
	for _, e := range table {
		fmt.Fprintf(b, "| `%s` | %s |", e.Code, e.Meaning)
		if advice {
			fmt.Fprintf(b, " %s |", e.Advice)
		}
		b.WriteString("\n")
	}
}

// writeFindings writes an advice that many codes share once, above the table of these.
func writeFindings(b *strings.Builder, table []code.Entry) {
	const many = 3
	shared := map[string][]code.Entry{}
	var advices []string
	for _, e := range table {
		if len(shared[e.Advice]) == 0 {
			advices = append(advices, e.Advice)
		}
		shared[e.Advice] = append(shared[e.Advice], code.Entry{Code: e.Code, Meaning: e.Meaning})
	}
	for _, advice := range advices {
		if len(shared[advice]) >= many {
			fmt.Fprintf(b, "%s%s:\n\n", strings.ToUpper(advice[:1]), advice[1:])
			writeCodes(b, shared[advice])
			b.WriteString("\n")
		}
	}
	b.WriteString("The others:\n\n")
	writeCodes(b, slices.DeleteFunc(slices.Clone(table), func(e code.Entry) bool { return len(shared[e.Advice]) >= many }))
}

// auditPage is what the manual says of what audit finds.
func auditPage() string {
	var b strings.Builder
	b.WriteString(`## What audit finds

` + "`audit`" + ` names each finding with a code, a short word that stays the same in every version; ` + "`--json`" + ` has them in
` + "`findings`" + `. These speak against the receipts, and the exit code is 1. No run takes over what isn't signed.

`)
	writeFindings(&b, code.Audited)
	b.WriteString("\nThese are remarks, and the exit code is 0:\n\n")
	writeCodes(&b, code.Remarked)
	return b.String()
}

// The manual has every code, with the meaning and the advice that the program gives
// it. -update-codes writes them there.
func TestCodesOfTheManual(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{"topics/troubleshooting.md": codesPage(), "topics/evidence.md": auditPage()} {
		text := readText(t, path)
		heading, _, _ := strings.Cut(want, "\n")
		from := strings.Index(text, heading+"\n")
		if from < 0 {
			t.Fatal(path + " has no section about codes")
		}
		until := from + 1 + strings.Index(text[from+1:], "\n## ")
		if text[from:until] == want {
			continue
		}
		if !*updateCodes {
			t.Fatal("the codes in " + path + " are not the program's: go test ./cmd/vbcvault -run TestCodesOfTheManual -update-codes")
		}
		if err := os.WriteFile(path, []byte(text[:from]+want+text[until:]), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
