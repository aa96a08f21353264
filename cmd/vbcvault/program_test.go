package main

import (
	"fmt"
	"os"
	"time"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/service"
)

// Hurry is the environment variable that has Main wait a tenth of what it would.
const Hurry = "VBCVAULT_TEST_HURRY"

// Release is the environment variable that has Main be a release: its version, commit and
// date, with blanks between them, as -ldflags set them.
const Release = "VBCVAULT_TEST_RELEASE"

// Main is the program. The test binary runs it when it is started under the
// program's name, which saves a link and keeps everything else a process has:
// signals, exit codes, SIGKILL.
func Main() {
	if os.Getenv(Hurry) != "" {
		pauses.tries = []time.Duration{50 * time.Millisecond, 200 * time.Millisecond, 600 * time.Millisecond}
		pauses.poll = 100 * time.Millisecond
		pauses.service = service.Pauses{Slice: 300 * time.Millisecond, Turn: time.Second, Busy: 200 * time.Millisecond, Poll: 20 * time.Millisecond, Schedule: 50 * time.Millisecond}
	}
	_, _ = fmt.Sscan(os.Getenv(Release), &version, &commit, &date)
	main()
}
