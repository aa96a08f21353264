// Command vbcvault moves call recordings out of Vonage Business Communications
// (VBC) into S3 or a directory, and deletes each one at VBC only when a proven
// copy is there.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, func() {
		stop() // from here on a signal ends the program at once
		fmt.Fprintln(os.Stderr, "vbcvault: stopping after the transfers in progress. A second signal stops at once.")
	})
	os.Exit(run(ctx, os.Args[1:], streams{out: os.Stdout, err: os.Stderr}))
}
