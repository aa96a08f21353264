package vbc

import "time"

// sighting is what an answer says of the token that its request carried.
type sighting struct {
	at           time.Time // when the request was permitted
	provisioning bool
	err          *Error // nil: the token was accepted
}

// report tells what became of a request that carried t, and says what that
// means: Error.NewToken, or an error that ends everything.
//
// A 401 is fatal only when several tokens, obtained one after the other, were
// refused without having worked: an expired or revoked token is no such thing.
func (s *tokens) report(t *token, saw sighting) error {
	s.mu.Lock()
	if saw.err == nil {
		t.worked, t.doubts, s.ever, s.unused, s.gained, s.asked = true, 0, true, 0, 0, s.asked && !saw.provisioning
		s.mu.Unlock()
		return nil
	}
	over := s.disbelieve(t, saw)
	s.mu.Unlock()
	if !over {
		return nil
	}
	return s.end(&AuthError{Cause: RefusedToken, Reason: saw.err.Error()})
}

// disbelieve notes a 401, and reports whether it is one too many. The caller
// holds mu.
func (s *tokens) disbelieve(t *token, saw sighting) (over bool) {
	if t.refused || t.doubts > 0 && saw.at.Before(t.doubted) {
		saw.err.NewToken = !t.worked && !t.refused
		return false // another request, which was under way too, has told already
	}
	// Where both APIs share an application, the Provisioning API may refuse a
	// token that is good for the other. Another token is tried once.
	guest := saw.provisioning && !s.beside
	if guest && s.asked {
		return false
	}
	s.asked = s.asked || guest && s.ever
	unclear := !saw.err.aboutToken()
	t.doubts++
	t.doubted = time.Now()
	switch {
	case t.worked && unclear && t.doubts < 2:
		return false // the next answer tells
	case s.ever && unclear && time.Since(t.made) < stranger:
		return false // it is the request
	case t.worked:
		t.refused = true
		if s.early++; time.Since(t.made) >= earlyEnds {
			s.early = 1
		}
		return false
	}
	// It is new, and may not be known yet.
	if tries := max(0, len(freshPauses)-s.unused); t.doubts <= tries && saw.err.Code != codeExpired {
		saw.err.NewToken = true
		t.rests = t.doubted.Add(freshPauses[t.doubts-1])
		return false
	}
	saw.err.NewToken = true
	t.refused = true
	s.unused++
	if guest {
		s.asked = true
		return false // nobody knows yet what the other API says of it
	}
	return s.unused >= maxUnused && (!s.ever || s.unused >= maxUnusedLate)
}
