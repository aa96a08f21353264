package retry

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// meaning is an error that says itself what it means, and when to ask again.
type meaning struct {
	Verdict
	opens time.Time
}

func (meaning) Error() string { return "it failed" }

func judge(err error) Verdict {
	if m, ok := errors.AsType[meaning](err); ok {
		return m.Verdict
	}
	return Final
}

func TestLoop(t *testing.T) {
	t.Parallel()
	enough, left := errors.New("given up"), errors.New("the run has ended")
	for name, c := range map[string]struct {
		of     []Verdict // of each try; the last one repeats, Final is success
		opens  time.Duration
		tries  int
		want   error
		pauses time.Duration
	}{
		"works":                      {[]Verdict{Final}, 0, 1, nil, 0},
		"passes":                     {[]Verdict{Passing, Passing, Final}, 0, 3, nil, 3 * time.Second},
		"doesn't pass":               {[]Verdict{Passing}, 0, 4, meaning{Verdict: Passing}, 6 * time.Second},
		"says when it passes":        {[]Verdict{Passing, Final}, 7 * time.Second, 2, nil, 7 * time.Second},
		"says that it takes an hour": {[]Verdict{Passing, Final}, time.Hour, 2, nil, 30 * time.Second},
		"a quota, many times":        {append(slices.Repeat([]Verdict{Closed, Unknown}, 20), Final), 0, 41, nil, 0},
		"tokens keep expiring":       {[]Verdict{Expired}, 0, 4, meaning{Verdict: Expired}, 0},
		"looks permanent":            {[]Verdict{Doubtful}, 0, 2, meaning{Verdict: Doubtful}, 0},
		"nobody knows":               {[]Verdict{Odd}, 0, 4, enough, 6 * time.Second},
		"of everything something":    {[]Verdict{Passing, Doubtful, Odd, Expired, Closed, Final}, 0, 6, nil, 3 * time.Second},
		"nothing will work":          {[]Verdict{Systemic}, 0, 1, meaning{Verdict: Systemic}, 0},
		"is not wanted any more":     {[]Verdict{Cancelled}, 0, 1, meaning{Verdict: Cancelled}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				begin, tries, again := time.Now(), 0, 0
				l := Loop{
					Judge: judge, GiveUp: func(error) error { return enough }, Count: func() { again++ },
					Opens:  func(err error) time.Time { m, _ := errors.AsType[meaning](err); return m.opens },
					Pauses: []time.Duration{time.Second, 2 * time.Second, 3 * time.Second}, Log: slog.New(slog.DiscardHandler),
				}
				err := l.Do(t.Context(), &Patience{}, func() error {
					is := c.of[min(tries, len(c.of)-1)]
					if tries++; is == Final {
						return nil
					}
					m := meaning{Verdict: is}
					if c.opens > 0 {
						m.opens = begin.Add(c.opens)
					}
					return m
				})
				if tries != c.tries || again != c.tries-1 || !errors.Is(err, c.want) {
					t.Errorf("%d tries, %d counted, %v; want %d and %v", tries, again, err, c.tries, c.want)
				}
				if took := time.Since(begin); took != c.pauses {
					t.Errorf("paused %v, want %v", took, c.pauses)
				}
			})
		})
	}
	ctx, end := context.WithCancelCause(t.Context())
	err := Loop{Judge: judge, Log: slog.New(slog.DiscardHandler)}.Do(ctx, &Patience{}, func() error { end(left); return meaning{Verdict: Closed} })
	if !errors.Is(err, left) {
		t.Errorf("ended meanwhile: %v", err)
	}
}
