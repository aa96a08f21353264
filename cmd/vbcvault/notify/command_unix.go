//go:build unix

package notify

import (
	"os/exec"
	"syscall"
)

// alone has a command be a process group of its own: what it starts ends with it when
// its time is over, and a Ctrl-C that is meant for vbcvault doesn't reach it.
func alone(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
