package moment

import (
	"time"

	"golang.org/x/sys/unix"
)

// sinceBoot is a clock that counts the time for which the machine was suspended.
func sinceBoot() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		panic(err) // every kernel since 2.6.39 has it
	}
	return time.Duration(t.Nano())
}
