package main

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"time"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/service"
)

// Hurry is the environment variable that has Main wait a tenth of what it would.
const Hurry = "VBCVAULT_TEST_HURRY"

// Installed is the environment variable that has Main find the package's things below
// another directory than /, as root would. The service's user is nobody for root, else
// whoever runs the tests.
const Installed = "VBCVAULT_TEST_INSTALLED"

// Release is the environment variable that has Main be a release: its version, commit and
// date, with blanks between them, as -ldflags set them.
const Release = "VBCVAULT_TEST_RELEASE"

// Lease is the environment variable that has leases last so long, and everything else
// that several machines wait for as long as suits that.
const Lease = "VBCVAULT_TEST_LEASE"

// Main is the program. The test binary runs it when it is started under the
// program's name, which saves a link and keeps everything else a process has:
// signals, exit codes, SIGKILL.
func Main() {
	if os.Getenv(Hurry) != "" {
		pauses.tries = []time.Duration{50 * time.Millisecond, 200 * time.Millisecond, 600 * time.Millisecond}
		pauses.poll = 100 * time.Millisecond
		pauses.service = service.Pauses{Slice: 300 * time.Millisecond, Turn: time.Second, Busy: 200 * time.Millisecond, Poll: 20 * time.Millisecond, Schedule: 50 * time.Millisecond}
	}
	if lease, err := time.ParseDuration(os.Getenv(Lease)); err == nil {
		pauses.lease = lease
		pauses.service.Slice, pauses.service.Lost, pauses.service.Grace = 2*lease, lease, lease/10
		pauses.service.Poll, pauses.service.Schedule = lease/40, lease/20
	}
	if dir := os.Getenv(Installed); dir != "" {
		installed.etc, installed.state, installed.root = filepath.Join(dir, "etc/vbcvault"), filepath.Join(dir, "var/lib/vbcvault"), true
		if u, err := user.Current(); os.Geteuid() == 0 {
			installed.user = "nobody"
		} else if err == nil {
			installed.user = u.Username
		}
	}
	_, _ = fmt.Sscan(os.Getenv(Release), &version, &commit, &date)
	if dir := os.Getenv(Profile); dir != "" {
		profiled(dir)
	}
	if file := os.Getenv(Count); file != "" {
		counting(file)
	}
	main()
}
