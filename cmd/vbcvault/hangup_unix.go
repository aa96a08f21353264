//go:build unix

package main

import "syscall"

// hangup has a service read its configuration again.
const hangup = syscall.SIGHUP
