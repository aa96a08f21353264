package web

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/storage"
)

// sound says whether a recording can be heard now, and else why not.
type sound struct {
	Plays bool // there is something to play
	Tone  string
	Text  string // what there is to say first, "" if all is well
	Mend  string

	Cold *coldness // it must be brought back first
}

// coldness is how audio lies in cold storage.
type coldness struct {
	Class   string
	Thawing bool
	Tiers   []tier
}

// tier is one way of having it brought back.
type tier struct {
	Name  storage.Tier
	Takes time.Duration // at most
}

// Words are a tier's name and its price against the others.
func (t tier) Words() string {
	switch t.Name {
	case storage.Expedited:
		return "Expedited, the most expensive"
	case storage.Standard:
		return "Standard"
	case storage.Bulk:
		return "Bulk, the cheapest"
	}
	return string(t.Name)
}

// soundOf says what there is to hear of a recording. It asks the archive one question
// where that has cold storage, and reads nothing that anybody hears.
func (s *Server) soundOf(ctx context.Context, v *Vault, row manifest.Row) sound {
	switch {
	case row.State == manifest.Erasing || row.State == manifest.Erased:
		return sound{Tone: "quiet", Text: "This recording was erased from the archive.", Mend: "What is left says that there was one, and who has erased it is in the log of receipts."}
	case row.State == manifest.Gone && !row.Copy.Known():
		return sound{Tone: "bad", Text: "There is no audio: VBC no longer had this recording when it was to be archived."}
	case row.Copy.ArchivedAt.IsZero() && row.Failure.Reason != "":
		return sound{Tone: "bad", Text: "There is no audio in the archive yet: archiving it has failed.", Mend: "What was wrong, and what to do about it, is said below."}
	case row.Copy.ArchivedAt.IsZero():
		return sound{Tone: "attention", Text: "There is no audio in the archive yet.", Mend: "The next run of vbcvault archives it. Until then it can be heard at VBC."}
	}
	out := sound{Plays: true}
	switch {
	case row.Damaged != "":
		out.Tone, out.Text = "bad", "The copy in the archive is damaged: "+row.Damaged+"."
		out.Mend = "VBC no longer has this recording. What can be read of the copy may still be played; it is not what was archived."
	case row.Refuted:
		out.Tone, out.Text = "bad", "The copy in the archive was read and is not what was archived."
		out.Mend = "The next run archives it again if VBC still has it."
	case row.Unvouched:
		out.Tone, out.Text = "attention", "This copy was found in the archive: no signed receipt vouches for it."
	}
	store, err := v.Store(ctx)
	if err == nil {
		err = out.askFor(ctx, store, row.Copy.Audio)
	}
	switch {
	case err == nil:
	case errors.Is(err, storage.ErrNotFound):
		s.log.Error("a recording is missing in the archive", "account", v.Name, "recording", row.Recording.String())
		return sound{Tone: "bad", Text: "The audio is not in the archive: vbcvault knows of a copy, and the archive does not show it.", Mend: "Tell whoever looks after vbcvault."}
	case ctx.Err() == nil && out.Text == "":
		s.log.Warn("the archive could not be asked about a recording", "account", v.Name, "recording", row.Recording.String(), "reason", err)
		out.Tone, out.Text, out.Mend = "attention", "The archive does not answer now, so the audio may not play.", "Try again in a minute."
	}
	return out
}

// warm are the classes of S3 that are read at once; of any other, reading tells.
var warm = []string{"", "STANDARD", "STANDARD_IA", "ONEZONE_IA", "REDUCED_REDUNDANCY", "INTELLIGENT_TIERING", "GLACIER_IR", "EXPRESS_ONEZONE"}

// askFor finds out whether an object lies in cold storage. What was brought back keeps
// the name of its class: only reading a byte tells.
func (o *sound) askFor(ctx context.Context, store storage.Store, object storage.Object) error {
	thawer, ok := store.(storage.Thawer)
	if !ok {
		return nil
	}
	ctx, cancel := soon(ctx)
	defer cancel()
	frost, err := thawer.Frost(ctx, object)
	if err != nil || slices.Contains(warm, frost.Class) && !frost.Thawing {
		return err
	}
	body, err := store.OpenRange(ctx, object, 0, 1)
	if err == nil {
		return body.Close()
	}
	if !errors.Is(err, storage.ErrCold) {
		return err
	}
	o.Plays = false
	o.Cold = &coldness{Class: frost.Class, Thawing: frost.Thawing}
	for _, t := range []storage.Tier{storage.Expedited, storage.Standard, storage.Bulk} {
		if takes, ok := frost.Takes[t]; ok {
			o.Cold.Tiers = append(o.Cold.Tiers, tier{t, takes})
		}
	}
	return nil
}
