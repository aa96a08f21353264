package main

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/holding"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/story"
	"github.com/vbcvault/vbcvault/pipeline"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

func (all stories) print(s streams) {
	fmt.Fprintf(s.out, "manifest     %s\naccount      %s\ndestination  %s\n", all.Manifest, orNone(all.Account), orNone(all.Destination))
	if len(all.Recordings) > 1 {
		fmt.Fprintf(s.out, "\n%d recordings have had this id; the last one below is the one that VBC has now.\n", len(all.Recordings))
	}
	for _, st := range all.Recordings {
		printStory(s, st)
	}
}

func printStory(s streams, st story.Story) {
	fmt.Fprintf(s.out, "\n%s of %s\n%s: %s\n", st.Recording, st.Start.UTC().Format(time.RFC3339), st.State, st.Means)
	if st.Displaced {
		fmt.Fprintln(s.out, "VBC now has another recording with its id")
	}
	if st.Damaged != "" {
		fmt.Fprintf(s.out, "LOST unless another copy exists: %s\n", st.Damaged)
	}
	if c := st.Copy; c != nil {
		which := "copy"
		switch {
		case st.State == manifest.Erasing || st.State == manifest.Erased:
			which = "erased copy"
		case !c.Proven:
			which = "copy, not verified"
		}
		fmt.Fprintf(s.out, "%s: %s (%s, SHA-256 %s)\n  metadata: %s\n", which, c.Audio.Key, humanize.IBytes(uint64(max(c.Audio.Size, 0))), c.Audio.SHA256, c.Sidecar.Key)
		if c.Transcript != nil {
			fmt.Fprintf(s.out, "  transcript: %s\n", c.Transcript.Key)
		}
	}
	if st.Unvouched {
		fmt.Fprintln(s.out, "stored, not by us: the copy was found in the archive, and no signed receipt vouches for it")
	}
	printEvents(s, st.Events)
	if st.Failure != nil {
		fmt.Fprintf(s.out, "\nWhat to do about the failure: %s\n", st.Advice)
	}
	for _, h := range st.Holds {
		h.Hold.Lost = h.Lost
		fmt.Fprintf(s.out, "\nHeld by hold %d: %s\n", h.Number, holding.Covered(h.Hold))
	}
	for i, t := range st.Troubles {
		if i == 0 {
			fmt.Fprintln(s.out, "\nWhat is wrong with VBC's listing:")
		}
		fmt.Fprintf(s.out, "  %s since %s: %s\n", t.Name, t.Since.Format(time.RFC3339), t.Reason)
	}
	printOutlook(s, st.Next)
}

func printEvents(s streams, events []story.Event) {
	w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	defer w.Flush()
	for i, e := range events {
		if i == 0 {
			fmt.Fprintln(w)
		}
		what, text := e.What, e.Text
		if what == "listened" { // somebody's own words, from a page
			text = printable(text, manifest.MaxWhy)
		}
		if e.Receipt > 0 {
			what += fmt.Sprintf(" (receipt %d)", e.Receipt)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", e.At.UTC().Format(time.RFC3339), what, text)
	}
}

// printOutlook says what the next run would do, and what that is reckoned from.
func printOutlook(s streams, o pipeline.Outlook) {
	fmt.Fprintf(s.out, "\nWhat the next run would do: %s\n  why: %s%s\n", story.Does(o), story.Bracketed(o.Code), o.Why)
	if what := story.WhyLeft(o); what != "" {
		fmt.Fprintf(s.out, "  to change that: %s\n", what)
	}
	for _, u := range o.Unknown {
		fmt.Fprintf(s.out, "  not known yet: %s\n", u)
	}
	if o.Assumed != nil {
		fmt.Fprintf(s.out, "  with the options of the last run: %s\n", told(*o.Assumed))
	}
}

// told is what of a run's options decides about recordings, as its flags are.
func told(o manifest.RunOptions) string {
	words := []string{"--before " + o.Cutoff.UTC().Format(time.RFC3339)}
	if o.OlderThan > 0 {
		words[0] = "--older-than " + ageText(time.Duration(o.OlderThan))
	}
	if !o.Since.IsZero() {
		words = append(words, "--since "+o.Since.UTC().Format(time.RFC3339))
	}
	if len(o.Kinds) > 0 {
		words = append(words, "--kind "+strings.ReplaceAll(joinKinds(o.Kinds), " and ", ","))
	}
	if strings.Contains(strings.Join(words, " "), "on-demand") && len(o.Users) > 0 {
		words = append(words, "--users "+strings.Join(o.Users, ","))
	}
	if o.Filter != "" {
		words = append(words, "a filter")
	}
	if o.Delete {
		words = append(words, "--delete")
	}
	if o.DeleteAfter > 0 {
		words = append(words, "--delete-after "+ageText(time.Duration(o.DeleteAfter)))
	}
	if o.MaxDeletes != nil {
		words = append(words, fmt.Sprintf("--max-deletes %d", *o.MaxDeletes))
	}
	for _, f := range []struct {
		on   bool
		flag string
	}{
		{o.Plan != "", "a confirmed plan"}, {o.NoTranscripts, "--no-transcripts"}, {o.RetryFailed, "--retry-failed"}, {o.AcceptEqualAudio, "--accept-equal-audio"}, {o.AllowExpiring, "--allow-expiring"},
	} {
		if f.on {
			words = append(words, f.flag)
		}
	}
	return strings.Join(words, " ")
}

// ageText is an age as flags take it.
func ageText(d time.Duration) string {
	if day := 24 * time.Hour; d%day == 0 {
		return fmt.Sprintf("%dd", d/day)
	}
	return d.String()
}
