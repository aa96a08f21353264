package story

import (
	"fmt"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/overview"
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
