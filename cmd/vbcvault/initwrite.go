package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
)

// usualAge is how old recordings are that are archived, unless somebody says otherwise.
const usualAge = "90d"

// choices asks what there is left to decide.
func (u *setup) choices(ctx context.Context) error {
	if u.asks != nil && u.flags.olderThan == "" {
		age, err := u.asks.needed(ctx, "\nArchive recordings older than", usualAge, func(s string) error { _, err := parseAge("older-than", s); return err })
		if err == nil {
			err = u.set("older-than", age)
		}
		if err != nil {
			return err
		}
	}
	if u.asks != nil && !u.given.Changed("delete") {
		u.say("\nArchiving alone deletes nothing at VBC. Deleting can begin now, or later when you\nhave looked at the archive: delete: true in the file.")
		yes, err := u.asks.yes(ctx, "Delete each recording at VBC a week after its copy was verified?", false)
		if err == nil {
			err = u.set("delete", fmt.Sprint(yes))
		}
		if err == nil && yes && u.flags.deleteAfter == "" {
			err = u.set("delete-after", "7d")
		}
		if err != nil {
			return err
		}
	}
	if u.number != "" && u.flags.account == "self" && !u.hasManifest() {
		if err := u.set("account", u.number); err != nil {
			return err
		}
	}
	j, err := u.job()
	if err != nil || u.offline {
		return err
	}
	return u.stateFits(ctx, j)
}

// stateFits looks whether the manifest can lie where it will.
func (u *setup) stateFits(ctx context.Context, j *job) error {
	u.say("\nLooking at %s …", u.place.state)
	findings, _ := (&doctor{around: u.around()}).diagnoseManifest(ctx, j.manifest, j.destination)
	well, err := u.show(findings...)
	if err == nil && !well {
		err = failed()
	}
	return err
}

// hasManifest reports whether the account was archived before it was known by its number:
// its manifest stays the same.
func (u *setup) hasManifest() bool {
	to, err := parseDestination(u.flags.to)
	if err != nil {
		return false
	}
	_, err = os.Stat(manifestPath(u.place.state, "self", u.values["VBC_USERNAME"], u.values["VBC_API_URL"], to))
	return err == nil
}

// finish writes what is left: first the secrets, then the configuration, whole or not at
// all. Then the draft is of no use any more.
func (u *setup) finish(ctx context.Context) error {
	text, err := u.newText()
	if err != nil {
		return err
	}
	u.summary()
	if u.dryRun {
		u.say("With --dry-run nothing is written. %s would be:\n", u.place.file)
		_, err := io.Copy(u.s.out, strings.NewReader(text))
		return err
	}
	if u.asks != nil {
		if sure, err := u.asks.yes(ctx, "Write "+u.place.file+"?", true); err != nil {
			return err
		} else if !sure {
			return usagef("run vbcvault init again; it asks only for what is missing", "%s was not written", u.place.file)
		}
	}
	if err := u.saveAll(); err != nil {
		return err
	}
	if err := u.publishConfig([]byte(text)); err != nil {
		return err
	}
	if err := errors.Join(u.forget(), u.place.handOver()); err != nil {
		return err
	}
	return u.next(ctx)
}

// summary says what the account's runs will do.
func (u *setup) summary() {
	deletes := "nothing is deleted at VBC"
	if u.flags.delete {
		deletes = "each is deleted at VBC once its copy is verified"
		if u.flags.deleteAfter != "" {
			deletes = "each is deleted at VBC " + u.flags.deleteAfter + " after its copy was verified"
		}
	}
	u.say("\nAccount %s: recordings older than %s are archived to %s; %s.", u.name, u.flags.olderThan, u.flags.to, deletes)
}

// newText is the whole file with the account, and not one that leads to anything else
// than what was answered.
func (u *setup) newText() (string, error) {
	block, err := u.account()
	if err != nil {
		return "", err
	}
	if u.was == nil {
		w := &configText{}
		w.head()
		if err := w.state(u.place.state); err != nil {
			return "", err
		}
		fmt.Fprintf(w, "accounts:\n%s\n", block)
		w.notify()
		if err := u.same(w.String()); err != nil {
			return "", err
		}
		return w.String(), nil
	}
	text, err := insertAccount(u.was, block)
	if u.addState {
		text += "\n# Where the manifests lie, which keep the progress.\nstate-dir: " + scalar(u.place.state) + "\n"
	}
	if err != nil {
		return "", u.byHand(err, block)
	}
	if err := u.same(text); err != nil {
		return "", u.byHand(err, block)
	}
	return text, nil
}

