package moment

import (
	"time"

	"golang.org/x/sys/windows"
)

// sinceBoot is a clock that counts the time for which the machine was suspended:
// GetTickCount64, as its documentation says.
func sinceBoot() time.Duration { return windows.DurationSinceBoot() }
