package web

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/access"
	"github.com/vbcvault/vbcvault/storage"
)

func init() {
	routes = append(routes, route{pattern: "POST " + recordingPattern + "/thaw", right: access.Thaw, do: (*Server).thaw})
}

const (
	thawDays  = 7                // for which what was brought back can be read
	thawTakes = 30 * time.Second // to ask for it
)

var (
	noTier = &problem{http.StatusBadRequest, "The audio cannot be brought back like this",
		"The archive has no such way of bringing it back.", "Go back to the page of the call and choose one that it shows."}
	notThawed = &problem{http.StatusBadGateway, "The archive did not take the request",
		"It was asked to bring the audio back, and has refused or not answered.",
		"Try again, or choose another way: the fastest is not always to be had. The log of vbcvault says what the archive has answered."}
)

// thaw asks the archive to bring a recording's audio back from cold storage, which costs
// money. Asked twice, it asks once.
func (s *Server) thaw(w http.ResponseWriter, r *http.Request) error {
	v, m, row, err := s.recording(r)
	if err != nil {
		return err
	}
	if !audible(row) {
		return noAudio
	}
	ctx, cancel := context.WithTimeout(r.Context(), thawTakes)
	defer cancel()
	tier, what := storage.Tier(r.PostFormValue("tier")), sending{v: v, m: m, row: row}
	store, err := v.Store(ctx)
	if err != nil {
		return s.noStore(ctx, what, err)
	}
	asked, err := askBack(ctx, store, row.Copy.Audio, tier)
	log := s.log.With("account", v.Name, "recording", row.Recording.String(), "tier", string(tier), "by", access.From(ctx).Name)
	switch {
	case errors.Is(err, errNoTier):
		return noTier
	case errors.Is(err, storage.ErrNotFound), errors.Is(err, storage.ErrChanged):
		return s.noStore(ctx, what, err)
	case err != nil:
		log.Warn("a recording could not be asked for from cold storage", "reason", err)
		return notThawed
	case asked:
		log.Info("a recording was asked for from cold storage", "days", thawDays)
	}
	http.Redirect(w, r, pathOf(v.Name, row), http.StatusSeeOther)
	return nil
}

var errNoTier = errors.New("there is no such tier")

// askBack asks for an object unless it can be read, or was asked for before.
func askBack(ctx context.Context, store storage.Store, o storage.Object, tier storage.Tier) (asked bool, err error) {
	body, err := store.OpenRange(ctx, o, 0, 1)
	if err == nil {
		return false, body.Close()
	}
	thawer, ok := store.(storage.Thawer)
	if !ok || !errors.Is(err, storage.ErrCold) {
		return false, err
	}
	frost, err := thawer.Frost(ctx, o)
	if err != nil || frost.Thawing {
		return false, err
	}
	if _, ok := frost.Takes[tier]; !ok {
		return false, errNoTier
	}
	return true, thawer.Thaw(ctx, o, frost, tier, thawDays)
}
