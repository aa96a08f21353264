package report

import (
	"context"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

// listenings counts who has listened within the period.
func (g *gathering) listenings(ctx context.Context) error {
	counts, err := g.m.Listened(ctx, g.period.Since, g.period.Until)
	g.Listenings = append(g.Listenings, counts...)
	return err
}

// howSays is a way of getting to know what was said, in words.
func howSays(h manifest.How) string {
	return map[manifest.How]string{
		manifest.Played: "played", manifest.Downloaded: "downloaded", manifest.Exported: "exported with others", manifest.Read: "transcript read",
	}[h]
}
