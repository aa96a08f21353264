package pipeline

import (
	"context"
	"fmt"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/vbc"
)

// scan is what a run's listing of a collection has come to, compared with what
// VBC showed of it before.
type scan struct {
	base   manifest.Scan // the last one that was listed from its beginning
	full   bool          // this one was, without gaps
	begun  time.Time
	shown  int       // recordings before the cutoff
	again  int       // of them: known before, and not as old as VBC may have removed meanwhile
	oldest time.Time // start of the oldest that it showed
}

// scanOf is the scan of a collection, which several listers may be part of.
func (l *listing) scanOf(c collection) *scan {
	if l.scans == nil {
		l.scans = map[collection]*scan{}
	}
	if l.scans[c] == nil {
		l.scans[c] = &scan{}
	}
	return l.scans[c]
}

// line is before which recordings may have left VBC by themselves since the
// last scan: some accounts keep them for so many days. Time takes no more of
// them than it has.
func (s *scan) line(now time.Time) time.Time {
	if s.base.Oldest.IsZero() {
		return time.Time{}
	}
	return s.base.Oldest.Add(now.Sub(s.base.At) + 24*time.Hour)
}

// note counts what a listing shows.
func (s *scan) note(p *policy, listed []vbc.Recording) {
	for _, rec := range listed {
		if rec.Unreadable == "" && rec.Start.Before(p.Cutoff) {
			if s.shown++; s.oldest.IsZero() || rec.Start.Before(s.oldest) {
				s.oldest = rec.Start
			}
		} else if rec.Unreadable != "" {
			s.shown++
		}
	}
}

// sighted notes what was known of a recording that is shown: whether it was here
// before, and whether it comes later than it should.
func (l *lister) sighted(rec vbc.Recording, is manifest.Sighting) error {
	switch is {
	case manifest.Repeated:
		return nil
	case manifest.New, manifest.Corrected:
	default:
		if !rec.Start.Before(l.scan.line(l.started)) {
			l.scan.again++
		}
		return nil
	}
	if is != manifest.New || rec.Nth != 0 || l.manifest == nil || l.before.Until.IsZero() || fromTheFuture(l.before.Until) ||
		!rec.Start.Before(l.before.Until) || rec.Start.Before(l.before.Since) || len(l.standing()) > 0 {
		return nil
	}
	// A listing that has come further didn't show it.
	late := manifest.Late{By: l.before.Until.Sub(rec.Start), Recording: rec.String(), Start: rec.Start, Seen: l.started.UTC()}
	known, err := l.manifest.Late(l.work)
	if err != nil || known.By >= late.By {
		return err
	}
	if late.By > overlap {
		l.log.Warn("a recording appeared so late that only a listing of everything could show it", "recording", late.Recording, "days_late", int(late.By.Hours()/24))
	}
	return l.manifest.SetLate(l.work, late)
}

// fewGone is from how many recordings on it matters that most of them are gone.
const fewGone = 10

// checkListings settles at the end of a run what troubles are over.
//
// It compares each listing of a whole collection with the one before, when all
// that it didn't show and that is to be deleted has been asked for one by one.
// Where VBC shows none, or few, of the recordings that it had, they may be
// hidden, and nobody can say that all is done.
func (l *listing) checkListings(ctx context.Context) error {
	for c, s := range l.scans {
		if !s.full || l.manifest == nil {
			continue
		}
		if err := l.checkScan(ctx, c, s); err != nil {
			return err
		}
	}
	return l.manifest.OverForRun(ctx, l.id, l.policy.Kinds)
}

func (l *listing) checkScan(ctx context.Context, c collection, s *scan) error {
	filter := l.policy.Filter.String()
	gone, err := l.vanished(ctx, c, s)
	if err != nil {
		return err
	}
	about := manifest.Trouble{Kind: c.kind, Owner: c.user, Code: manifest.Vanished, Filter: manifest.FilterName(filter), Begins: s.begun, Ends: l.policy.Cutoff}
	if s.few(gone) {
		about.Reason = "VBC shows less than half of the " + c.String() + " that it had before"
		if s.again == 0 {
			about.Reason = "VBC shows none of the " + c.String() + " that it had before"
		}
		l.log.Warn("VBC shows fewer recordings than before", "collection", c.String(), "had", gone+int64(s.again), "shows", s.again)
		if l.trouble("VBC shows fewer recordings than before; if somebody deleted them, acknowledge it", about) {
			return nil
		}
	} else if err := l.manifest.Over(ctx, l.id, about); err != nil {
		return err
	}
	now := manifest.Scan{Run: l.id, At: l.started.UTC(), Oldest: s.oldest, Retention: s.base.Retention}
	if s.oldest.IsZero() {
		if s.base.Run == 0 && gone == 0 {
			return nil // there is nothing to compare with later
		}
		now.Oldest = l.policy.Cutoff
	} else if older, err := l.unseen(ctx, c, s, s.begun, s.oldest); err != nil {
		return err
	} else if older >= 3 { // the oldest of many, and nobody has deleted them here
		now.Retention = l.started.Sub(s.oldest).Truncate(time.Hour)
	}
	return l.manifest.SetScan(ctx, c.kind, c.user, filter, now)
}

// few reports whether so many that are gone say that the listing can't be
// believed.
func (s *scan) few(gone int64) bool {
	if s.again == 0 {
		return gone > 0
	}
	return s.base.Run > 0 && gone >= fewGone && gone > int64(s.again)
}

// vanished counts what VBC had when it was last scanned, or since, and doesn't
// show any more; not what may have become too old for it.
func (l *listing) vanished(ctx context.Context, c collection, s *scan) (int64, error) {
	from := s.begun
	if line := s.line(l.started); line.After(from) {
		from = line
	}
	return l.unseen(ctx, c, s, from, l.policy.Cutoff)
}

func (l *listing) unseen(ctx context.Context, c collection, s *scan, from, until time.Time) (int64, error) {
	var matches func(vbc.Recording) bool
	if l.policy.Filter.String() != "" || !l.policy.Since.IsZero() {
		matches = l.policy.eligible
	}
	owner, err := l.ownerOf(ctx, c)
	if err != nil {
		return 0, err
	}
	n, err := l.manifest.Unseen(ctx, c.kind, owner, l.id, s.base.Run, from, until, matches)
	if err != nil {
		return 0, fmt.Errorf("compare the %s with what VBC had before: %w", c, err)
	}
	return n, nil
}

// ownerOf is under whose number the manifest has a collection's recordings. Who
// "self" is, only recordings say: where none are shown, it is who it was.
func (l *listing) ownerOf(ctx context.Context, c collection) (string, error) {
	if c.user != "self" {
		return c.user, nil
	}
	known, err := l.manifest.Self(ctx)
	if err != nil || l.selfUser == "" || l.selfUser == known {
		return known, err
	}
	return l.selfUser, l.manifest.SetSelf(ctx, l.selfUser)
}
