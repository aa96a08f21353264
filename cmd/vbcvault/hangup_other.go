//go:build !unix

package main

import "syscall"

// hangup has a service read its configuration again. Only Unix sends it.
const hangup = syscall.SIGHUP
