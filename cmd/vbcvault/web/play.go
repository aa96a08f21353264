package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path"
	"strings"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/access"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/media"
	"github.com/vbcvault/vbcvault/pipeline/check"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/storage"
)

func init() {
	routes = append(routes, route{"GET " + recordingPattern + "/audio", access.Play, (*Server).audio})
}

// Why there is no audio, for people.
var (
	noAudio = &problem{http.StatusNotFound, "There is no audio of this call",
		"The archive holds none: it was not archived yet, or it was erased.", "The page of the call says which."}
	missingAudio = &problem{http.StatusBadGateway, "The audio is not in the archive",
		"vbcvault knows of a copy, and the archive does not show it.", "Tell whoever looks after vbcvault: vbcvault verify finds what is missing."}
	wrongAudio = &problem{http.StatusBadGateway, "The audio is damaged",
		"What lies in the archive is not what was archived, so it is not played.", "Tell whoever looks after vbcvault: its log says which recording it is."}
	coldAudio = &problem{http.StatusConflict, "The audio is in cold storage",
		"It can be heard when it was brought back, which takes minutes or hours.", "The page of the call says how long it takes, and asks for it if your role may."}
	unreachable = &problem{http.StatusServiceUnavailable, "The archive does not answer",
		"The audio could not be read now.", "Try again in a minute."}
)

// audio plays a recording: whole, or the ranges that a player asks for. All requests of
// one player are one listening, which is on disk before the first byte.
func (s *Server) audio(w http.ResponseWriter, r *http.Request) error {
	v, m, row, err := s.recording(r)
	if err != nil {
		return err
	}
	return s.send(w, r, sending{v: v, m: m, row: row, listen: func(ctx context.Context) error { return s.playing(ctx, v, m, row) }})
}

// sendWhole sends a recording as a file, after it was written down who got it, how and
// why.
func (s *Server) sendWhole(w http.ResponseWriter, r *http.Request, v *Vault, row manifest.Row, how manifest.How, why string) error {
	m, err := v.Manifest(r.Context())
	if err != nil {
		return err
	}
	r = r.Clone(r.Context())
	r.Method = http.MethodGet // a form that asks for a file is answered with it
	for _, h := range []string{"Range", "If-Range", "If-None-Match"} {
		r.Header.Del(h) // one request is one file, and one entry
	}
	return s.send(w, r, sending{v: v, m: m, row: row, name: fileName(row), listen: func(ctx context.Context) error {
		return s.listened(ctx, v, row, how, why, "")
	}})
}

// sending is what is sent, and what must have been done before a byte of it is.
type sending struct {
	v      *Vault
	m      Manifest
	row    manifest.Row
	name   string // of the file, "" = it is played
	listen func(ctx context.Context) error
}

func (s *Server) send(w http.ResponseWriter, r *http.Request, what sending) error {
	object := what.row.Copy.Audio
	if !audible(what.row) {
		return noAudio
	}
	store, err := what.v.Store(r.Context())
	if err != nil {
		return s.noStore(r.Context(), what, err)
	}
	a := media.Ask(r, media.Audio{Store: &settled{store, s}, Object: object, Name: what.name})
	defer a.Close()
	if a.Sends() {
		if err := a.Open(); err != nil {
			return s.noStore(r.Context(), what, err)
		}
		if err := what.listen(r.Context()); err != nil {
			return err
		}
	}
	err = a.Send(w)
	if err == nil {
		return nil
	}
	if r.Context().Err() == nil { // else whoever listened has gone away
		_ = s.noStore(r.Context(), what, err)
	}
	panic(http.ErrAbortHandler) // so that nobody takes for whole what isn't
}

// audible reports whether the archive has, or had, audio of a recording.
func audible(row manifest.Row) bool {
	return !row.Copy.ArchivedAt.IsZero() && row.Copy.Audio.Proven() && row.State != manifest.Erasing && row.State != manifest.Erased
}

// noStore says why there is no audio, in the log and to whoever asked. Damage is news.
func (s *Server) noStore(ctx context.Context, what sending, err error) error {
	damaged, isDamaged := errors.AsType[*media.DamagedError](err)
	log := s.log.With("account", what.v.Name, "recording", what.row.Recording.String(), "reason", err)
	switch {
	case isDamaged:
		log.Error("a recording is damaged: it was played and is not what was archived")
		s.refute(ctx, what, damaged)
		return wrongAudio
	case errors.Is(err, storage.ErrChanged), errors.Is(err, storage.ErrRange):
		log.Error("a recording is damaged: another object lies in its place")
		return wrongAudio
	case errors.Is(err, storage.ErrCold):
		return coldAudio
	case errors.Is(err, storage.ErrNotFound):
		log.Error("a recording is missing in the archive")
		return missingAudio
	}
	log.Warn("a recording could not be read")
	return unreachable
}

// refute writes down that a copy was read and is not what was archived, as verify does.
func (s *Server) refute(ctx context.Context, what sending, wrong error) {
	if err := check.Refute(context.WithoutCancel(ctx), what.m, what.row, wrong); err != nil {
		s.log.Error("that a recording is damaged could not be written down", "account", what.v.Name, "recording", what.row.Recording.String(), "reason", err)
	}
}

// playing writes down that somebody hears a recording, unless that was done for the
// player which asks, in this very manifest: one that was put in its place knows nothing
// of it.
func (s *Server) playing(ctx context.Context, v *Vault, m Manifest, row manifest.Row) error {
	viewer := access.From(ctx)
	who := storage.SumOf(fmt.Appendf(nil, "%s\x00%s\x00%p", viewer.Session, viewer.Name, m)).String()
	play, err := s.o.State.Play(ctx, who, pathOf(v.Name, row), s.now())
	if err != nil {
		s.log.Error("who listens could not be written down, so the recording is not sent", "account", v.Name, "id", row.ID, "reason", err)
		return unwritten
	}
	if play.Written {
		return nil
	}
	if err := s.listened(ctx, v, row, manifest.Played, "", play.ID); err != nil {
		return err
	}
	if err := s.o.State.PlayWritten(ctx, play); err != nil { // the next request writes no second entry: the log knows the play
		s.log.Warn("a play could not be written down", "account", v.Name, "id", row.ID, "reason", err)
	}
	return nil
}

// fileName is what a recording's audio is called as a file: nothing of the call is in it.
func fileName(row manifest.Row) string {
	key := row.Copy.Audio.Key
	return strings.TrimSuffix(path.Base(key), path.Ext(key)) + path.Ext(key)
}
