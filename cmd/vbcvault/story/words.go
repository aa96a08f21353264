package story

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/overview"
	"github.com/vbcvault/vbcvault/pipeline"
	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

// Meaning explains each state to somebody who hasn't read the design.
var Meaning = map[manifest.State]string{
	manifest.Listed:   "seen at VBC, not archived yet",
	manifest.Stored:   "not verified yet, or found damaged or missing",
	manifest.Verified: "archived and verified, still at VBC",
	manifest.Purging:  "archived and verified; its deletion was started, and the next run checks the outcome",
	manifest.Purged:   "archived and verified, deleted at VBC",
	manifest.Failed:   "failed in the last run, still at VBC",
	manifest.Gone:     "missing at VBC before it was archived",
	manifest.Erasing:  "being erased from the archive; run vbcvault erase again to finish",
	manifest.Erased:   "erased from the archive on request, deleted at VBC",
}

// Advice says what to do about a failure.
func Advice(f overview.Failure) string {
	switch about := code.About(code.Failures, f.Code); {
	case f.Acknowledged != "":
		return "acknowledged: " + f.Acknowledged
	case about.Advice != "":
		return about.Advice
	case f.Permanent:
		return fmt.Sprintf("this will probably not end by itself: check the recording in the VBC admin portal; if you can't fix it, vbcvault acknowledge --id %d --reason …", f.ID)
	}
	return "this may end by itself"
}

// Bracketed is a code before a text.
func Bracketed(code string) string {
	if code == "" {
		return ""
	}
	return "[" + code + "] "
}

// stepWords are the steps of a run for people. The words of --json are a contract.
var stepWords = map[string]string{
	pipeline.StepCompare:  "download it once more and compare",
	pipeline.StepArchive:  "archive it",
	pipeline.StepProve:    "verify the copy",
	pipeline.StepSettle:   "check the outcome of its deletion",
	pipeline.StepDelete:   "delete it at VBC",
	pipeline.StepWriteOff: "record that VBC no longer has it",
}

// Does is what the next run would do, in words.
func Does(o pipeline.Outlook) string {
	if len(o.Steps) == 0 {
		return "nothing"
	}
	words := make([]string, len(o.Steps))
	for i, step := range o.Steps {
		words[i] = cmp.Or(stepWords[step], step)
	}
	return strings.Join(words, ", then ")
}
