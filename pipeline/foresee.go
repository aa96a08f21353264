package pipeline

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/vbc"
)

// Outlook is what the next run would do with one recording if it is told the same
// as the last one, and finds everything as the manifest has it. Its JSON is a
// contract.
type Outlook struct {
	Steps []string `json:"steps"`          // in this order, some of the words below; none = nothing
	Code  string   `json:"code,omitempty"` // of why it is left alone or held back, see package code
	Why   string   `json:"why"`            // the same for people

	// Unknown is what the run will find out and the manifest doesn't know, where
	// that may change its mind.
	Unknown []string `json:"unknown,omitempty"`

	Cutoff  time.Time            `json:"cutoff,omitzero"`   // that the run would have now
	Assumed *manifest.RunOptions `json:"assumed,omitempty"` // the last run's; nil: there is none, or they can't be read
}

// The words for what a run does with a recording.
const (
	StepCompare  = "compare"   // ask VBC once more for audio that another recording has too, or that was found in the archive
	StepArchive  = "archive"   // bring what is lacking into the destination
	StepProve    = "prove"     // have the destination confirm the copy
	StepSettle   = "settle"    // find out what became of a deletion that was begun
	StepDelete   = "delete"    // delete it at VBC
	StepWriteOff = "write-off" // note that VBC has it no more, and send no DELETE
)

// Foreseen is what Foresee asks a manifest.
type Foreseen interface {
	manifest.Runs
	manifest.Holds
	Self(ctx context.Context) (string, error)
	Resting(ctx context.Context, sel manifest.Selection) ([]manifest.Row, error)
}

// Foresee says what the next run would do with a recording of a manifest, which
// may be open for reading. It asks the same policy as a run, and nobody else.
func Foresee(ctx context.Context, m Foreseen, row manifest.Row, now time.Time) (Outlook, error) {
	out, settled := settledAlready(row)
	if settled {
		return out, nil
	}
	runs, err := m.Runs(ctx, 1)
	if err != nil {
		return Outlook{}, err
	}
	if len(runs) == 0 || runs[0].Options == nil {
		return Outlook{Steps: []string{}, Why: "the options of the next run are unknown: the manifest has no earlier run whose options can be read"}, nil
	}
	told := *runs[0].Options
	p, err := policyLike(ctx, m, told, now)
	if err != nil {
		return Outlook{}, err
	}
	out = p.foresee(row, told)
	out.Cutoff, out.Assumed = p.Cutoff, runs[0].Options
	if len(out.Steps) == 0 || row.State == manifest.Purging {
		return out, nil
	}
	resting, err := m.Resting(ctx, manifest.Selection{Run: -1, Before: p.Cutoff, RetryFailed: p.RetryFailed, EqualAudio: p.AcceptEqualAudio})
	if err != nil {
		return Outlook{}, err
	}
	if slices.ContainsFunc(resting, func(r manifest.Row) bool {
		return r.Kind == row.Kind && r.Owner == row.Owner && r.ID == row.ID && r.Nth == row.Nth
	}) {
		out.Steps, out.Unknown, out.Code = []string{}, nil, code.Resting
		out.Why = fmt.Sprintf("it %s (%d failed runs so far, the last one on %s)", code.About(code.LeftAlone, code.Resting).Meaning,
			row.Failure.Attempts, row.Failure.At.Format(time.RFC3339))
	}
	return out, nil
}

// settledAlready is the outlook of what no run does anything with, whatever it is
// told.
func settledAlready(row manifest.Row) (Outlook, bool) {
	why := map[manifest.State]string{
		manifest.Purged:  "it is archived and deleted at VBC; a run handles it again only if VBC lists it again",
		manifest.Gone:    "VBC no longer has it, and there is no copy; a run handles it again only if VBC lists it again",
		manifest.Erasing: "it is being erased from the archive; run vbcvault erase again to finish",
		manifest.Erased:  "it was erased from the archive on request",
	}[row.State]
	return Outlook{Steps: []string{}, Why: why}, why != ""
}

// policyLike is the policy of a run that is told the same as an earlier one.
func policyLike(ctx context.Context, m Foreseen, told manifest.RunOptions, now time.Time) (*policy, error) {
	p := &policy{Options: optionsOf(told), facts: &facts{transcripts: newTranscripts(), started: now}}
	if p.Age > 0 {
		p.Cutoff = now.Add(-p.Age)
	}
	var err error
	if p.holds, err = m.Holds(ctx); err != nil {
		return nil, err
	}
	self, err := m.Self(ctx)
	if err != nil {
		return nil, err
	}
	for _, u := range p.Users {
		if u == "self" {
			u = self
		}
		if u != "" {
			p.users.add(u)
		}
	}
	return p, nil
}

