package main

import (
	"context"
	"fmt"
	"time"

	"github.com/vbcvault/vbcvault/pipeline"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/storage"
)

// habits is what a manifest knows of VBC's.
type habits interface {
	manifest.Listings
	manifest.Runs
}

// diagnoseHabits says what earlier runs have seen of when recordings come to
// VBC's listings, and when they leave them, and whether runs are made for that.
func diagnoseHabits(ctx context.Context, m habits) (out []storage.Finding, err error) {
	late, err := m.Late(ctx)
	if err != nil {
		return nil, err
	}
	if late.By > 0 {
		out = append(out, diagnoseLate(late))
	}
	retention, err := m.Retention(ctx)
	if err != nil || retention == 0 {
		return out, err
	}
	runs, err := m.Runs(ctx, 1)
	if err != nil {
		return nil, err
	}
	var age time.Duration
	if len(runs) > 0 && runs[0].Options != nil {
		age = runs[0].Started.Sub(runs[0].Options.Cutoff)
	}
	return append(out, diagnoseRetention(retention, age, late.By)), nil
}

// diagnoseLate looks whether a night without --delete would find what comes late.
func diagnoseLate(late manifest.Late) storage.Finding {
	const check = "late recordings"
	came := fmt.Sprintf("%s of %s appeared late: %s after it should have been listed, the latest so far", late.Recording, late.Start.Format(time.RFC3339), days(late.By))
	if late.By <= pipeline.Overlap {
		return found(check, nil, came+". Each run lists the last 3 days again")
	}
	return warning(check, came+". A run without --delete lists only the last 3 days again, so only a listing of everything finds such recordings",
		"list everything more often: --full-scan-every 7d; runs with --delete always list everything")
}

// diagnoseRetention looks whether recordings are archived before they leave VBC.
// age is how old they are when the latest run archived them.
func diagnoseRetention(retention, age, late time.Duration) storage.Finding {
	const check = "retention at VBC"
	gone := fmt.Sprintf("VBC seems to delete recordings by itself after about %s", days(retention))
	if age+max(late, pipeline.Overlap) < retention {
		return found(check, nil, gone+fmt.Sprintf("; the latest run archived recordings older than %s", days(age)))
	}
	return warning(check, gone+fmt.Sprintf(", and the latest run archived recordings older than %s: after one missed run, or if a recording appears late, recordings are deleted before they are archived", days(age)),
		"archive earlier: a smaller --older-than; deleting them at VBC can wait, with --delete-after")
}