// same refuses a text in which the account isn't as it was answered: by defaults of the
// file, say.
func (u *setup) same(text string) error {
	c, err := config.Parse(u.place.file, []byte(text), configFlags)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(c.Accounts, func(a config.Account) bool { return a.Name == u.name })
	if i < 0 {
		return fmt.Errorf("the account %s is not in it", u.name)
	}
	a := c.Accounts[i]
	for _, v := range []struct{ key, is, want string }{
		{"username", a.VBC.Username, u.values["VBC_USERNAME"]}, {"client-id", a.VBC.ClientID, u.values["VBC_CLIENT_ID"]},
		{"api-url", a.VBC.APIURL, u.values["VBC_API_URL"]}, {"api-root", a.VBC.APIRoot, u.values["VBC_API_ROOT"]}, {"token-url", a.VBC.TokenURL, u.values["VBC_TOKEN_URL"]},
		{"endpoint", a.S3.Endpoint, u.endpoint()}, {"region", a.S3.Region, u.aws.Region}, {"profile", a.S3.Profile, u.aws.Profile},
	} {
		if v.is != v.want {
			return fmt.Errorf("the file's defaults would change %s of the account to %q", v.key, v.is)
		}
	}
	for _, f := range a.Flags {
		if its := u.given.Lookup(f.Name); its == nil || !its.Changed && f.Name != "delete" {
			u.say("From the defaults of the file: %s: %s", f.Name, f.Value)
		}
	}
	return nil
}

// endpoint is that of the account's bucket.
func (u *setup) endpoint() string {
	if !strings.HasPrefix(u.flags.to, "s3:") {
		return ""
	}
	return u.aws.Endpoint
}

// account is the part of the file that is the account's.
func (u *setup) account() (string, error) {
	w := &configText{}
	w.line("  %s:", u.name)
	if !u.given.Changed("delete") { // also against defaults of the file
		if err := u.set("delete", "false"); err != nil {
			return "", err
		}
	}
	var err error
	for _, name := range append([]string{"account"}, setupFlags...) {
		if f := u.given.Lookup(name); f.Changed && (name != "account" || !strings.Contains(w.String(), "account:")) {
			err = firstOf(err, w.flag(f))
		}
	}
	if err != nil {
		return "", err
	}
	w.line("    vbc:")
	for _, v := range []struct{ key, variable string }{
		{"username", "VBC_USERNAME"}, {"password", "VBC_PASSWORD"}, {"client-id", "VBC_CLIENT_ID"}, {"client-secret", "VBC_CLIENT_SECRET"},
		{"api-url", "VBC_API_URL"}, {"api-root", "VBC_API_ROOT"}, {"token-url", "VBC_TOKEN_URL"},
		{"provisioning-client-id", "VBC_PROVISIONING_CLIENT_ID"}, {"provisioning-client-secret", "VBC_PROVISIONING_CLIENT_SECRET"},
	} {
		switch value := u.values[v.variable]; {
		case value == "" || value == u.inherited[v.variable]:
		case strings.HasSuffix(v.key, "password") || strings.HasSuffix(v.key, "secret"):
			w.line("      %s: %s", v.key, u.place.reference(u.name+"-"+v.key))
		default:
			w.line("      %s: %s", v.key, scalar(value))
		}
	}
	u.bucket(w)
	w.line("    # for vbcvault serve: when runs begin")
	w.line("    schedule: {cron: %s, time-zone: %s}", scalarInList(u.cron), scalarInList(cmp.Or(u.zone, "UTC")))
	return w.String(), nil
}

// bucket writes how to reach it.
func (u *setup) bucket(w *configText) {
	if !strings.HasPrefix(u.flags.to, "s3:") || u.aws.Endpoint+u.aws.Region+u.aws.Profile+u.own("AWS_ACCESS_KEY_ID") == "" {
		return
	}
	w.line("    s3:")
	for _, v := range []struct{ key, value string }{{"endpoint", u.aws.Endpoint}, {"region", u.aws.Region}, {"profile", u.aws.Profile}} {
		if v.value != "" {
			w.line("      %s: %s", v.key, scalar(v.value))
		}
	}
	if u.own("AWS_ACCESS_KEY_ID") != "" {
		w.line("      access-key-id: %s", u.place.reference(u.name+"-access-key-id"))
	}
	if u.own("AWS_SECRET_ACCESS_KEY") != "" {
		w.line("      secret-access-key: %s", u.place.reference(u.name+"-secret-access-key"))
	}
}

func (w *configText) notify() {
	w.line("# Who is told, and of what.")
	w.line("# notify:")
	w.line("#   ops: {on: [failure, recovery, news], webhook: {url: {env: HOOK}, template: slack}}")
}

// byHand says what to do with an account that can't be added.
func (u *setup) byHand(err error, block string) error {
	u.say("\nAdd this below accounts: by hand:\n\n%s", block)
	return usagef("add the account by hand, then check the file: vbcvault config check "+u.place.file, "the account can't be added to %s: %w", u.place.file, err)
}

// publishConfig writes the file, and lets those have access to it who had it before.
func (u *setup) publishConfig(text []byte) error {
	if u.was == nil {
		return publish(u.place.file, text, u.place.access(), false)
	}
	path, err := filepath.EvalSymlinks(u.place.file)
	if err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	now, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(now, u.was) {
		return usagef("run vbcvault init again; it asks only for what is missing", "%s has changed meanwhile; it was not written", path)
	}
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	to := accessOf(info)
	if u.place.service { // it must be able to read it
		to.mode, to.group = to.mode|0o040, u.place.group
	}
	return publish(path, text, to, true)
}
