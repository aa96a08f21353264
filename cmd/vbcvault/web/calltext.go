package web

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/access"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/transcript"
	"github.com/vbcvault/vbcvault/pipeline/words"
	"github.com/vbcvault/vbcvault/storage"
)

// said is what was said in a call.
type said struct {
	Has      bool // the archive has a transcript
	Tone     string
	Trouble  string // why it isn't shown, or not all of it
	Timed    bool
	Segments []segment
	Marks    int // how often the searched words are in it
	Ignored  string
}

// segment is something that one person said.
type segment struct {
	Start   float64 // in seconds; negative if nobody knows
	Speaker string
	Pieces  []words.Piece
}

// Clock is when a segment begins, as players show it.
func (s segment) Clock() string { return span(time.Duration(s.Start * float64(time.Second))) }

// What of a transcript is shown. A call of an hour has some fifty thousand bytes.
const (
	mostSegments = 5000
	mostShown    = 1 << 20 // bytes
)

// saidIn reads a recording's transcript. It is part of the call, so it is shown only
// once it was written down who reads it.
func (s *Server) saidIn(ctx context.Context, v *Vault, row manifest.Row, search string) said {
	object := row.Copy.Transcript
	if object.Key == "" || row.Copy.ArchivedAt.IsZero() || row.State == manifest.Erasing || row.State == manifest.Erased {
		return said{}
	}
	out := said{Has: true}
	file, err := s.transcriptOf(ctx, v, object)
	log := s.log.With("account", v.Name, "recording", row.Recording.String())
	switch {
	case errors.Is(err, storage.ErrCold):
		out.Tone, out.Trouble = "attention", "The transcript is in cold storage. It can be read once it was brought back together with the audio."
	case errors.Is(err, errDamaged), errors.Is(err, storage.ErrNotFound):
		log.Error("a transcript in the archive is damaged or missing", "reason", err)
		out.Tone, out.Trouble = "bad", "The transcript in the archive is not what was archived, so it is not shown. Tell whoever looks after vbcvault."
	case errors.Is(err, errLarge):
		out.Tone, out.Trouble = "attention", "The transcript is too large to be shown here."
	case err != nil:
		log.Warn("a transcript could not be read", "reason", err)
		out.Tone, out.Trouble = "attention", "The transcript could not be read now: the archive does not answer. Try again in a minute."
	}
	if err != nil {
		return out
	}
	if err := s.reading(ctx, v, row); err != nil {
		out.Tone, out.Trouble = "bad", "The transcript is not shown: vbcvault writes down who reads one, and this could not be written down. Try again in a minute."
		return out
	}
	out.read(file, row.Duration, search)
	return out
}

// read makes of a file what is shown of it.
func (o *said) read(file []byte, length time.Duration, search string) {
	t := transcript.Read(file, max(length, 0))
	shown, n := t.Segments, 0
	for i, seg := range shown {
		if n += len(seg.Text); i >= mostSegments || n > mostShown {
			shown = shown[:i]
			o.Tone, o.Trouble = "attention", "Only the beginning of this transcript is shown: it is very long."
			break
		}
	}
	o.Timed = t.Timed
	q, err := words.Parse(search)
	if err != nil {
		q = words.Query{} // the search has said what is wrong with it
	}
	texts := transcript.Transcript{Segments: shown}.Texts()
	for i, pieces := range q.Mark(texts...) {
		for _, p := range pieces {
			if p.Marked {
				o.Marks++
			}
		}
		seg := segment{Start: float64(shown[i].Start) / 1000, Speaker: shown[i].Speaker, Pieces: pieces}
		if shown[i].Start == transcript.None {
			seg.Start = -1
		}
		o.Segments = append(o.Segments, seg)
	}
}

var (
	errDamaged = errors.New("it is not what was archived")
	errLarge   = errors.New("it is too large")
)

// transcriptOf reads a transcript, all of it, and compares it with what was archived.
func (s *Server) transcriptOf(ctx context.Context, v *Vault, o storage.Object) ([]byte, error) {
	if o.Size > transcript.Longest {
		return nil, errLarge
	}
	ctx, cancel := soon(ctx)
	defer cancel()
	store, err := v.Store(ctx)
	if err != nil {
		return nil, err
	}
	body, err := store.Open(ctx, o)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	b, err := io.ReadAll(io.LimitReader(body, transcript.Longest+1))
	switch {
	case err != nil:
		return nil, err
	case int64(len(b)) != o.Size || storage.SumOf(b) != o.SHA256:
		return nil, errDamaged
	}
	return b, nil
}

// reading writes down that somebody reads a transcript, unless that was done a short
// while ago.
func (s *Server) reading(ctx context.Context, v *Vault, row manifest.Row) error {
	viewer := access.From(ctx)
	who := storage.SumOf([]byte("read\x00" + viewer.Session + "\x00" + viewer.Name)).String()
	play, err := s.o.State.Play(ctx, who, pathOf(v.Name, row), s.now())
	if err != nil || play.Written {
		return err
	}
	if err := s.listened(ctx, v, row, manifest.Read, "", play.ID); err != nil {
		return err
	}
	if err := s.o.State.PlayWritten(ctx, play); err != nil {
		s.log.Warn("a reading could not be written down twice", "account", v.Name, "id", row.ID, "reason", err)
	}
	return nil
}
