//go:build !linux && !windows

package moment

import "time"

var begun = time.Now()

// sinceBoot is the process's own clock. On macOS it stands still while the machine
// sleeps; the clock on the wall doesn't.
func sinceBoot() time.Duration { return time.Since(begun) }
