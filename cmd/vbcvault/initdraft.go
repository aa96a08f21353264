package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// draft is what an init has been told that was interrupted, in a file beside the
// configuration. There are no secrets in it: those that were accepted are in their files.
type draft struct {
	Name     string              `json:"name,omitempty"`
	VBC      map[string]string   `json:"vbc,omitempty"`   // by the names of environmentHelp
	Flags    map[string][]string `json:"flags,omitempty"` // of the account
	Endpoint string              `json:"endpoint,omitempty"`
	Profile  string              `json:"profile,omitempty"`
	Secrets  []string            `json:"secrets,omitempty"` // files that this init has made

	saved bool
}

// setupSecret is a secret that init writes.
type setupSecret struct{ variable, key string }

// setupSecrets are the secrets that init writes, by what holds them while it runs, and their part
// of the name of their file, which is the key of the configuration, too.
var setupSecrets = []setupSecret{
	{"VBC_PASSWORD", "password"}, {"VBC_CLIENT_SECRET", "client-secret"}, {"VBC_PROVISIONING_CLIENT_SECRET", "provisioning-client-secret"},
	{"AWS_ACCESS_KEY_ID", "access-key-id"}, {"AWS_SECRET_ACCESS_KEY", "secret-access-key"},
}

// secret is what a secret is here.
func (u *setup) secret(variable string) string {
	switch variable {
	case "AWS_ACCESS_KEY_ID":
		return u.aws.AccessKeyID
	case "AWS_SECRET_ACCESS_KEY":
		return u.aws.SecretAccessKey
	}
	return u.values[variable]
}

func (u *setup) setSecret(variable, value string) {
	switch variable {
	case "AWS_ACCESS_KEY_ID":
		u.aws.AccessKeyID = value
	case "AWS_SECRET_ACCESS_KEY":
		u.aws.SecretAccessKey = value
	default:
		u.values[variable] = value
	}
}

func (u *setup) draftPath() string {
	return filepath.Join(filepath.Dir(u.place.file), "."+filepath.Base(u.place.file)+".init")
}

// resume takes up what an earlier init has left, where somebody can say that this is what
// they want. What is said now beats it.
func (u *setup) resume(ctx context.Context) error {
	b, err := os.ReadFile(u.draftPath())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var d draft
	if err == nil {
		err = json.Unmarshal(b, &d)
	}
	if err != nil {
		return usagef("remove it, and run vbcvault init again", "what an earlier init has left can't be read: %s: %v", u.draftPath(), err)
	}
	if slices.Contains(u.others, d.Name) { // it was done, and stopped just before it removed this
		return u.forget()
	}
	u.draft, u.draft.saved = d, true // its secrets are ours in any case
	if u.asks == nil {
		return nil
	}
	goOn, err := u.asks.yes(ctx, "An earlier vbcvault init has stopped before its end. Continue it?", true)
	if err != nil || !goOn {
		return err
	}
	return u.takeUp(d)
}

// takeUp answers with what the draft says, unless something else is said already.
func (u *setup) takeUp(d draft) error {
	for name, value := range d.VBC {
		if u.values[name] == "" {
			u.values[name] = value
		}
	}
	for name, values := range d.Flags {
		if u.given.Lookup(name) == nil || u.given.Changed(name) {
			continue
		}
		for _, v := range values {
			if err := u.set(name, v); err != nil {
				return usagef("remove it, and run vbcvault init again", "what an earlier init has left can't be used: %s: %s: %w", u.draftPath(), name, err)
			}
		}
	}
	if u.aws.Endpoint == "" {
		u.aws.Endpoint = d.Endpoint
	}
	if u.aws.Profile == "" {
		u.aws.Profile = d.Profile
	}
	if u.name == "" {
		u.name = d.Name
	}
	for _, k := range setupSecrets {
		name := d.Name + "-" + k.key
		if u.secret(k.variable) != "" || !slices.Contains(d.Secrets, name) {
			continue
		}
		b, err := os.ReadFile(u.place.secret(name))
		if err != nil {
			continue // it is asked for again
		}
		u.setSecret(k.variable, strings.TrimSuffix(string(b), "\n"))
	}
	return nil
}

// save keeps what is known so far, and the secrets among it: each of them was accepted.
// Where nobody is asked, nobody would have to answer twice.
func (u *setup) save() error {
	if u.dryRun || u.asks == nil {
		return nil
	}
	return u.saveAll()
}

func (u *setup) saveAll() error {
	if err := u.place.makeDirs(); err != nil {
		return err
	}
	for _, k := range setupSecrets {
		if err := u.keep(k.variable, u.name+"-"+k.key); err != nil {
			return err
		}
	}
	d := &u.draft
	d.Name, d.Endpoint, d.Profile, d.VBC, d.Flags = u.name, u.aws.Endpoint, u.aws.Profile, map[string]string{}, map[string][]string{}
	for name, value := range u.values {
		if value != "" && !slices.ContainsFunc(setupSecrets, func(k setupSecret) bool { return k.variable == name }) {
			d.VBC[name] = value
		}
	}
	u.given.VisitAll(func(f *pflag.Flag) {
		if !f.Changed {
			return
		}
		d.Flags[f.Name] = []string{f.Value.String()}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			d.Flags[f.Name] = list.GetSlice()
		}
	})
	return u.writeDraft()
}

// taken refuses, or asks about, secrets that are there under the names of this account's,
// and that no earlier init has made: another configuration may refer to them.
func (u *setup) taken(ctx context.Context) error {
	for _, k := range setupSecrets {
		name := u.name + "-" + k.key
		there, same, err := u.place.has(name, u.own(k.variable))
		switch {
		case err != nil:
			return usagef("run it as a user who may read it, or choose another --name", "a secret can't be read: %w", err)
		case !there || same || slices.Contains(u.draft.Secrets, name) || u.inherited[k.variable] != "" || u.asks == nil && u.own(k.variable) == "":
			continue
		case u.asks == nil:
			return usagef("choose another --name, or remove the file if no configuration refers to it", "%s holds another secret; it is not replaced", u.place.secret(name))
		}
		sure, err := u.asks.yes(ctx, u.place.secret(name)+" is there, and no account of this configuration is named "+u.name+".\nReplace it?", false)
		if err != nil {
			return err
		}
		if !sure {
			return usagef("choose another --name", "%s stays as it is", u.place.secret(name))
		}
		u.draft.Secrets = append(u.draft.Secrets, name)
	}
	return nil
}

// keep writes a secret's file. That the file is init's own stands in the draft before.
func (u *setup) keep(variable, name string) error {
	value := u.own(variable)
	if value == "" {
		return nil
	}
	if there, same, err := u.place.has(name, value); err != nil || same {
		return err
	} else if !there && !slices.Contains(u.draft.Secrets, name) {
		u.draft.Secrets = append(u.draft.Secrets, name)
		if err := u.writeDraft(); err != nil {
			return err
		}
	} else if there {
		u.replaced = true
	}
	return u.place.keep(name, value, slices.Contains(u.draft.Secrets, name))
}

func (u *setup) writeDraft() error {
	b, err := json.MarshalIndent(u.draft, "", "  ")
	if err != nil {
		return fmt.Errorf("keep what was answered: %w", err)
	}
	if err := publish(u.draftPath(), append(b, '\n'), accessTo{mode: 0o600, user: -1, group: -1}, true); err != nil {
		return err
	}
	u.draft.saved = true
	return nil
}

// forget removes the draft: all that it had is in the configuration.
func (u *setup) forget() error {
	if err := os.Remove(u.draftPath()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove what is not needed any more: %w", err)
	}
	return nil
}
