package main

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/dustin/go-humanize/english"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/overview"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/story"
	"github.com/vbcvault/vbcvault/pipeline"
	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/vbc"
)

func printStatus(s streams, st *overview.Overview) {
	fmt.Fprintf(s.out, "manifest     %s\naccount      %s\ndestination  %s\n\n", st.Manifest, orNone(st.Account), orNone(st.Destination))
	w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	for _, t := range st.States {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s – %s\t%s\n", t.State, humanize.Comma(t.Recordings), humanize.IBytes(uint64(t.Bytes)),
			t.Oldest.Format(time.DateOnly), t.Newest.Format(time.DateOnly), story.Meaning[t.State])
	}
	w.Flush()
	if st.Left.Archive+st.Left.Delete > 0 {
		fmt.Fprintf(s.out, "\nLeft: %s to archive, %s to delete; %s\n", humanize.Comma(st.Left.Archive), humanize.Comma(st.Left.Delete),
			estimate(st.Left.Requests, vbc.Quota{Interval: time.Duration(st.Left.Interval * float64(time.Second))}))
	}
	if st.Left.Compare > 0 {
		fmt.Fprintf(s.out, "\nStored, not by us: %s; no signed receipt vouches for their copies, so a run with --delete compares each with one download first\n",
			english.Plural(int(st.Left.Compare), "recording", ""))
	}
	if st.Holds > 0 {
		fmt.Fprintf(s.out, "\nLegal holds in force: %d; they keep %s known recordings at VBC (vbcvault hold list)\n", st.Holds, humanize.Comma(st.Left.Held))
	}
	if st.Late != nil {
		fmt.Fprintf(s.out, "\nLate at VBC: %s appeared %s after it should have been listed (the latest so far)\n", st.Late.Recording, days(st.Late.By))
	}
	printTroubles(s, st)
	for i, r := range st.Runs {
		if i == 0 {
			fmt.Fprintln(s.out, "\nLatest runs:")
		}
		end := "interrupted, or still in progress"
		if !r.Finished.IsZero() {
			end = "took " + r.Finished.Sub(r.Started).Round(time.Second).String() + describe(r.Summary)
		}
		fmt.Fprintf(s.out, "  %s  %s\n", r.Started.Format(time.RFC3339), end)
	}
	for i, f := range st.Failures {
		if i == 0 {
			fmt.Fprintln(s.out, "\nFailed (the next run retries; after three failed runs, once a day):")
		}
		fmt.Fprintf(s.out, "  %s of %s: %s%s\n    %s; failed in %s\n", f.Recording, f.Start.Format(time.RFC3339), story.Bracketed(f.Code), f.Reason, story.Advice(f),
			english.Plural(f.Attempts, "run", ""))
	}
	for i, f := range st.Damaged {
		if i == 0 {
			fmt.Fprintln(s.out, "\nLOST unless another copy exists (VBC no longer has these, and their copies are damaged or missing):")
		}
		fmt.Fprintf(s.out, "  %s of %s: %s\n", f.Recording, f.Start.Format(time.RFC3339), f.Reason)
	}
	if len(st.Failures) == overview.Shown {
		fmt.Fprintf(s.out, "  There may be more: only the latest %d are shown\n", overview.Shown)
	}
}

// printTroubles lists what keeps the account from being done for sure.
func printTroubles(s streams, st *overview.Overview) {
	for i, t := range st.Troubles {
		if i == 0 {
			fmt.Fprintln(s.out, "\nTrouble with VBC's listings (exit code 1 until it ends, or is acknowledged):")
		}
		if i == overview.Shown {
			fmt.Fprintf(s.out, "  and %d more; --json lists all\n", len(st.Troubles)-i)
			return
		}
		what := "vbcvault acknowledge --trouble " + t.Name + " --reason …"
		if t.Acknowledged != "" {
			what = "acknowledged: " + t.Acknowledged
		} else if mend := code.About(code.Troubles, t.Code).Advice; mend != "" {
			what = mend + "; if you can't fix it, " + what
		}
		fmt.Fprintf(s.out, "  %s since %s: %s\n    %s\n", t.Name, t.Since.Format(time.RFC3339), t.Reason, what)
	}
}

// days says a long time for people.
func days(d time.Duration) string {
	if d < 48*time.Hour {
		return fmt.Sprintf("%.0f hours", d.Hours())
	}
	return fmt.Sprintf("%.0f days", d.Hours()/24)
}

// describe says in words what a run's summary says in JSON.
func describe(summary json.RawMessage) string {
	var s pipeline.Summary
	if json.Unmarshal(summary, &s) != nil {
		return ""
	}
	text := fmt.Sprintf(": listed %d, archived %d, deleted %d, held back %d, failed %d", s.Listed, s.Archived, s.Deleted, s.Skipped, s.Failed)
	if why := heldBack(s.HeldBackBy); why != "" {
		text += "\n    held back: " + why
	}
	if s.Stopped != "" {
		text += "\n    " + s.Stopped
	}
	return text
}

func orNone(s string) string {
	if s == "" {
		return "(none yet)"
	}
	return s
}
