package manifest

import (
	"context"
	"time"

	"github.com/vbcvault/vbcvault/vbc"
)

// Exports are export jobs at VBC that were started and not used up.
type Exports interface {
	// Exports returns the jobs of a collection that were started with a filter and
	// are not forgotten, the oldest slice first.
	Exports(ctx context.Context, kind vbc.Kind, owner, filter string) ([]Export, error)
	// SetExport writes down a job that was started, or what is known of it now.
	SetExport(ctx context.Context, kind vbc.Kind, owner string, e Export) error
	// ForgetExport writes down that a job is of no use any more.
	ForgetExport(ctx context.Context, job string) error
}

// Export is an export job of a slice of a collection's listing.
type Export struct {
	Job          string
	Filter       string    // what was packed of the slice, "" = all
	Since, Until time.Time // Until excluded
	Valid        time.Time // until then; zero: VBC hasn't said
	Listed       []string  // names of all that VBC's listing had there when the job was started, as the caller writes them
}
