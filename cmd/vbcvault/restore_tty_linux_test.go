package main_test

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// Nobody wants an MP3 on the screen.
func TestRestoreNotToATerminal(t *testing.T) {
	t.Parallel()
	w := newWorld(t, vbctest.Config{}).inDir()
	w.someRecordings(1)
	w.want(w.archive("--older-than", "90d"), 0, nil)
	ptmx, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("there are no terminals here: %v", err)
	}
	defer ptmx.Close()
	if err := unix.IoctlSetPointerInt(int(ptmx.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Skipf("there are no terminals here: %v", err)
	}
	n, err := unix.IoctlGetInt(int(ptmx.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("there are no terminals here: %v", err)
	}
	defer tty.Close()
	var errs bytes.Buffer
	cmd := w.command("restore", "--all", "--out", "-")
	cmd.Stdout, cmd.Stderr = tty, &errs
	_ = cmd.Run() // the exit code tells
	if code := cmd.ProcessState.ExitCode(); code != 2 || !strings.Contains(errs.String(), "would write audio to the terminal") {
		t.Errorf("exit %d: %s", code, &errs)
	}
}
