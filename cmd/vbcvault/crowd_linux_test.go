package main_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// openTerminal is both ends of a terminal with so many lines.
func openTerminal(t *testing.T, lines uint16) (ours, theirs *os.File) {
	t.Helper()
	ours, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("there are no terminals here: %v", err)
	}
	t.Cleanup(func() { ours.Close() })
	if err := unix.IoctlSetPointerInt(int(ours.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Skipf("there are no terminals here: %v", err)
	}
	n, err := unix.IoctlGetInt(int(ours.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if theirs, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		t.Skipf("there are no terminals here: %v", err)
	}
	if err := unix.IoctlSetWinsize(int(theirs.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: lines, Col: 200}); err != nil {
		t.Fatal(err)
	}
	return ours, theirs
}

// On a terminal each account that is running has a line, and all together one: where
// there isn't room for all, that one stays.
func TestFleetOnATerminal(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 10, inDir, nil).write()
	ours, theirs := openTerminal(t, 6)
	cmd := f.command("archive", "--config", f.file, "--all", "--accounts-at-once", "10")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, theirs
	seen := make(chan struct{})
	see := sync.OnceFunc(func() { close(seen) })
	defer see()
	for _, m := range f.members {
		m.Inject(func(r *http.Request) *vbctest.Fault {
			if isAudio(r) { // nobody ends before all were seen to run
				<-seen
			}
			return nil
		})
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	var shown strings.Builder
	for b := make([]byte, 4096); ; {
		n, err := ours.Read(b)
		shown.Write(b[:n])
		if strings.Contains(shown.String(), "0 of 10 accounts, 10 running") {
			see()
		}
		if err != nil { // the last end of it was closed
			if err != io.EOF && !strings.Contains(err.Error(), "input/output error") {
				t.Error(err)
			}
			break
		}
	}
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 0 || !strings.Contains(out.String(), "what to do") {
		t.Errorf("exit %d\n%s", code, &out)
	}
	most, bar := 0, regexp.MustCompile(`\[[-=>]+\]`)
	for _, frame := range regexp.MustCompile(`\x1b\[\d+A\x1b\[J`).Split(shown.String(), -1) {
		if strings.Contains(frame, " 10 running") {
			most = max(most, len(bar.FindAllString(frame, -1)))
		}
	}
	if most != 5 { // and one for the cursor
		t.Errorf("%d bars at once on a terminal that has 6 lines:\n%q", most, shown.String())
	}
	if !regexp.MustCompile(`a\d +(listing \d|\d of \d)`).MatchString(shown.String()) {
		t.Error("no account has a line of its own")
	}
}
