package web

import (
	"context"
	"net/http"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/access"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

// unwritten is what somebody reads who can't hear a recording for that.
var unwritten = &problem{http.StatusServiceUnavailable, "You cannot hear this call now",
	"vbcvault writes down who listens to a call before it plays it, and this could not be written down.",
	"Try again in a minute. If it happens again, tell whoever looks after vbcvault: its log says why."}

// listened writes down that whoever asks is about to hear a recording, or to get it. On
// nil the entry is on disk. On an error, which people can read, nothing of the recording
// may be sent, not a byte: the entry may be there or not, and a second try with the same
// session makes no second one. The session is that of playing, "" where each call is an
// entry of its own.
func (s *Server) listened(ctx context.Context, v *Vault, row manifest.Row, how manifest.How, why, session string) error {
	viewer := access.From(ctx)
	if viewer == nil || viewer.Name == "" {
		return forbidden
	}
	m, err := v.Manifest(ctx)
	if err == nil {
		_, err = m.AddListening(ctx, manifest.Listening{
			Kind: row.Kind, Owner: row.Owner, ID: row.ID, Nth: row.Nth, Start: row.Start,
			Who: viewer.Name, How: how, Why: why, From: viewer.From, Session: session,
		})
	}
	if err != nil {
		s.log.Error("who listens could not be written down, so the recording is not sent", "account", v.Name, "id", row.ID, "reason", err)
		return unwritten
	}
	return nil
}
