package check

import (
	"context"
	"fmt"
	"slices"

	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

// What is named one by one of each kind; the rest is counted.
const (
	namedRows    = 10
	rememberRows = 10_000
)

// suspect is a row that speaks against the receipts, as it was when it was read.
type suspect struct {
	identity
	state       manifest.State
	code, means string
}

// suspects are those rows, few of them in memory.
type suspects struct {
	all  []suspect
	more map[string]int64 // beyond these, by code
}

func (s *suspects) add(i identity, state manifest.State, code, format string, args ...any) {
	if len(s.all) < rememberRows {
		s.all = append(s.all, suspect{i, state, code, fmt.Sprintf(format, args...)})
		return
	}
	if s.more == nil {
		s.more = map[string]int64{}
	}
	s.more[code]++
}

// compareRows compares each row with what the logs say of it, and the other way
// round. Entries that a run has added meanwhile are read at the end: what was wrong
// without them, and isn't with them, wasn't.
func (a *auditor) compareRows(ctx context.Context) error {
	if a.own.broken {
		return nil // and named; nobody knows what the log says
	}
	var wrong suspects
	var unsigned, strange int64
	relies := false // on another log
	for row, err := range a.m.InOrder(ctx) {
		if err != nil {
			return err
		}
		i := identityOf(row.Kind, row.Owner, row.ID, row.Start.Unix())
		s, ok := a.stories.of[i]
		if row.State == manifest.Purged || row.State == manifest.Erasing || row.State == manifest.Erased {
			switch vouchedBy(s, row.State) {
			case nobody:
				wrong.add(i, row.State, code.NoReceipt,
					"%s is %s in the manifest, and no receipt says so", row.Recording, row.State)
			case unsignedOnly:
				unsigned++
			default:
				relies = relies || s.last == nothing
			}
		}
		if why := a.stories.differs(i, s, row); why != "" {
			wrong.add(i, row.State, code.RowChanged,
				"the %s of %s in the manifest is not the one that its receipt names", why, row.Recording)
		}
		if !ok {
			continue
		}
		switch {
		case s.fitsTo(row.State):
			s.flags |= fits
		case s.said(loose):
			strange++
			s.flags |= fits
		default:
			wrong.add(i, row.State, code.RowState,
				"%s is %s in the manifest, and the last receipt says that it %s", row.Recording, row.State, s.last)
		}
		s.rows = min(s.rows, 254) + 1
		a.stories.of[i] = s
	}
	if err := a.catchUp(ctx); err != nil {
		return err
	}
	if unsigned > 0 {
		a.remark(code.UnsignedDeletion, "",
			"recordings that were deleted or erased, and whose receipts no known key has signed, as in the "+
				"logs of earlier versions: %d", unsigned)
	}
	if strange > 0 {
		a.remark(code.Unsettled, a.Chain,
			"recordings whose receipts were copied from the archive after a restore, or written by an "+
				"earlier version, and whose state in the manifest is older: %d; the next run with --delete "+
				"settles this", strange)
	}
	a.nameRows(wrong)
	if relies {
		a.anotherLog()
	}
	return a.compareStories(ctx)
}

// catchUp reads what was added to the own log since.
func (a *auditor) catchUp(ctx context.Context) error {
	own := a.own.Chain
	for line, err := range a.m.Receipts(ctx, own.Last) {
		if err != nil {
			return err
		}
		e, err := own.Next(line)
		if err != nil {
			a.wrong(code.LogChanged, own.ID, "manifest: %v", err)
			return nil
		}
		a.take(e, true)
	}
	return nil
}

// Who says that what a row says has happened.
const (
	nobody = iota
	unsignedOnly
	known
)

func vouchedBy(s story, state manifest.State) int {
	flag := wasGone
	switch state {
	case manifest.Erasing:
		flag = wasBeingErased
	case manifest.Erased:
		flag = wasErased
	}
	switch {
	case s.said(flag):
		return known
	case s.said(flag << unsignedShift):
		return unsignedOnly
	}
	return nobody
}

// fitsTo reports whether a state may follow on what the own log says last.
func (s story) fitsTo(state manifest.State) bool {
	done := state == manifest.Purged || state == manifest.Erasing || state == manifest.Erased
	switch s.last {
	case intended, back:
		return !done
	case gone:
		return done
	case beingErased:
		return state == manifest.Erasing || state == manifest.Erased
	case erased:
		return state == manifest.Erased
	}
	return true
}

// String is what is said, behind "it".
func (w word) String() string {
	return [...]string{
		"is unknown", "is to be deleted at VBC", "is no longer at VBC", "is still at VBC", "is being erased", "is erased",
	}[w]
}

// differs says what of a copy is not what the own log names, "" if nothing is. A copy
// that VBC can still replace may be another one.
func (all stories) differs(i identity, s story, row manifest.Row) string {
	if s.last != gone && s.last != beingErased && s.last != erased || !s.said(ownCopy) || s.said(loose) {
		return ""
	}
	c := row.Copy
	if !c.Known() && row.State != manifest.Purged {
		return "" // an erasure of what never had one
	}
	sum := sumOf(c.Audio, c.Sidecar)
	switch {
	case !s.fitsTo(row.State): // which is named, or it is another recording's
	case s.said(several):
		if !slices.Contains(all.copies[i], sum) {
			return "copy"
		}
	case s.copy != sum:
		return "copy"
	case s.text != 0 && s.text != uint32(sumOf(c.Transcript))|1:
		return "transcript"
	}
	return ""
}

// nameRows names the rows that are still wrong with all that was added since.
func (a *auditor) nameRows(wrong suspects) {
	named := map[string]int64{}
	offline := int64(0)
	for _, w := range wrong.all {
		if a.stories.of[w.identity].clears(w) {
			continue
		}
		if w.code == code.NoReceipt && a.store == nil && a.mayBeElsewhere() {
			offline++
			continue
		}
		if named[w.code]++; named[w.code] <= namedRows {
			a.wrong(w.code, a.Chain, "%s", w.means)
		}
	}
	if offline > 0 {
		a.remark(code.Elsewhere, "",
			"recordings whose receipts are in other logs, which --offline does not check: %d",
			offline+wrong.more[code.NoReceipt])
		delete(wrong.more, code.NoReceipt)
	}
	for _, c := range []string{code.NoReceipt, code.RowChanged, code.RowState} {
		if rest := named[c] - namedRows + wrong.more[c]; rest > 0 && named[c] > 0 {
			a.wrong(c, a.Chain, "%s: %d more recordings", c, rest)
		}
	}
}

// clears reports whether a row isn't wrong after all.
func (s story) clears(w suspect) bool {
	switch w.code {
	case code.NoReceipt:
		return vouchedBy(s, w.state) != nobody
	case code.RowState:
		return s.said(loose) || s.said(fits) // as another row of the same id and second
	}
	return s.said(loose) || s.rows > 1 && !s.said(several)
}

// mayBeElsewhere reports whether other manifests' logs may have receipts of this one's
// rows: it was rebuilt, or works on an archive with others.
func (a *auditor) mayBeElsewhere() bool { return !a.looked || len(a.tips) > 0 || len(a.seen) > 0 }

// anotherLog names a log on which rows rely, that this manifest's own key has signed,
// and of which the own log knows nothing: it was this manifest's. One that was rebuilt
// has confirmed all logs that it found; two machines may sign with one key, but rely on
// what is their own.
func (a *auditor) anotherLog() {
	if a.store == nil || a.Key == "" {
		return
	}
	told := map[string]bool{}
	for _, g := range a.logs.Logs {
		if _, known := a.covered[g.Chain]; known || g.Chain == a.Chain || g.Verifier != a.Key || told[g.Chain] {
			continue
		}
		told[g.Chain] = true
		a.wrong(code.AnotherLog, g.Chain,
			"destination: this manifest's key has signed the log %s (%d entries), which is not the "+
				"manifest's: its own log was replaced", g.Chain, g.Signed)
	}
}
