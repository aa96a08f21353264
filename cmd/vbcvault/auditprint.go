package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/vbcvault/vbcvault/pipeline/check"
	"github.com/vbcvault/vbcvault/pipeline/code"
)

// widestAudited is how wide the column of values may become.
const widestAudited = 24

// print prints the report.
func (f *auditFlags) print(out io.Writer, path string, a check.AuditResult) {
	fmt.Fprintf(out, "Receipts of recordings deleted at VBC\n\n")
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(name string, value any, note string) {
		text := fmt.Sprint(value)
		if len(text) > widestAudited { // a column as wide as a key would move all notes out of sight
			fmt.Fprintf(w, "%s\t%s  %s\n", name, text, note)
			return
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", name, text, note)
	}
	row("account", orNone(a.Account), "")
	row("destination", orNone(a.Destination), "")
	row("manifest", path, "")
	row("checked", a.At.Format(time.RFC3339), "by vbcvault "+programVersion())
	if a.Entries > 0 {
		row("period", a.First.Format(time.RFC3339), "to "+a.Last.Format(time.RFC3339))
	}
	row("deleted", humanize.Comma(a.Deleted), "VBC confirmed the deletion; a verified copy was recorded before each")
	row("not there", humanize.Comma(a.NotThere), "VBC no longer had them; each has a verified copy")
	row("audio", humanize.IBytes(uint64(a.Bytes)), "of these")
	row("still there", humanize.Comma(a.StillThere), "VBC kept them, or listed them again")
	row("not sent", humanize.Comma(a.NotSent), "their deletion was cancelled before it was sent")
	if a.Held > 0 {
		row("holds", humanize.Comma(a.Held), fmt.Sprintf("legal holds were added, %d of them removed", a.Released))
	}
	if a.Erased > 0 {
		row("erased", humanize.Comma(a.Erased), "from the archive, on request")
	}
	if a.Listened+a.Pending > 0 {
		row("listened", humanize.Comma(a.Listened+a.Pending), "times somebody has listened; vbcvault listenings shows who")
	}
	row("open", humanize.Comma(a.Open), "deletions with an unknown outcome; the next run checks those in its manifest")
	row("entries", humanize.Comma(a.Entries), "in chain "+a.Chain)
	if a.LastLease != nil {
		row("leases", humanize.Comma(a.Leases), fmt.Sprintf("under which machines wrote the entries; the last is lease %d of holder %s", a.LastLease.Fence, a.LastLease.Holder))
	}
	printLog(row, a)
	w.Flush()
	for _, r := range a.Remarks {
		fmt.Fprintln(out, "remark:", r)
	}
	if f.written {
		fmt.Fprintf(out,
			"The signed checkpoint is in %s. Keep it where nobody can change it who can change the archive "+
				"or the manifest.\n", f.witness)
	}
	if a.Entries == 0 && len(a.Others) > 0 {
		fmt.Fprintln(out,
			"\nThis manifest's own log is empty, as after vbcvault rebuild: the other logs were checked, "+
				"but are not counted above.")
	}
	if a.Intact() {
		fmt.Fprintln(out, "\nThe chain is intact.")
		return
	}
	fmt.Fprintln(out, "\nTHE RECEIPTS ARE NOT INTACT:")
	for _, found := range a.Findings {
		if found.Wrong {
			fmt.Fprintf(out, "  %s: %s\n", found.Code, found.Means)
		}
	}
	printAdvice(out, a)
	if f.witness != "" {
		fmt.Fprintln(out, "No checkpoint was written: it would vouch for receipts that are not intact.")
	}
}

// printLog prints how far the log has come, and what is known of others.
func printLog(row func(name string, value any, note string), a check.AuditResult) {
	if a.Entries > 0 {
		row("head", a.Head, "SHA-256 of the last entry")
		row("signed", humanize.Comma(a.Signed), "entries are covered by the last stored checkpoint")
		row("checkpoint", fmt.Sprintf("%s %d %s", a.Origin, a.Entries, a.Root), "origin, size, root")
	}
	if a.Key != "" {
		row("key", a.Key, "signs this log")
	}
	if a.Stored < 0 {
		row("stored", "not checked", "")
	} else {
		row("stored", humanize.Comma(a.Stored), "entries are also stored beside the archive")
	}
	for _, t := range a.Trusted {
		row("trusted key", t.Verifier, fmt.Sprintf("by %s, %s: %s", t.By, t.At.Format(time.DateOnly), t.Reason))
	}
	for _, o := range a.Others {
		row("other chain", o.Chain, fmt.Sprintf("%s entries, of another manifest of this account; signed by a known key: %s",
			humanize.Comma(o.Entries), humanize.Comma(o.Signed)))
	}
}

// printAdvice says once what to do about each kind of finding.
func printAdvice(out io.Writer, a check.AuditResult) {
	fmt.Fprintln(out, "\nWhat to do (vbcvault help evidence says more; no run takes over what isn't signed):")
	told := map[string]bool{}
	for _, found := range a.Findings {
		if e := code.About(code.Audited, found.Code); found.Wrong && !told[found.Code] {
			told[found.Code] = true
			fmt.Fprintf(out, "  %s: %s\n", found.Code, e.Advice)
		}
	}
}
