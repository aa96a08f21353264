package web

import (
	"context"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/story"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/access"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

func init() {
	routes = append(routes, route{pattern: "GET " + recordingPattern, right: access.See, do: (*Server).call})
}

// callData is the page of one recording.
type callData struct {
	Path, Account string
	Row           manifest.Row
	State         shownState
	Story         story.Story
	Does          string // what the next run would do, in words

	Sound sound
	Said  said
	At    float64 // where to begin to play, in seconds
	Words string  // that were searched for

	Facts []fact       // what VBC said, in our words
	Raw   []fact       // the same in VBC's own
	Life  []lifeMoment // newest last
	Keep  []fact       // how long, and how, it is kept

	MayPlay, MayDownload, MayThaw, MayHold, MaySeeHold, MayOversee, MaySeeLog bool

	HasWave bool

	Limited bool // the viewer sees a part of the account: no number here counts the rest
	Held    bool // also by a hold that the viewer may not see
}

// call shows all that is known of one recording, and plays it.
func (s *Server) call(w http.ResponseWriter, r *http.Request) error {
	ctx, viewer := r.Context(), access.From(r.Context())
	v, m, row, err := s.recording(r)
	if err != nil {
		return err
	}
	d := callData{
		Path: pathOf(v.Name, row), Account: v.Name, Row: row, State: stateOf(row.State),
		At: moments(r.URL.Query().Get("t")), Words: cut(300, r.URL.Query().Get("words")),
		MayPlay: viewer.May(access.Play), MayDownload: viewer.May(access.Download), MayThaw: viewer.May(access.Thaw),
		MayHold: viewer.May(access.Hold), MaySeeHold: hasRoute("GET /holds/{account}/{hold}"),
		MayOversee: viewer.May(access.Oversee), MaySeeLog: viewer.May(access.Log), HasWave: hasRoute("GET " + recordingPattern + "/waveform.svg"),
	}
	if d.Story, err = story.Of(ctx, m, row, s.now()); err != nil {
		return err
	}
	if d.Limited = limited(viewer); d.Limited {
		d.Held = hideHolds(&d.Story, viewer, row)
	}
	d.Does = story.Does(d.Story.Next)
	d.Sound = s.soundOf(ctx, v, row)
	if d.MayPlay {
		d.Said = s.saidIn(ctx, v, row, d.Words)
	}
	zone := zoneOf(r)
	d.Facts, d.Raw, d.Keep = factsOf(zone, v.Name, row), rawOf(row), s.keepOf(zone, row)
	if d.Life, err = s.lifeOf(ctx, m, d); err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, "call", titleOf(zone, row), d)
}

// titleOf names a call by when it was, and by nothing that VBC says of people: titles
// are kept in histories of browsers.
func titleOf(zone *time.Location, row manifest.Row) string {
	return "Call of " + row.Start.In(zone).Format("2 January 2006, 15:04:05")
}

func hasRoute(pattern string) bool {
	for _, r := range routes {
		if r.pattern == pattern {
			return true
		}
	}
	return false
}

// Query is an address's query with the searched words in it, and t if it isn't negative.
func (d callData) Query(t float64) string {
	q := url.Values{}
	if t >= 0 {
		q.Set("t", seconds(t))
	}
	if d.Words != "" {
		q.Set("words", d.Words)
	}
	if len(q) == 0 {
		return ""
	}
	return "?" + q.Encode()
}

// Fragment has a browser begin to play where the address says, also without a script.
func (d callData) Fragment() string {
	if d.At == 0 {
		return ""
	}
	return "#t=" + seconds(d.At)
}

// AtText is where to begin, as a script reads it.
func (d callData) AtText() string { return seconds(d.At) }

func seconds(t float64) string { return strconv.FormatFloat(math.Round(t*10)/10, 'f', -1, 64) }

// latest is as far into a call as an address may lead.
const latest = 48 * time.Hour

// moments reads where to begin: seconds, as in 83 or 83.5, or 1h2m3s, or 1:23. What
// can't be read is the beginning.
func moments(text string) float64 {
	t, err := strconv.ParseFloat(text, 64)
	if err != nil {
		if d, bad := time.ParseDuration(text); bad == nil {
			t, err = d.Seconds(), nil
		} else if parts := strings.Split(text, ":"); len(parts) == 2 || len(parts) == 3 {
			t, err = 0, nil
			for _, p := range parts {
				n, bad := strconv.ParseUint(p, 10, 16)
				if bad != nil {
					return 0
				}
				t = t*60 + float64(n)
			}
		}
	}
	if err != nil || !(t > 0 && t < latest.Seconds()) {
		return 0
	}
	return t
}

// noStoreFor is how long the page waits for the archive before it says that it doesn't
// answer, and shows the rest.
const noStoreFor = 5 * time.Second

func soon(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, noStoreFor)
}