// foresee says what a run with this policy does with a row that isn't settled.
func (p *policy) foresee(row manifest.Row, told manifest.RunOptions) Outlook {
	out := Outlook{Steps: []string{}}
	why := p.leftAlone(row.Recording)
	if why != "" && row.State != manifest.Purging {
		out.Code, out.Why = why, p.explain(row, why)
		return out
	}
	may, held := p.mayPurge(row)
	if may && p.MaxDeletes != nil && *p.MaxDeletes == 0 {
		may, held = false, code.MaxDeletes
	}
	switch {
	case row.State == manifest.Purging:
		out.Steps, out.Why = append(out.Steps, StepSettle), "its deletion at VBC was started, and the outcome is unknown"
	case !row.Copy.Known() && row.Displaced:
		out.Steps, out.Why = append(out.Steps, StepWriteOff), "VBC now has another recording with its id, and there is no copy"
		return out
	case row.Copy.ArchivedAt.IsZero() || row.State == manifest.Listed:
		out.Steps, out.Why = append(out.Steps, StepArchive, StepProve), "there is no verified copy yet"
	case row.State != manifest.Verified || row.Refuted:
		out.Steps, out.Why = append(out.Steps, StepProve), "its copy must be verified again, and is archived again if it is damaged or missing"
	case may:
		out.Steps = append(out.Steps, StepProve)
	}
	found := may && p.mustCompare(row) && !row.Displaced
	if row.Alike == manifest.Suspect && row.Copy.Known() || found {
		out.Steps = append([]string{StepCompare}, out.Steps...)
	}
	if found {
		out.Why = also(out.Why, "no signed receipt vouches for its copy, which was found in the archive: it is compared with one download first")
	}
	switch {
	case may && row.Displaced: // its id is another's: no DELETE is sent under it
		out.Steps = append(out.Steps, StepWriteOff)
		out.Why = also(out.Why, "VBC now has another recording with its id, so it no longer has this one")
	case may:
		out.Steps = append(out.Steps, StepDelete)
		out.Why = also(out.Why, "the run deletes recordings whose copies are verified")
	default:
		if held == "" {
			held = code.NoDelete
			if p.Delete {
				held = why // purging, and not for this run to go on with
			}
		}
		out.Code, out.Why = held, also(out.Why, "it stays at VBC: "+p.explain(row, held))
	}
	if row.Reappeared && !may && row.State != manifest.Purging && !p.held(row) {
		out.Why = also(out.Why, "it counts as failed until then, since VBC lists it although it had confirmed its deletion")
	}
	out.Unknown = p.unknown(row, told, may)
	return out
}

func also(a, b string) string {
	if a == "" {
		return b
	}
	return a + "; " + b
}

// explain says why a recording is left alone or held back, with what there is to
// say of this one.
func (p *policy) explain(row manifest.Row, why string) string {
	text := code.About(code.LeftAlone, why).Meaning
	if text == "" {
		text = "it is " + code.About(code.HeldBack, why).Meaning
		if what, has := strings.CutPrefix(text, "it is with "); has {
			text = "it has " + what
		}
	}
	switch why {
	case code.TooNew:
		text += " (" + p.Cutoff.UTC().Format(time.RFC3339) + ")"
	case code.BeforeFrom:
		text += " (" + p.Since.UTC().Format(time.RFC3339) + ")"
	case code.Hold:
		h, _ := manifest.Covering(p.holds, row)
		text += fmt.Sprintf(" (hold %d)", h.Number)
	case code.TooYoung:
		archived := row.Copy.ArchivedAt
		if archived.IsZero() {
			archived = p.started
		}
		text += fmt.Sprintf(" (the deletion is allowed from %s on)", archived.Add(p.DeleteAfter).UTC().Format(time.RFC3339))
	}
	return text
}

// unknown is what may change a run's mind and isn't in the manifest.
func (p *policy) unknown(row manifest.Row, told manifest.RunOptions, may bool) (all []string) {
	if told.Filter != "" {
		all = append(all, "whether the run's filter selects it: the manifest does not keep the last run's filter")
	}
	if p.mayFindTranscript(row) {
		all = append(all, "whether VBC has a transcript of it, which would be archived too, before a deletion")
	}
	if !may {
		return all
	}
	if told.Plan != "" {
		all = append(all, "whether a plan lists it: the last run had a plan, and the manifest does not keep its content")
	}
	if p.MaxDeletes != nil {
		all = append(all, fmt.Sprintf("whether it is among the first %d: the run deletes no more than that (--max-deletes)", *p.MaxDeletes))
	}
	return all
}

// mayFindTranscript reports whether VBC may list a transcript that the copy lacks.
func (p *policy) mayFindTranscript(row manifest.Row) bool {
	return row.Copy.Transcript.Key == "" && !p.NoTranscripts && row.Kind == vbc.Company && !row.Displaced
}
