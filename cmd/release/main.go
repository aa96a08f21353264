// Command release makes everything that is published of one commit, under dist/:
// static binaries and archives, deb and rpm packages, an OCI image, a Helm chart, a
// bill of materials, release notes, and SHA256SUMS over all of them.
//
// It is a module of its own, so that what it needs is nothing that vbcvault needs. It
// needs Go and git, and no container engine, no packager and no network but the module
// proxy. Two builds of one commit are the same, byte for byte: whatever has a time has
// that of the commit, and nothing is taken from the machine that builds but Go itself.
//
// Run it with make release, or:
//
//	go -C cmd/release run . --out ../../dist
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}
