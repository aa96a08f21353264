package pipeline

import (
	"context"
	"fmt"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/refusal"
	"github.com/vbcvault/vbcvault/vbc"
)

// admit takes what this run is about out of what was listed, writes it down,
// and returns it with what was known of it.
func (l *listing) admit(ctx context.Context, c collection, listed []vbc.Recording) (eligible []vbc.Recording, seen []manifest.Sighting, err error) {
	for _, rec := range listed {
		if rec.Unreadable != "" {
			continue // see cantRead
		}
		if rec.Kind == vbc.OnDemand && c.user == "self" {
			if rec.Owner == "" {
				return nil, nil, &refusal.Refusal{Code: code.SelfUnknown, Reason: "VBC doesn't say which user \"self\" is, and recordings of two users can have the same ids",
					Hint: "give the user's number, as in --users 745249"}
			}
			l.users.add(rec.Owner)
			l.selfUser = rec.Owner
		}
		if l.policy.eligible(rec) {
			eligible = append(eligible, rec)
		}
	}
	l.shown(l.numbered(c), listed)
	if len(eligible) == 0 {
		return nil, nil, nil
	}
	if err := l.identify(ctx, eligible); err != nil {
		return nil, nil, err
	}
	if err := l.recognise(ctx, eligible); err != nil {
		return nil, nil, err
	}
	for i := range eligible {
		eligible[i].Account = l.account
	}
	if seen, err = l.register.Add(ctx, l.id, eligible); err != nil {
		return nil, nil, err
	}
	for i, s := range seen {
		l.count(eligible[i], s)
	}
	return eligible, seen, nil
}

// count counts a recording once, however many listings show it.
func (l *listing) count(rec vbc.Recording, s manifest.Sighting) {
	if s == manifest.Repeated {
		return
	}
	l.stats.Listed.Add(1)
	l.stats.ListedBytes.Add(max(rec.Size, 0))
	switch s {
	case manifest.Archived, manifest.Doubted:
		l.stats.AlreadyArchived.Add(1)
	case manifest.Corrected:
		l.log.Info("VBC shows this recording with another start than before: it is archived again with the new start, and the earlier copy stays",
			"recording", rec.String(), "start", rec.Start.Format(time.RFC3339))
	case manifest.Reappeared:
		l.log.Warn("VBC lists a recording again although VBC had confirmed its deletion", "recording", rec.String())
	case manifest.ErasedAgain:
		l.stats.Failed.Add(1)
		l.log.Error("VBC lists a recording again that was erased from the archive on request; vbcvault neither archives nor deletes it: delete it in the VBC admin portal", "recording", rec.String())
	}
}

// identify learns the account's number before anything of it is stored:
// another account's recordings may have the same ids. The number comes from
// --account, else from the recordings' own links, else from one request.
func (l *listing) identify(ctx context.Context, recordings []vbc.Recording) error {
	for _, rec := range recordings {
		if rec.Account == "" {
			continue
		}
		if l.account == "" {
			if err := l.settleAccount(ctx, rec.Account); err != nil {
				return err
			}
		}
		if rec.Account != l.account {
			return &refusal.Refusal{Code: code.AnotherAccount, Reason: fmt.Sprintf("VBC shows recordings of account %s, but this run is for account %s", rec.Account, l.account),
				Hint: "these credentials belong to another account: check VBC_USERNAME and --account"}
		}
	}
	if l.account != "" {
		return nil
	}
	number, err := l.askAccount(ctx)
	if err != nil {
		return err
	}
	return l.settleAccount(ctx, number)
}

// recognise remembers whose recordings these credentials show, for a run that is
// shown none.
func (l *listing) recognise(ctx context.Context, shown []vbc.Recording) error {
	if l.manifest == nil || l.recognised || shown[0].Account == "" {
		return nil
	}
	l.recognised = true
	return l.manifest.SetLogin(ctx, l.vbc.Login256())
}
