// Package retry is the one place that tries anything again. What an error means
// is its user's affair, which brings a judge.
package retry

import (
	"context"
	"log/slog"
	"time"
)

// Verdict is what an error means for trying again.
type Verdict int

const (
	Final     Verdict = iota // trying again won't help
	Passing                  // it may well work in a moment
	Closed                   // the quota is used up: the next slot waits, nothing else
	Expired                  // the token was refused: the next slot brings a new one
	Unknown                  // a new token isn't known everywhere yet: the next slot waits, and the client bounds how often
	Doubtful                 // looks permanent; one more try decides
	Odd                      // a quota's code with another status: whether it passes, nobody knows
	Systemic                 // nothing will work from here on: all must end
	Cancelled                // nobody wants it any more
)

// Patience counts the faults of one thing, such as a recording in a run: whatever it is
// that fails, so many are enough. The zero one is new. It belongs to one goroutine.
type Patience struct {
	Passed  int // faults that pass
	doubted int // those that don't look like it
	odd     int // refusals of which nobody knows whether they pass
}

const (
	MaxPassing  = 4
	maxDoubtful = 2
	maxOdd      = 4

	sayWait = 10 * time.Second // pauses of one request that are worth a word
)

// Pauses come before the second, third and fourth try: 8.5 seconds in
// all, so that a broken recording doesn't hold up a worker.
var Pauses = []time.Duration{500 * time.Millisecond, 2 * time.Second, 6 * time.Second}

// Loop tries again what has failed. It may be used by several at once.
type Loop struct {
	Judge  func(error) Verdict   // what an error means
	Opens  func(error) time.Time // when whoever refused may be asked again, zero if not said; nil = nobody says
	GiveUp func(odd error) error // what an odd error comes to in the end; nil = itself
	Pauses []time.Duration       // before the second, third … try; the last one repeats
	Count  func()                // is told of each further try; nil = nobody
	Log    *slog.Logger
}

// Do tries until it works, or trying again makes no sense: then its error is the
// last try's, GiveUp's, or the cause of ctx's end. t is what it counts in.
func (l Loop) Do(ctx context.Context, t *Patience, try func() error) error {
	for {
		err := try()
		verdict := l.Judge(err)
		switch verdict {
		case Closed, Unknown: // waiting for the quota is no failure
		case Expired, Passing:
			if t.Passed++; t.Passed >= MaxPassing {
				return err
			}
		case Odd:
			if t.odd++; t.odd >= maxOdd {
				if l.GiveUp != nil {
					err = l.GiveUp(err)
				}
				return err
			}
		case Doubtful:
			if t.doubted++; t.doubted >= maxDoubtful {
				return err
			}
		default:
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		l.Log.Debug("trying again", "after", err)
		if verdict == Passing || verdict == Odd {
			wait := l.pauseAfter(err, t.Passed+t.odd)
			if wait >= sayWait {
				l.Log.Info("VBC asks to wait before the next request", "for", wait.Round(time.Second), "reason", err)
			}
			if err := Pause(ctx, wait); err != nil {
				return err
			}
		}
		if l.Count != nil {
			l.Count()
		}
	}
}

// pauseAfter is how long to wait after so many failures: longer if whoever refused
// says so, up to a minute.
func (l Loop) pauseAfter(err error, failures int) time.Duration {
	d := l.Pauses[min(failures, len(l.Pauses))-1]
	if l.Opens == nil {
		return d
	}
	if opens := l.Opens(err); !opens.IsZero() {
		d = max(d, min(time.Until(opens), 10*l.Pauses[len(l.Pauses)-1]))
	}
	return d
}

// Pause waits, or returns the cause of ctx's end.
func Pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
