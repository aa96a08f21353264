//go:build unix

package main_test

import (
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// asNobody has a command run by a user without rights, if this one may arrange
// that, and gives the directories to that user.
func asNobody(t *testing.T, cmd *exec.Cmd, dirs ...string) {
	t.Helper()
	if os.Getuid() != 0 {
		return // is one already
	}
	for _, dir := range dirs {
		mustDo(t, os.Chown(dir, nobody, nobody))
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
}
