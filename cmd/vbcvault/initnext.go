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
	c := &configCheck{Path: u.place.file, now: time.Now(), handsOver: u.place.service}
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
	line("%s has the account %s now. Its secrets are in %s.", u.place.file, u.name, u.place.secrets)
	line("")
	if to, err := u.target(); err == nil {
		u.policy(to, line)
	}
	as, with := u.by()
	line("See what a run would do; it only reads from VBC:")
	line("  %s archive%s %s --dry-run", as, with, u.name)
	if u.place.service {
		u.nextService(line)
	} else {
		line("Begin, by hand:")
		line("  vbcvault archive --config %s %s", u.place.file, u.name)
		line("Every night: a service (vbcvault help service), or a line in the crontab of this user:")
		line("  17 2 * * *  %s archive --config %s --all --if-running skip", program(), u.place.file)
		if names := elsewhere(); names != "" {
			line("Cron and services have another environment: set %s there, too.", names)
		}
	}
	line("See how it stands, and what to do about it:")
	line("  %s status%s %s", as, with, u.name)
	line("Be told when something needs a person: vbcvault help notify")
	_, err := u.s.out.Write([]byte(w.String()))
	return err
}

// nextService says how the package's service begins.
func (u *setup) nextService(line func(format string, args ...any)) {
	if to, err := parseDestination(u.flags.to); err == nil && to.dir != "" {
		line("The service may write only to its own directory. Allow it this one:")
		line("  systemctl edit vbcvault.service")
		line("  and write: [Service]")
		line("             ReadWritePaths=%s", to.dir)
	}
	if names := elsewhere(); names != "" {
		line("The service has another environment: write %s into %s, too.", names, filepath.Join(installed.etc, "env"))
	}
	line("Switch the service on. It archives when the schedule says so (%q, %s):", u.cron, u.zoneName())
	line("  systemctl enable --now vbcvault.service")
	if u.replaced { // systemd hands secrets over when it starts a service: VBC would lock the user for the old password
		line("If it runs already, restart it, since it was handed the secret that was replaced:")
		line("  systemctl restart vbcvault.service")
	} else {
		line("If it runs already, have it read the file:")
		line("  systemctl reload vbcvault.service")
	}
	line("Start the first run at once, and see how it ends:")
	as, with := u.by()
	line("  %s run%s %s --wait", as, with, u.name)
}

// by is how a command is given that uses the account: as the service's user, who means
// the package's configuration if nothing else is named.
func (u *setup) by() (as, with string) {
	as, with = "vbcvault", " --config "+u.place.file
	if u.place.service {
		as = "sudo -u " + installed.user + " vbcvault"
	}
	if u.place.file == packagedConfig {
		with = ""
	}
	return as, with
}

// elsewhere names variables that count here, and that cron and services don't have. Their
// values may hold passwords.
func elsewhere() string {
	var names []string
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR", "AWS_CA_BUNDLE"} {
		if os.Getenv(name) != "" {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
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
