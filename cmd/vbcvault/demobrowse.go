package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/access"
)

// answer is vbcvault web on the configuration, until ctx has ended or the time is over.
func (d *demoPage) answer(ctx context.Context, o *output) (err error) {
	c, stateAt, err := readConfig(d.config)
	if err != nil {
		return err
	}
	path := filepath.Join(d.base, "page.log")
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("write the log of the demo's page: %w", err)
	}
	defer file.Close()
	log := slog.New(slog.NewTextHandler(file, nil))
	p := &webPage{log: log, vaults: newWebVaults(log), stateAt: stateAt}
	defer func() { err = errors.Join(err, p.Close()) }()
	p.vaults.use(ctx, accountsOf(c))
	if err := p.open(ctx, c.Web, ""); err != nil {
		return err
	}
	link, err := access.NewLink(ctx, p.state, osUser(), time.Now())
	if err != nil {
		return err
	}
	d.explain(o.out, p.url(), p.url()+link)
	if !d.noBrowser {
		// Programs of other users may see the link for a moment. It works once, and
		// opens nothing but invented calls.
		openBrowser(ctx, p.url()+link)
	}
	if d.lasts > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, d.lasts)
		defer stop()
	}
	if err := p.serve(ctx); err != nil {
		return err
	}
	_, err = fmt.Fprintf(o.out, "\nThe page has stopped. To open it again, with what you have changed:\n  %s demo --web --dir %s\n", me(), d.base)
	return err
}

// explain says what there is to see.
func (d *demoPage) explain(out io.Writer, url, link string) {
	main := d.offices[0]
	number, name := main.busiest()
	fmt.Fprintf(out, `
The page is at %s. This link signs you in as an admin; it works once, for %.0f minutes:
  %s

Try
  - search for the words  boiler "red light"  and play a call: the text follows; click a sentence
  - search for the number  %s : its end is enough
  - %s's calls are under a hold: end it, and see that a second person must agree
  - look at the accounts: recordings failed, a copy is damaged, a run was stopped

Everything is in %s; the page's log is page.log there.
Ctrl-C ends it.
`, url, access.LinkLasts.Minutes(), link, number[len(number)-6:], name, d.base)
}

// openBrowser opens an address where there is a screen, and says nothing if it can't:
// the address is printed too.
func openBrowser(ctx context.Context, url string) {
	var command []string
	switch {
	case runtime.GOOS == "windows":
		command = []string{"rundll32", "url.dll,FileProtocolHandler"}
	case runtime.GOOS == "darwin":
		command = []string{"open"}
	case os.Getenv("DISPLAY") != "" || os.Getenv("WAYLAND_DISPLAY") != "":
		command = []string{"xdg-open"}
	default:
		return
	}
	// It outlives the demo, or hands the address to a browser that is open already.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), command[0], append(command[1:], url)...)
	if cmd.Start() == nil {
		go func() { _ = cmd.Wait() }()
	}
}
