package media

import "time"

// Stalled has players that take nothing be given up after another time than in earnest.
func Stalled(after time.Duration) { stalled = after }
