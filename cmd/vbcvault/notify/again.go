package notify

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/retry"
)

// failure is why a delivery failed, in words that have no secret.
type failure struct {
	text  string
	final bool          // to try again is no use
	after time.Duration // whoever refused asks to wait so long
}

func (f *failure) Error() string { return f.text }

// Final reports whether it is no use to send the letter again: somebody has to change
// something first.
func Final(err error) bool {
	f, ok := errors.AsType[*failure](err)
	return ok && f.final
}

// insist sends a letter with several tries.
func (t *Teller) insist(ctx context.Context, l Letter) error {
	loop := retry.Loop{
		Judge: func(err error) retry.Verdict {
			if err == nil || Final(err) {
				return retry.Final
			}
			return retry.Passing
		},
		Opens: func(err error) time.Time {
			if f, ok := errors.AsType[*failure](err); ok && f.after > 0 {
				return time.Now().Add(f.after)
			}
			return time.Time{}
		},
		Pauses: t.pauses,
		Log:    slog.New(slog.DiscardHandler), // its words are about VBC
	}
	var last error
	err := loop.Do(ctx, &retry.Patience{}, func() error {
		if last = t.Send(ctx, l); last != nil && !Final(last) {
			t.log.Debug("telling again", "notifier", l.Notifier, "after", last)
		}
		return last
	})
	if err != nil && last != nil {
		return last // and not that the time is over
	}
	return err
}
