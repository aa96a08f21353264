package web

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"time"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/story"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/access"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
)

// lifeMoment is something that has happened to a recording.
type lifeMoment struct {
	At      time.Time
	Title   string
	Text    string
	Tone    string
	Receipt int64
	Type    string // of the receipt
	Digest  storage.Digest
}

// moment words are what events are called here; see story.Event.
var lifeWords = map[string][2]string{
	"listed": {"quiet", "Listed"}, "stored": {"quiet", "Stored"}, "verified": {"good", "Verified"}, "failed": {"bad", "Failed"},
	"hold": {"attention", "Held"}, "hold-ended": {"quiet", "Hold removed"},
	"intent": {"quiet", "Deletion at VBC started"}, "outcome": {"quiet", "Outcome of the deletion"},
	"erasing": {"quiet", "Erasing started"}, "erased": {"quiet", "Erased"}, "archived": {"good", "Vouched for"},
}

// mostListenings is how many of the latest listenings stand in a recording's life.
const mostListenings = 50

// listened is a manifest that can be asked who has listened.
type listened interface {
	Listenings(ctx context.Context, q manifest.ListeningQuery) iter.Seq2[manifest.Listening, error]
}

// lifeOf is a recording's life in the order of time: what its story tells, and, for
// whoever may read the log, who has listened to it.
func (s *Server) lifeOf(ctx context.Context, m Manifest, d callData) (all []lifeMoment, err error) {
	receipts := map[storage.Digest]story.Event{} // of listenings
	for _, e := range d.Story.Events {
		if e.What == string(receipt.Listened) {
			receipts[e.Of] = e
			continue // the listening itself says more, to whoever may know
		}
		w, known := lifeWords[e.What]
		if !known {
			w = [2]string{"quiet", e.What}
		}
		l := lifeMoment{At: e.At, Title: w[1], Tone: w[0], Text: e.Text, Receipt: e.Receipt, Digest: e.Digest}
		if e.Receipt > 0 {
			l.Type = e.What
		}
		all = append(all, l)
	}
	if log, ok := m.(listened); ok && d.MaySeeLog {
		key := d.Row.Key()
		for l, err := range log.Listenings(ctx, manifest.ListeningQuery{Key: &key, Nth: d.Row.Nth, Limit: mostListenings}) {
			if err != nil {
				return nil, err
			}
			all = append(all, lifeMoment{At: l.At, Title: howWords(l.How), Tone: "quiet", Text: whoListened(l), Receipt: receipts[l.Digest].Receipt, Digest: receipts[l.Digest].Digest, Type: receipts[l.Digest].What})
		}
	}
	slices.SortStableFunc(all, func(a, b lifeMoment) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Receipt, b.Receipt)) })
	return all, nil
}

// howWords are the ways of getting to know what was said.
func howWords(h manifest.How) string {
	switch h {
	case manifest.Played:
		return "Played"
	case manifest.Downloaded:
		return "Downloaded"
	case manifest.Exported:
		return "Exported"
	case manifest.Read:
		return "Transcript read"
	}
	return string(h)
}

func whoListened(l manifest.Listening) string {
	text := "by " + l.Who
	if l.Why != "" {
		text += ": " + l.Why
	}
	return text
}

// hideHolds takes out of a recording's story the holds that somebody whose role is limited
// may not see, as on the page of all holds: those that others have made, and that cover it
// only in case it matches. What they are about is other people's calls. It reports whether
// one of them is in force.
func hideHolds(st *story.Story, v *access.Viewer, row manifest.Row) (held bool) {
	shown := map[storage.Digest]bool{}
	for _, h := range st.Covering {
		shown[h.Digest] = h.By == v.Name || !h.Lost && !h.ForLack(row)
	}
	before := len(st.Holds)
	st.Holds = slices.DeleteFunc(st.Holds, func(h story.Hold) bool { return !shown[h.Digest] })
	st.Events = slices.DeleteFunc(st.Events, func(e story.Event) bool {
		return (e.What == "hold" || e.What == "hold-ended") && !shown[e.Of]
	})
	return len(st.Holds) < before
}
