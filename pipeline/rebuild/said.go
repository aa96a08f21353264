package rebuild

import (
	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

// everSaid is what VBC has said of a call whenever it was archived, for holds.
func everSaid(row manifest.Row, all []layout.Said) []manifest.Said {
	for _, s := range all {
		if s.Wrong == nil {
			row = manifest.EverSaid(row.Recording, string(s.Recording.Raw), row.Said)
		}
	}
	return row.Said
}
