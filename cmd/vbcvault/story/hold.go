package story

import (
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/storage"
)

// Hold is a hold in JSON, with what isn't part of its text.
type Hold struct {
	Number int64          `json:"number"`
	Digest storage.Digest `json:"digest"`
	manifest.Hold
	Lost    bool              `json:"lost,omitempty"`
	Removed *manifest.Removal `json:"removed,omitempty"`
	InForce []Place           `json:"in_force,omitempty"`
}

// Place is where a hold is in force.
type Place struct {
	Manifest    string `json:"manifest"`
	Destination string `json:"destination"`
}

// Shown are holds as they are shown.
func Shown(holds []manifest.Hold) []Hold {
	out := make([]Hold, len(holds))
	for i, h := range holds {
		out[i] = Hold{Number: h.Number, Digest: h.Digest, Hold: h, Lost: h.Lost, Removed: h.Removed}
	}
	return out
}
