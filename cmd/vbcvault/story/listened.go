package story

import (
	"context"
	"iter"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

// Listened is who has listened to a recording, in the order of time. It isn't part of its
// story: not everybody who may see that may know this.
func Listened(ctx context.Context, m interface {
	Listenings(ctx context.Context, q manifest.ListeningQuery) iter.Seq2[manifest.Listening, error]
}, row manifest.Row,
) (all []Event, err error) {
	key := row.Key()
	for l, err := range m.Listenings(ctx, manifest.ListeningQuery{Key: &key, Nth: row.Nth}) {
		if err != nil {
			return nil, err
		}
		all = append(all, Event{At: l.At, What: "listened", Text: listenedSays(l)})
	}
	return all, nil
}

func listenedSays(l manifest.Listening) string {
	text := map[manifest.How]string{
		manifest.Played: "played", manifest.Downloaded: "downloaded", manifest.Exported: "exported with others", manifest.Read: "its transcript was read",
	}[l.How]
	if text == "" {
		text = "listened to"
	}
	if l.Who != "" {
		text += " by " + l.Who
	}
	if l.Why != "" {
		text += ": " + l.Why
	}
	if l.Doubtful {
		text += " (doubtful: vbcvault audit says why)"
	}
	return text
}
