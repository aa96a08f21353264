//go:build !unix

package notify

import "os/exec"

// alone would have what a command starts end with it; here only the command itself does.
func alone(*exec.Cmd) {}
