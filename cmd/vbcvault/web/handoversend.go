package web

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/access"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/handover"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// handoverFile sends the ZIP, or a part of it. Each recording is in the listening log,
// once for each sign-in, before its first byte is sent.
func (s *Server) handoverFile(w http.ResponseWriter, r *http.Request) error {
	p, err := s.plan(r)
	if err != nil {
		return err
	}
	f, err := s.spool().Open(r.Context(), p, handover.Source{Begin: s.beginItem(p), Store: s.storeOf(p), Wrong: s.wrongItem(p)})
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // it was only read
	if strings.Contains(r.Header.Get("Range"), ",") {
		r.Header.Del("Range") // nobody asks for several parts of a ZIP, and all of it is an answer too
	}
	h := w.Header()
	h.Set("ETag", f.ETag)
	h.Set("Content-Type", "application/zip")
	h.Set("Content-Disposition", `attachment; filename="`+p.Name+`.zip"`)
	h.Set("Cache-Control", "private, no-store")
	http.ServeContent(w, r, "", time.Time{}, f)
	if err := f.Err(); err != nil {
		if r.Context().Err() == nil {
			s.log.Error("a hand-over broke off", "handover", p.ID, "reason", err)
		}
		panic(http.ErrAbortHandler) // so that nobody takes for whole what isn't
	}
	return nil
}

// beginItem writes down who gets a recording, unless that was done for this sign-in in
// the manifest that there is now: another one, as vbcvault rebuild makes, has no entry.
func (s *Server) beginItem(p *handover.Plan) func(context.Context, int) error {
	begun := map[int]bool{}
	return func(ctx context.Context, n int) error {
		if begun[n] || p.Items[n].Audio == "" {
			return nil
		}
		viewer, i := access.From(ctx), p.Items[n]
		m, err := s.vaultNamed(i.Vault).Manifest(ctx)
		if err != nil {
			return err
		}
		log, err := m.Chain(ctx)
		if err != nil {
			return err
		}
		session := storage.SumOf([]byte(viewer.Session + "\x00" + viewer.Name + "\x00" + log.ID)).String()
		is, err := s.o.State.Handed(ctx, p.ID, session, n)
		if err != nil {
			return err
		}
		if !is {
			row := manifest.Row{Recording: vbc.Recording{Kind: vbc.Kind(i.Kind), Owner: i.Owner, ID: i.ID, Nth: i.Nth, Start: i.Start}}
			// Two transfers at once are one listening, too.
			one := storage.SumOf([]byte(p.ID + "\x00" + session + "\x00" + strconv.Itoa(n))).String()[:32]
			if err := s.listened(ctx, s.vaultNamed(i.Vault), row, manifest.Exported, p.Reason, one); err != nil {
				return err
			}
			if err := s.o.State.NoteHanded(ctx, p.ID, session, n, s.now()); err != nil { // then it is there twice
				s.log.Warn("that a recording was handed over is not remembered", "handover", p.ID, "reason", err)
			}
		}
		begun[n] = true
		return nil
	}
}

func (s *Server) storeOf(p *handover.Plan) func(context.Context, int) (storage.Store, error) {
	return func(ctx context.Context, n int) (storage.Store, error) {
		return s.vaultNamed(p.Items[n].Vault).Store(ctx)
	}
}

// wrongItem has the log say that a recording isn't what it was, and the manifest know it.
func (s *Server) wrongItem(p *handover.Plan) func(context.Context, int, error) {
	return func(ctx context.Context, n int, err error) {
		i := p.Items[n]
		log := s.log.With("account", i.Vault, "id", i.ID, "reason", err)
		changed, is := errors.AsType[*handover.ChangedError](err)
		if !is {
			log.Warn("a recording that is handed over could not be read")
			return
		}
		log.Error("a recording is damaged: it was handed over and is not what was archived")
		v := s.vaultNamed(i.Vault)
		m, err := v.Manifest(ctx)
		if err != nil {
			return
		}
		row, err := m.Row(ctx, vbc.Key{Kind: vbc.Kind(i.Kind), Owner: i.Owner, ID: i.ID}, i.Nth)
		if err == nil && row.Copy.Audio.Key == changed.Key {
			s.refute(ctx, sending{v: v, m: m, row: row}, changed)
		}
	}
}
