package main

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/schedule"
	"github.com/vbcvault/vbcvault/pipeline"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// complete refuses flags that can't be used, and, where nobody can be asked, what is
// missing or goes not together: before anything is sent.
func (u *setup) complete(context.Context) error {
	checked := configFlags()
	var err error
	u.given.VisitAll(func(f *pflag.Flag) {
		if list, ok := f.Value.(pflag.SliceValue); ok && f.Changed {
			err = firstOf(err, checked.Set(f.Name, strings.Join(list.GetSlice(), ",")))
		} else if f.Changed {
			err = firstOf(err, checked.Set(f.Name, f.Value.String()))
		}
	})
	if plain, ok := errors.AsType[*usageError](err); ok {
		err = plain // without the words of whoever has read the flag
	}
	if _, wrong := schedule.Parse(u.cron, nil); err == nil && wrong != nil {
		err = usagef(`write five fields, as in "17 2 * * *" for 02:17 every night`, "--cron %q: %v", u.cron, wrong)
	}
	if _, wrong := time.LoadLocation(u.zone); err == nil && wrong != nil {
		err = usagef("write it as in Europe/Berlin, America/New_York or UTC", "--time-zone %q is not a time zone", u.zone)
	}
	if err != nil || u.asks != nil {
		return err
	}
	if u.flags.olderThan == "" {
		if err := u.set("older-than", usualAge); err != nil {
			return err
		}
	}
	_, err = u.job()
	return err
}

// signIn asks for what VBC wants, until it accepts it and lists the account's recordings.
func (u *setup) signIn(ctx context.Context) error {
	refused := 0
	for {
		if err := u.askLogin(ctx); err != nil {
			return err
		}
		if u.offline {
			return u.save()
		}
		d, err := u.vbcDoctor()
		if err != nil {
			return err
		}
		if err := u.anotherPassword(ctx, d); err != nil {
			return err
		}
		u.say("\nTrying VBC …")
		f, err := d.login(ctx)
		if left := u.place.handOver(); left != nil { // now: it may be killed while it waits for the next answer
			return left
		}
		if ctx.Err() != nil {
			return pipeline.ErrStopped
		}
		u.foundElsewhere("VBC_TOKEN_URL", d.options.TokenURL, d.client != nil, &f)
		well, shown := u.show(f)
		switch {
		case shown != nil:
			return shown
		case well:
			return u.listed(ctx, d)
		}
		if e := authError(err); e != nil && e.Cause == vbc.RefusedUser {
			refused++
		}
		if err := u.mendLogin(ctx, err, refused); err != nil {
			return err
		}
	}
}

