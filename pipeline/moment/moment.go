// Package moment says how long ago something was, also where this process was stopped
// or the machine slept meanwhile: what lets a DELETE go out must not grow old unnoticed.
package moment

import (
	"math"
	"time"
)

// Moment is a time by two clocks: the one on the wall, and one that goes on while the
// machine sleeps. Go's own doesn't, on most systems. The zero one was long ago.
type Moment struct {
	wall time.Time
	boot time.Duration
}

// clocks are what moments are taken from.
type clocks struct {
	wall func() time.Time
	boot func() time.Duration
}

var system = clocks{wall: time.Now, boot: sinceBoot}

// Now is this moment.
func Now() Moment { return system.now() }

// Age is how long ago a moment was, by the clock by which that is longer. If one was set
// back meanwhile, nobody knows: then it is longer than everything.
func (m Moment) Age() time.Duration { return system.age(m) }

func (c clocks) now() Moment { return Moment{c.wall().Round(0), c.boot()} } // without Go's own clock

func (c clocks) age(m Moment) time.Duration {
	now := c.now()
	wall, boot := now.wall.Sub(m.wall), now.boot-m.boot
	if wall < -time.Second || boot < 0 {
		return math.MaxInt64
	}
	return max(wall, boot)
}
