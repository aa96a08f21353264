package evidence

import (
	"fmt"
	"time"
)

// Fresh is how old evidence may be, at most, when the DELETE that it justifies is
// written to its connection.
const Fresh = 10 * time.Second

// moment is a time by two clocks: the one on the wall, and one that goes on while
// the machine sleeps. Go's own doesn't, on most systems.
type moment struct {
	wall time.Time
	boot time.Duration
}

// clocks are what moments are taken from.
type clocks struct {
	wall func() time.Time
	boot func() time.Duration
}

var system = clocks{wall: time.Now, boot: sinceBoot}

func (c clocks) now() moment { return moment{c.wall().Round(0), c.boot()} } // without Go's own clock

// age is how long ago a moment was, by the clock by which that is longer. One that
// was set back meanwhile says nothing: then that is longer than everything.
func (c clocks) age(m moment) time.Duration {
	now := c.now()
	wall, boot := now.wall.Sub(m.wall), now.boot-m.boot
	if wall < -time.Second || boot < 0 {
		return 1<<63 - 1
	}
	return max(wall, boot)
}

// StaleError says that evidence is too old for what it is to justify.
type StaleError struct{ Age time.Duration }

func (e *StaleError) Error() string {
	return fmt.Sprintf("the check of the copy is older than %v: this machine or program was suspended, or the manifest's disk is slow", Fresh)
}

// Fresh returns a *StaleError unless the store was asked less than that ago, by
// the clock on the wall and by one that counts the time for which the machine
// slept.
func (v Verified) Fresh() error {
	if age := system.age(v.asked); age > Fresh {
		return &StaleError{age}
	}
	return nil
}
