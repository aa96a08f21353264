package archive

import (
	"context"
	"slices"

	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

// tellOfHolds says which holds that have ended keep the number of a caller whose
// call is erased, whichever of its rows they cover. A hold, and why it ended, is evidence of its own, so erasing a
// recording leaves it; whoever has to remove the number as well must know where
// it is.
func (a *Archive) tellOfHolds(ctx context.Context, rows []manifest.Row) error {
	holds, err := a.manifest.Holds(ctx)
	if err != nil {
		return err
	}
	for _, h := range holds {
		if h.Removed == nil || !slices.ContainsFunc(rows, h.Names) {
			continue
		}
		key := layout.Holds(a.account) + h.Digest.String() + ".json"
		a.log.Warn("a removed hold still contains this caller's number, in the manifest and beside the archive; erasing the recording does not change that. "+
			"If the number must go too, delete the object in all versions, and create a new manifest with vbcvault rebuild", "hold", h.Number, "object", key)
	}
	return nil
}
