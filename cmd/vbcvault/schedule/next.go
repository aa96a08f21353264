package schedule

import "time"

// Next is the first start after a moment, in the expression's zone. It is zero if s is.
func (s Spec) Next(after time.Time) time.Time {
	if s.wall == nil {
		return time.Time{}
	}
	named := s.named(s.shown(after))
	if named.IsZero() {
		return time.Time{}
	}
	return s.reached(named)
}

// named is the first time on the wall after another one that the expression names.
// Times on the wall are written as if they were UTC, which has no changes.
func (s Spec) named(after time.Time) time.Time {
	// The parser's own search gives up after five years, and 29 February may be eight
	// years away.
	for range 3 {
		if next := s.wall.Next(after); !next.IsZero() {
			return next
		}
		after = time.Date(after.Year()+5, 1, 1, 0, 0, 0, -1, time.UTC)
	}
	return time.Time{}
}

// twoDays is more than any zone is from UTC, and more than any change of a clock.
const twoDays = 48 * time.Hour

// shown is the latest time that the clock on the wall has shown until a moment. After
// a change back it isn't what the clock shows now.
func (s Spec) shown(until time.Time) time.Time {
	latest := wall(until.In(s.zone))
	at := until.In(s.zone)
	for {
		began, _ := at.ZoneBounds()
		if began.IsZero() || until.Sub(began) > twoDays {
			return latest
		}
		// It came up to this time and didn't reach it.
		at = began.Add(-1).In(s.zone)
		if w := wall(at); w.After(latest) {
			latest = w
		}
	}
}

// reached is the first moment at which the clock on the wall shows w or a later time.
func (s Spec) reached(w time.Time) time.Time {
	for period := w.Add(-twoDays).In(s.zone); ; {
		began, end := period.ZoneBounds()
		_, offset := period.Zone()
		at := w.Add(-time.Duration(offset) * time.Second)
		if at.Before(began) {
			at = began // the clock jumped over w
		}
		if end.IsZero() || at.Before(end) {
			return at.In(s.zone)
		}
		period = end
	}
}

// wall is what the clock on the wall shows, as if it were UTC.
func wall(t time.Time) time.Time {
	_, offset := t.Zone()
	return t.UTC().Add(time.Duration(offset) * time.Second)
}
