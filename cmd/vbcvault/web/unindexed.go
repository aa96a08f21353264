package web

import (
	"context"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

// unindexed says that not all transcripts can be found by their words yet. Whoever sees
// only a part of the calls isn't told how many there are.
func (s *Server) unindexed(ctx context.Context, vaults []*Vault, scope manifest.Scope) string {
	var has, lacks int64
	for _, v := range vaults {
		m, err := v.Manifest(ctx)
		if err != nil {
			continue // the search has said so
		}
		h, l, err := m.Indexed(ctx)
		if err != nil {
			continue
		}
		has, lacks = has+h, lacks+l
	}
	switch {
	case lacks == 0:
		return ""
	case scope.Extensions != nil || !scope.Since.IsZero():
		return "Not all transcripts can be searched by their words yet, so there may be more calls. The newest come first; look again later."
	}
	return itoa(lacks) + " of " + itoa(has+lacks) + " transcripts can't be searched by their words yet, so there may be more calls. The newest come first; those in cold storage can't be searched."
}
