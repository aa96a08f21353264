package holding

import (
	"context"
	"fmt"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

// OpenError says that deletions of what a hold covers had been begun when it was made,
// and that nobody knows yet what became of them.
type OpenError struct {
	Hold      int64 // its number
	Deletions int
	Why       string
}

func (e *OpenError) Error() string {
	return fmt.Sprintf("hold %d is in force, but deletions of recordings that it covers were already in progress (%d), and their outcome is unknown: %s. "+
		"Each recording has a verified copy in the archive. The next run of vbcvault archive finds out, and deletes none that VBC still has", e.Hold, e.Deletions, e.Why)
}

// AwaitDeletions waits until it is known what has become of the deletions, of
// recordings that a hold covers, that had been begun when it was made. A run sends
// none any more of which it hears that it is held; those that were sent before
// are answered within a minute. What a run that was interrupted has begun stays
// open until the next one: then, and when the wait is over, the error is an *OpenError.
// began, unless it is nil, is told once of so many that are waited for.
func AwaitDeletions(ctx context.Context, m manifest.Opened, h manifest.Hold, wait time.Duration, began func(deletions int)) error {
	end := time.NewTimer(wait)
	defer end.Stop()
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	for first := true; ; first = false {
		n, err := m.UnderWay(ctx, h)
		if err != nil || n == 0 {
			return err
		}
		used, err := m.InUse(ctx)
		if err != nil {
			return err
		}
		if !used {
			return &OpenError{h.Number, n, "the run that started them was interrupted"}
		}
		if first && began != nil {
			began(n)
		}
		select {
		case <-look.C:
		case <-end.C:
			return &OpenError{h.Number, n, "the run that started them has not finished them in time"}
		case <-ctx.Done():
			return &OpenError{h.Number, n, "the wait was interrupted"}
		}
	}
}
