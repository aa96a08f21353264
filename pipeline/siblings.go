package pipeline

import (
	"context"
	"encoding/hex"
	"errors"
	"slices"

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

// siblingTexts is what the other manifests of an account know of holds. Where one
// can't be read, nothing may be deleted: it may have a hold.
func (m *means) siblingTexts(ctx context.Context, account string, deletes bool) ([]manifest.HoldText, error) {
	if m.siblings == nil {
		return nil, nil
	}
	texts, unread, err := m.siblings(ctx, account)
	if err != nil {
		return nil, err
	}
	if len(unread) > 0 && deletes {
		return nil, &refusal.Refusal{
			Code:   code.HoldsUnread,
			Reason: "nothing is deleted at VBC, because another manifest on this machine can't be read, and it may have a legal hold: " + errors.Join(unread...).Error(),
			Hint: "make the file readable for this user; if it is damaged, restore a backup, or move it away and create it again with vbcvault rebuild; " +
				"if nobody needs it, move it to another directory. Without --delete, vbcvault archive works meanwhile",
		}
	}
	for _, err := range unread {
		m.log.Warn("another manifest on this machine can't be read, so it is unknown which legal holds it has; with --delete, the run would stop", "reason", err)
	}
	return texts, nil
}

// learnSiblings takes over what the account's other manifests on this machine know
// of holds. They are as trustworthy as this one. It returns all holds.
func (r *run) learnSiblings(ctx context.Context, known []manifest.Hold) ([]manifest.Hold, error) {
	texts, err := r.siblingTexts(ctx, r.account, r.policy.Delete)
	if err != nil {
		return nil, err
	}
	texts = news(known, texts, r.store.String())
	for _, t := range texts {
		if err := r.manifest.ShareHold(r.work, t); err != nil {
			return nil, err
		}
		what := "another manifest on this machine has a legal hold, which is in force here too"
		if t.Ended {
			what = "another manifest on this machine says that a legal hold has been removed, which is removed here too"
		}
		r.log.Info(what, "hold", hex.EncodeToString(t.Hold[:4]))
	}
	if len(texts) == 0 {
		return known, nil
	}
	return r.manifest.Holds(r.work)
}

// foreseeSiblings adds to the holds of a dry run those that the run would learn.
func (r *run) foreseeSiblings(ctx context.Context, account string) error {
	texts, err := r.siblingTexts(ctx, account, r.policy.Delete)
	if err != nil {
		return err
	}
	for _, t := range news(r.holds, texts, r.destination) {
		i := slices.IndexFunc(r.holds, func(h manifest.Hold) bool { return h.Digest == t.Hold })
		if i < 0 {
			i, r.holds = len(r.holds), append(r.holds, manifest.Hold{})
		}
		if t.Ended {
			r.holds[i].Removed = &manifest.Removal{}
			continue
		}
		r.holds[i] = t.Made()
	}
	return nil
}

// news are those of the texts that a manifest of a destination lacks, each making
// before its end. What has ended before the manifest has known it is none.
func news(known []manifest.Hold, texts []manifest.HoldText, destination string) (all []manifest.HoldText) {
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
