//go:build !unix

package main_test

import (
	"os/exec"
	"testing"
)

func asNobody(*testing.T, *exec.Cmd, ...string) {}
