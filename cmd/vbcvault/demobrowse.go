package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/access"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/web/state"
)

// demoUsers are who else may sign in to the page of the demo, with one password.
var demoUsers = []state.User{
	{Name: "iris", Role: "auditor"},
	{Name: "sam", Role: "pharmacy-desk"},
	{Name: "helen", Role: "holder"},
}

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
	p := &webPage{log: log, vaults: newWebVaults(log), stateAt: stateAt, shared: c}
	defer func() { err = errors.Join(err, p.Close()) }()
	p.vaults.use(ctx, accountsOf(c))
	if err := p.open(ctx, c.Web, ""); err != nil {
		return err
	}
	password, err := d.admit(ctx, p.state)
	if err != nil {
		return err
	}
	link, err := access.NewLink(ctx, p.state, osUser(), time.Now())
	if err != nil {
		return err
	}
	d.explain(o.out, p.url(), p.url()+link, password)
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

// admit adds the demo's users with a new password, which it returns.
func (d *demoPage) admit(ctx context.Context, db *state.DB) (password string, err error) {
	text := strings.ToLower(rand.Text())
	password = text[:4] + "-" + text[4:8] + "-" + text[8:12]
	for _, u := range demoUsers {
		if u.Hash, err = access.NewPassword(password); err != nil {
			return "", err
		}
		u.Changed = time.Now()
		if err = db.AddUser(ctx, u); errors.Is(err, state.ErrTaken) {
			err = db.ChangeUser(ctx, u) // by an earlier demo
		}
		if err != nil {
			return "", fmt.Errorf("add the demo's users: %w", err)
		}
	}
	return password, nil
}

// explain says what there is to see.
func (d *demoPage) explain(out io.Writer, url, link, password string) {
	main := d.offices[0]
	number, name := main.busiest()
	fmt.Fprintf(out, `
The page is at %s. This link signs you in as an admin; it works once, for %.0f minutes:
  %s

Try
  - search for the words  boiler "red light"  and play a call: the text follows; click a sentence
  - search for the number  %s : its end is enough
  - %s's calls are under a hold: end it, and see that a second person must agree
  - look at Accounts: recordings failed, a copy is damaged, a run was stopped
  - sign in as sam, who sees the pharmacy's calls only; and as iris, who sees who listened

Others sign in with the password  %s
  iris   auditor: sees everything, and who listened
  sam    supervisor of extensions 201 and 202, of the last 120 days; may not download
  helen  holder: puts calls under a hold, and agrees when one is to end

Everything is in %s; the page's log is page.log there.
Ctrl-C ends it.
`, url, access.LinkLasts.Minutes(), link, number[len(number)-6:], name, password, d.base)
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
	cmd := exec.CommandContext(context.WithoutCancel(ctx), command[0], append(command[1:], url)...) //nolint:gosec // the program is one of three, and the address is the page's
	if cmd.Start() == nil {
		go func() { _ = cmd.Wait() }()
	}
}
