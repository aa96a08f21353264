package web

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/access"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/media"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/waveform"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/storage"
)

func init() {
	routes = append(routes, route{pattern: "GET " + recordingPattern + "/waveform.svg", right: access.Play, do: (*Server).waveform})
}

const (
	mostReckoning = 2                // recordings that are read for their waveform at once
	reckonTakes   = 30 * time.Second // for one, waiting included; its page doesn't wait for it

	// waveColour can be seen on light and on dark: an image doesn't know what it stands on.
	waveColour = "#7a8aa0"
)

// waveform draws how loud a recording is. It is reckoned when somebody looks at it for
// the first time, out of one reading that nobody hears: no listening.
func (s *Server) waveform(w http.ResponseWriter, r *http.Request) error {
	v, m, row, err := s.recording(r)
	if err != nil {
		return err
	}
	if !audible(row) {
		if row.State == manifest.Erased {
			err = s.o.State.ForgetPeaks(r.Context(), row.Copy.Audio.SHA256.String())
		}
		return errors.Join(noAudio, err)
	}
	h := w.Header()
	h.Set("Cache-Control", "private, no-cache")
	h.Set("ETag", fmt.Sprintf(`"%s-%d"`, row.Copy.Audio.SHA256, waveform.Form))
	if r.Header.Get("If-None-Match") == h.Get("ETag") {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	p, err := s.peaks(r.Context(), sending{v: v, m: m, row: row})
	if err != nil {
		h.Del("ETag")
		return err
	}
	h.Set("Content-Type", "image/svg+xml")
	h.Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(p.SVG(waveColour, p.Title())) // whoever has gone away needs no answer
	return nil
}

// peaks are a recording's, of which nothing is reckoned twice.
func (s *Server) peaks(ctx context.Context, of sending) (waveform.Peaks, error) {
	ctx, cancel := context.WithTimeout(ctx, reckonTakes)
	defer cancel()
	if p, ok := s.keptPeaks(ctx, of.row); ok {
		return p, nil
	}
	select {
	case s.reckoning <- struct{}{}:
		defer func() { <-s.reckoning }()
	case <-ctx.Done():
		return waveform.Peaks{}, unreachable
	}
	if p, ok := s.keptPeaks(ctx, of.row); ok { // somebody else has looked at it meanwhile
		return p, nil
	}
	store, err := of.v.Store(ctx)
	var p waveform.Peaks
	if err == nil {
		p, err = reckon(ctx, &settled{store, s}, of.row.Copy.Audio)
	}
	if err != nil {
		return waveform.Peaks{}, s.noStore(ctx, of, err)
	}
	if err := s.o.State.KeepPeaks(ctx, of.row.Copy.Audio.SHA256.String(), waveform.Form, p.Length, p.Levels, s.now()); err != nil {
		s.log.Warn("a waveform could not be kept", "account", of.v.Name, "id", of.row.ID, "reason", err)
	}
	return p, nil
}

func (s *Server) keptPeaks(ctx context.Context, row manifest.Row) (waveform.Peaks, bool) {
	length, levels, ok, err := s.o.State.Peaks(ctx, row.Copy.Audio.SHA256.String(), waveform.Form, s.now())
	if err != nil {
		s.log.Warn("what is kept of waveforms could not be read", "id", row.ID, "reason", err)
	}
	return waveform.Peaks{Length: length, Levels: levels}, ok
}

// reckon reads all of a recording by one request. Of bytes that aren't those that were
// archived there is no waveform, but a *media.DamagedError. Of a format that isn't known
// it is empty.
func reckon(ctx context.Context, store storage.Store, o storage.Object) (p waveform.Peaks, err error) {
	if o.Size == 0 {
		return p, nil
	}
	body, err := store.OpenRange(ctx, o, 0, o.Size)
	if err != nil {
		return p, err
	}
	defer body.Close()
	sum := sha256.New()
	in := io.TeeReader(body, sum)
	p, err = waveform.Of(in)
	if errors.Is(err, waveform.ErrUnknown) {
		return waveform.Peaks{}, nil
	}
	if err == nil {
		_, err = io.Copy(io.Discard, in)
	}
	if has := storage.Digest(sum.Sum(nil)); err == nil && has != o.SHA256 {
		err = &media.DamagedError{Key: o.Key, Want: o.Content, Has: storage.Content{Size: o.Size, SHA256: has}}
	}
	return p, err
}
