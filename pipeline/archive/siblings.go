package archive

import (
	"context"
	"encoding/hex"
	"errors"
	"log/slog"

	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/refusal"
	"github.com/vbcvault/vbcvault/storage"
)

// A hold is on recordings at VBC, which are the same ones whatever destination a run
// brings them to. So a run takes over what the account's other manifests on this
// machine have of holds, and of their ends, before it deletes anything.
//
// Nothing slips through between them. Whoever adds a hold writes it into every
// manifest of the account that there is, and looks for new ones until there are
// none. A run binds its manifest to the account first, and reads its siblings then.
// So either the manifest was there, with its account, when that look was taken, and
// has got the hold; or the run has read the siblings later, and found it there.

// Sharer is what taking over the holds of other manifests needs of one.
type Sharer interface {
	Holds(ctx context.Context) ([]manifest.Hold, error)
	ShareHold(ctx context.Context, t manifest.HoldText) error
}

// LearnSiblings takes over what the account's other manifests on this machine know
// of holds, for a manifest of this destination. They are as trustworthy as the
// manifest itself. It returns all holds that the manifest has then, durably.
func LearnSiblings(
	ctx context.Context, m Sharer, log *slog.Logger, destination string, texts []manifest.HoldText,
) ([]manifest.Hold, error) {
	known, err := m.Holds(ctx)
	if err != nil {
		return nil, err
	}
	texts = News(known, texts, destination)
	for _, t := range texts {
		if err := m.ShareHold(ctx, t); err != nil {
			return nil, err
		}
		what := "another manifest on this machine has a legal hold, which is in force here too"
		if t.Ended {
			what = "another manifest on this machine says that a legal hold was removed, so it is removed here too"
		}
		log.Info(what, "hold", hex.EncodeToString(t.Hold[:4]))
	}
	if len(texts) == 0 {
		return known, nil
	}
	return m.Holds(ctx)
}

// News are those of the texts that a manifest of a destination lacks, each making
// before its end. What has ended before the manifest has known it is none.
func News(known []manifest.Hold, texts []manifest.HoldText, destination string) (all []manifest.HoldText) {
	has, over, ended := map[storage.Digest]bool{}, map[storage.Digest]bool{}, map[storage.Digest]bool{}
	for _, h := range known {
		has[h.Digest], over[h.Digest] = !h.Lost, h.Removed != nil
	}
	for _, t := range texts {
		ended[t.Hold] = ended[t.Hold] || t.Ended && t.Check()
	}
	for _, t := range texts {
		readable, isKnown := has[t.Hold]
		switch {
		case over[t.Hold], t.Ended && (!isKnown || !t.Check()): // nothing is left to learn, or nothing can be
		case t.Ended:
			over[t.Hold] = true
			all = append(all, t)
		case !isKnown && !ended[t.Hold] && t.Concerns(destination), isKnown && !readable && t.Check():
			has[t.Hold] = t.Check()
			all = append(all, t)
		}
	}
	return all
}

// Unread is the refusal to delete or erase anything while other manifests can't be
// read: they may have holds.
func Unread(unread []error) error {
	return &refusal.Refusal{
		Code:   code.HoldsUnread,
		Reason: "another manifest on this machine can't be read, and it may have a legal hold: " + errors.Join(unread...).Error(),
		Hint: "make the file readable for this user; if it is damaged, restore a backup, or move it away and create it again with vbcvault rebuild; " +
			"if nobody needs it, move it to another directory",
	}
}