// askLogin asks for what is missing.
func (u *setup) askLogin(ctx context.Context) error {
	if u.asks == nil {
		return nil
	}
	for _, v := range []struct{ name, question, about string }{
		{"VBC_USERNAME", "User name", "The integration user of VBC: an administrator of the account who signs in with a\npassword, without single sign-on. It is not your login of the developer portal."},
		{"VBC_PASSWORD", "Password", ""},
		{"VBC_CLIENT_ID", "Client id", "The application of the Vonage developer portal: it must be subscribed to the\nCall Recording API, and to the Provisioning API for users' own recordings."},
		{"VBC_CLIENT_SECRET", "Client secret", ""},
	} {
		if u.values[v.name] != "" {
			continue
		}
		if v.about != "" {
			u.say("\n%s", v.about)
		}
		var err error
		if isSecret(v.name) {
			u.values[v.name], err = u.asks.secret(ctx, v.question)
		} else {
			u.values[v.name], err = u.asks.needed(ctx, v.question, "", fits)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// fits takes any text.
func fits(string) error { return nil }

func isSecret(variable string) bool {
	return variable == "VBC_PASSWORD" || variable == "VBC_CLIENT_SECRET"
}

// vbcDoctor looks at VBC with the answers. Refused logins are remembered where the
// account's runs look for them.
func (u *setup) vbcDoctor() (*vbcDoctor, error) {
	d := &vbcDoctor{around: u.around(), manifest: filepath.Join(u.place.state, "new.manifest"), account: u.flags.account}
	var err error
	if d.options, err = d.around.vbcOptions(); err != nil {
		return nil, err
	}
	d.options.InsecureHTTP = u.flags.insecureHTTP
	d.client, err = d.around.newClient(d.options, d.manifest)
	return d, err
}

// foundElsewhere takes an address that was found, which the configuration will say. Where
// all is well there, so is the finding.
func (u *setup) foundElsewhere(variable, now string, well bool, f *storage.Finding) {
	if now == u.values[variable] {
		return
	}
	u.values[variable] = now
	if well {
		*f = found(f.Check, nil, "found at "+now+", as the configuration will say")
	}
}

// mostRefused is how many refused passwords of one user init sends by itself: VBC locks
// the user after a few.
const mostRefused = 2

// anotherPassword asks before one more password is sent of a user some of whose were
// refused lately, by whichever command.
func (u *setup) anotherPassword(ctx context.Context, d *vbcDoctor) error {
	n, until := d.around.rememberedFor(d.manifest).recently(d.client.LoginName())
	if n < mostRefused {
		return nil
	}
	wait := usagef("find out the right password first: another wrong one can lock the user. Or wait until "+until.UTC().Format(time.RFC3339),
		"VBC has refused %d passwords of this user lately", n)
	if u.asks == nil {
		return wait
	}
	u.say("\nVBC has refused %d passwords of this user lately. A few more lock the user\nfor 30 minutes, for every program.", n)
	if sure, err := u.asks.yes(ctx, "Are you sure of this one?", false); err != nil || !sure {
		return firstOf(err, wait)
	}
	return nil
}

// mendLogin makes room for other answers after a login that failed, or ends it.
func (u *setup) mendLogin(ctx context.Context, err error, refused int) error {
	if u.asks == nil {
		return failed()
	}
	e := authError(err)
	switch {
	case e != nil && e.Locked:
		return &exitError{code: exitIncomplete, err: &hinted{err: e, hint: loginHint(e)}}
	case e != nil && e.Cause == vbc.RefusedUser && refused >= mostRefused:
		return usagef("find out the right password before you run vbcvault init again; it asks only for what is missing",
			"VBC has refused %d passwords; a few more lock the user for 30 minutes", refused)
	case e != nil && e.Cause == vbc.RefusedUser:
		u.say("\nVBC locks a user after a few wrong passwords. Check user name and password.")
		said, err := u.asks.needed(ctx, "User name", u.values["VBC_USERNAME"], fits)
		u.values["VBC_USERNAME"], u.values["VBC_PASSWORD"] = said, ""
		return err
	case e != nil:
		said, err := u.asks.needed(ctx, "Client id", u.values["VBC_CLIENT_ID"], fits)
		u.values["VBC_CLIENT_ID"], u.values["VBC_CLIENT_SECRET"] = said, ""
		return err
	}
	return u.tryAgain(ctx)
}

// tryAgain waits until somebody has mended something elsewhere.
func (u *setup) tryAgain(ctx context.Context) error {
	if u.asks == nil {
		return failed()
	}
	again, err := u.asks.yes(ctx, "Mend it, then try again?", true)
	if err == nil && !again {
		return failed()
	}
	return err
}

// listed sees to it that VBC does what a run needs, with the token that there is.
func (u *setup) listed(ctx context.Context, d *vbcDoctor) error {
	for {
		findings := []storage.Finding{d.api(ctx)}
		u.foundElsewhere("VBC_API_ROOT", d.options.Root, true, &findings[0])
		if findings[0].Level != storage.Failure {
			provisioning, number := diagnoseProvisioning(ctx, d.client, d.account)
			u.number = number
			findings = append(findings, diagnoseTranscripts(ctx, d.client, d.account), provisioning, diagnoseQuota(d.client, 0), diagnoseClock(d.client.ClockOffset()))
		}
		if ctx.Err() != nil {
			return pipeline.ErrStopped
		}
		well, err := u.show(findings...)
		switch {
		case err != nil:
			return err
		case well:
			d.client.Close()
			return u.save()
		}
		if err := u.tryAgain(ctx); err != nil {
			return err
		}
	}
}
