package check

import (
	"slices"

	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/spill"
)

// replay puts together what was put aside, one part of the recordings after the other.
func (a *aside) replay(v *verdict) error {
	v.wrong = map[string]*firsts[suspect]{}
	for i := range spill.Parts {
		all := newStories()
		var suspects []suspect
		for record, err := range a.pile.Part(i) {
			if err != nil {
				return err
			}
			switch kind, body := record[0], record[1:]; kind {
			case loosenRecord:
				all.loosen()
			case entryRecord:
				var t told
				t.decode(body)
				if t.unproven && !all.goneAgain(t) {
					v.unproven = append(v.unproven, t.order)
				}
				all.tell(t)
			case rowRecord:
				var r rowSaid
				r.decode(body)
				suspects = append(suspects, all.compare(r, v)...)
			}
		}
		all.conclude(suspects, v)
	}
	return nil
}

// compare compares a row with what was told before it was read, and returns what
// speaks against it so far.
func (all stories) compare(r rowSaid, v *verdict) (wrong []suspect) {
	s, ok := all.of[r.identity]
	if r.state == manifest.Purged || r.state == manifest.Erasing || r.state == manifest.Erased {
		switch vouchedBy(s, r.state) {
		case nobody:
			wrong = append(wrong, suspect{rowSaid: r, code: code.NoReceipt})
		case unsignedOnly:
			v.unsigned++
		default:
			v.relies = v.relies || s.last == nothing
		}
	}
	if why := all.differs(s, r); why != "" {
		wrong = append(wrong, suspect{r, code.RowChanged, why})
	}
	if !ok {
		return wrong
	}
	switch {
	case s.fitsTo(r.state):
		s.flags |= fits
	case s.said(loose):
		v.strange++
		s.flags |= fits
	default:
		wrong = append(wrong, suspect{r, code.RowState, s.last.String()})
	}
	s.rows = min(s.rows, 254) + 1
	all.of[r.identity] = s
	return wrong
}

// conclude says what is still wrong when all was told.
func (all stories) conclude(suspects []suspect, v *verdict) {
	for _, w := range suspects {
		if all.of[w.identity].clears(w) {
			continue
		}
		if v.wrong[w.code] == nil {
			v.wrong[w.code] = &firsts[suspect]{}
		}
		v.wrong[w.code].add(w.order, w)
	}
	for i, s := range all.of {
		if s.rows == 0 && !s.said(loose) && (s.last == gone || s.last == beingErased || s.last == erased) {
			v.missing.add(s.ended, i)
		}
		if s.said(wasErased) && s.flags&(wasBeingErased|beingErasedUnsigned) == 0 {
			v.unbegun.add(s.erased, i)
		}
	}
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
func (all stories) differs(s story, r rowSaid) string {
	if s.last != gone && s.last != beingErased && s.last != erased || !s.said(ownCopy) || s.said(loose) {
		return ""
	}
	if !r.known && r.state != manifest.Purged {
		return "" // an erasure of what never had one
	}
	switch {
	case !s.fitsTo(r.state): // which is named, or it is another recording's
	case s.said(several):
		if !slices.Contains(all.copies[r.identity], r.copy) {
			return "copy"
		}
	case s.copy != r.copy:
		return "copy"
	case s.text != 0 && s.text != r.text:
		return "transcript"
	}
	return ""
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
