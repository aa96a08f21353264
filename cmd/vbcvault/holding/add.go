package holding

import (
	"context"
	"errors"
	"fmt"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

// Beside opens an existing manifest for a short change, as Machine.Beside does.
type Beside func(ctx context.Context, path string, do func(manifest.Opened) error) error

// Adding is a hold on its way into the manifests of an account.
type Adding struct {
	// Places finds the manifests that are to have it, and is asked again until there
	// are no new ones. account is "" the first time, and then the number of the account
	// that the hold is for. nil: those of Add alone.
	Places func(ctx context.Context, account string) (places []Place, unread []error, err error)
	Beside Beside
}

// Added is what has become of a hold.
type Added struct {
	Hold    manifest.Hold
	Reached []Place // with the hold, and the number that it has there, as the last
	Missed  []error // manifests that haven't got it, or that can't be read
}

// Common is the hold with the numbers that it has got.
func (a Added) Common() Hold {
	for _, h := range Common(a.Reached) {
		if h.Digest == a.Hold.Digest {
			return h
		}
	}
	return Hold{Hold: a.Hold}
}

// Add writes the hold, in the same words, into the places, and then into those that
// have come meanwhile, until there are no new ones. A run that begins meanwhile binds
// its manifest to the account before it reads the holds of the others: so it is found
// here, or has found the hold there. On nil the hold is in force in all of Reached, and
// durable there; after an error it is in force nowhere.
func (a Adding) Add(ctx context.Context, h manifest.Hold, places []Place, unread []error) (Added, error) {
	var done Added
	var text manifest.HoldText
	var err error
	if done.Hold, text, err = manifest.NewHold(h); err != nil {
		return done, err
	}
	for _, p := range places { // so that it has the same number everywhere
		for _, other := range p.Holds {
			text.Number = max(text.Number, other.Number)
		}
	}
	text.Number++
	account := places[0].Bound.Account
	tried := map[string]bool{}
	for fresh := true; fresh; {
		fresh = false
		for _, p := range places {
			if tried[p.Path] {
				continue
			}
			tried[p.Path], fresh = true, true
			if err := a.write(ctx, p, text, &done); err != nil {
				done.Missed = append(done.Missed, fmt.Errorf("%s: %w", p, err))
			}
		}
		if a.Places == nil {
			break
		}
		if places, unread, err = a.Places(ctx, account); err != nil {
			done.Missed = append(done.Missed, err)
			break
		}
	}
	if len(done.Reached) == 0 {
		return done, errors.Join(done.Missed...)
	}
	done.Missed = append(done.Missed, unread...)
	return done, nil
}

// write writes the hold into one manifest.
func (a Adding) write(ctx context.Context, p Place, text manifest.HoldText, done *Added) error {
	return a.Beside(ctx, p.Path, func(m manifest.Opened) error {
		if err := m.ShareHold(ctx, text); err != nil {
			return err
		}
		holds, err := m.Holds(ctx)
		if err != nil {
			return err
		}
		for _, h := range holds {
			if h.Digest == text.Hold {
				p.Holds = append(p.Holds, h)
			}
		}
		done.Reached = append(done.Reached, p)
		return nil
	})
}

// End ends a hold, with the same text, in all these places. What could not be written is
// in missed: there the hold is still in force, and the same call may be made again.
func End(ctx context.Context, in []Place, end manifest.HoldText, beside Beside) (missed []error) {
	for _, p := range in {
		if err := beside(ctx, p.Path, func(m manifest.Opened) error { return m.ShareHold(ctx, end) }); err != nil {
			missed = append(missed, fmt.Errorf("%s: %w", p, err))
		}
	}
	return missed
}
