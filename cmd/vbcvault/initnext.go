package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
	"github.com/vbcvault/vbcvault/storage"
)

// checked names what is doubtful about the whole file. Only what concerns the account
// that was added is an error.
func (u *setup) checked(ctx context.Context) error {
	c := &configCheck{Path: u.place.file, now: time.Now()}
	err := c.check(ctx, false)
	ours := false
	for _, f := range c.Findings {
		u.say("%s: %s: %s\n  → %s", f.Level, config.At(u.place.file, f.Line), f.Wrong, f.Mend)
		ours = ours || f.Level == storage.Failure && (f.Key == "" || strings.HasPrefix(f.Key+".", "accounts."+u.name+"."))
	}
	if ours || len(c.Findings) == 0 {
		return err
	}
	return nil
}

// next says what there is now, and how to begin.
func (u *setup) next(ctx context.Context) error {
	if err := u.checked(ctx); err != nil {
		return err
	}
	w := &strings.Builder{}
	line := func(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }
	line("%s is written, with the account %s. Secrets are in %s.", u.place.file, u.name, u.place.secrets)
	line("")
	line("See what a run would do; it only reads from VBC:")
	line("  vbcvault archive --config %s %s --dry-run", u.place.file, u.name)
	switch {
	case u.place.service:
		line("Begin: archive at %s, %s, from now on:", u.cron, u.zoneName())
		line("  systemctl enable --now vbcvault.service")
		if to, err := parseDestination(u.flags.to); err == nil && to.dir != "" {
			line("The service may write to no other directory than its own. Allow it this one before:")
			line("  systemctl edit vbcvault.service")
			line("    [Service]")
			line("    ReadWritePaths=%s", to.dir)
		}
		line("Start the first run at once, and see how it ends:")
		line("  vbcvault run %s --wait --config %s", u.name, u.place.file)
	default:
		line("Begin, by hand:")
		line("  vbcvault archive --config %s %s", u.place.file, u.name)
		line("Every night: a service (vbcvault help service), or a line of the crontab of this user:")
		line("  17 2 * * *  %s archive --config %s --all --if-running skip", program(), u.place.file)
	}
	line("How it stands, and what to do about it:")
	line("  vbcvault status --config %s", u.place.file)
	_, err := u.s.out.Write([]byte(w.String()))
	return err
}

func (u *setup) zoneName() string {
	if u.zone == "" {
		return "UTC"
	}
	return u.zone
}

// program is where this program lies.
func program() string {
	if path, err := os.Executable(); err == nil {
		return filepath.ToSlash(path)
	}
	return "vbcvault"
}
