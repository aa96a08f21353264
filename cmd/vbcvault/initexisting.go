package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
)

// existing looks at the configuration file that is there, before anybody has answered
// anything: that nothing can be added to it is said now.
func (u *setup) existing(ctx context.Context) error {
	text, err := os.ReadFile(u.place.file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return usagef("run it as a user who may read it, or choose another file with --out", "the configuration can't be read: %w", err)
	}
	u.was = text
	c, err := u.withAccount(trialAccount(text))
	if err != nil {
		return usagef("mend it first (vbcvault config check "+u.place.file+"), or choose another file with --out", "an account can't be added to %s: %w", u.place.file, err)
	}
	for _, a := range c.Accounts {
		if a.Name != trial {
			u.others = append(u.others, a.Name)
		} else if err := u.inherit(ctx, a); err != nil {
			return err
		}
	}
	u.place.state = cmp.Or(c.StateDir, u.place.state)
	u.addState = c.StateDir == "" && len(u.others) == 0
	if len(u.others) == 0 || u.add {
		return nil
	}
	names := strings.Join(u.others, ", ")
	if u.asks == nil {
		return usagef("add --add to add an account to it, or choose another file with --out", "%s is there already, with the accounts: %s", u.place.file, names)
	}
	u.say("%s is there already, with the accounts: %s.", u.place.file, names)
	sure, err := u.asks.yes(ctx, "Add another account to it?", true)
	if err == nil && !sure {
		err = usagef("choose another file with --out", "%s stays as it is", u.place.file)
	}
	return err
}

// trial is the name of an account that is put into a file to see whether one can be, and
// what the defaults of the file say about it.
const trial = "init-tries-this"

// trialAccount is such an account, with what an account must have and the defaults haven't.
func trialAccount(text []byte) string {
	var f struct {
		Defaults struct{ VBC map[string]yaml.Node }
	}
	_ = yaml.Unmarshal(text, &f) // what is wrong with it is found when it is read as a whole
	var vbc []string
	for _, key := range []string{"username", "password", "client-id", "client-secret"} {
		value := trial
		if key == "password" || key == "client-secret" {
			value = "{env: " + trialVariable + "}"
		}
		if _, ok := f.Defaults.VBC[key]; !ok {
			vbc = append(vbc, key+": "+value)
		}
	}
	return fmt.Sprintf("  %s: {older-than: 90d, to: \"file:///x\", delete: false, vbc: {%s}}\n", trial, strings.Join(vbc, ", "))
}

const trialVariable = "INIT_TRIES_THIS"

// inherit takes what the defaults of the file say about VBC and S3 for the answers of this
// account: they hold for it.
func (u *setup) inherit(ctx context.Context, a config.Account) error {
	for _, v := range []struct{ variable, value string }{
		{"VBC_USERNAME", a.VBC.Username}, {"VBC_CLIENT_ID", a.VBC.ClientID}, {"VBC_PROVISIONING_CLIENT_ID", a.VBC.ProvisioningClientID},
		{"VBC_API_URL", a.VBC.APIURL}, {"VBC_API_ROOT", a.VBC.APIRoot}, {"VBC_TOKEN_URL", a.VBC.TokenURL},
	} {
		if v.value != trial {
			u.values[v.variable] = cmp.Or(u.values[v.variable], v.value)
		}
	}
	u.aws.Endpoint, u.aws.Region, u.aws.Profile = cmp.Or(u.aws.Endpoint, a.S3.Endpoint), a.S3.Region, a.S3.Profile
	for _, v := range []struct {
		variable string
		at       config.Secret
	}{
		{"VBC_PASSWORD", a.VBC.Password}, {"VBC_CLIENT_SECRET", a.VBC.ClientSecret}, {"VBC_PROVISIONING_CLIENT_SECRET", a.VBC.ProvisioningClientSecret},
		{"AWS_ACCESS_KEY_ID", a.S3.AccessKeyID}, {"AWS_SECRET_ACCESS_KEY", a.S3.SecretAccessKey},
	} {
		if v.at.IsZero() || v.at.Env == trialVariable || u.secret(v.variable) != "" {
			continue
		}
		value, err := v.at.Resolve(ctx)
		if err != nil {
			return usagef(v.at.Mend(), "%s: %w", config.At(u.place.file, v.at.Line), err)
		}
		u.setSecret(v.variable, value)
		u.inherited[v.variable] = value
	}
	return nil
}

// own is a secret that the account has for itself, "" if it is that of the file's defaults.
func (u *setup) own(variable string) string {
	if value := u.secret(variable); value != u.inherited[variable] {
		return value
	}
	return ""
}

// withAccount is the file that is there with an account.
func (u *setup) withAccount(block string) (*config.Config, error) {
	text, err := insertAccount(u.was, block)
	if err != nil {
		return nil, err
	}
	return config.Parse(u.place.file, []byte(text), configFlags)
}

// naming finds a name for the account in the file.
func (u *setup) naming(ctx context.Context) error {
	if u.asks != nil && len(u.others) > 0 && (u.name == "" || slices.Contains(u.others, u.name)) {
		var err error
		if u.name, err = u.asks.needed(ctx, "A name for the account in the file, as in acme", "", u.fitName); err != nil {
			return err
		}
	}
	u.name = cmp.Or(u.name, "main")
	if err := u.fitName(u.name); err != nil {
		return err
	}
	return u.taken(ctx)
}

// fitName refuses a name that the account can't have, or not beside the others.
func (u *setup) fitName(name string) error {
	if slices.Contains(u.others, name) {
		return usagef("choose another --name; to change an account, edit the file", "the account %s is in %s already", name, u.place.file)
	}
	if wrong := config.UnfitName(name); wrong != "" {
		return usagef("use lower-case letters, digits, - and _, at most 63", "--name %q: %s", name, wrong)
	}
	return nil
}

// insertAccount puts an account into the text of a configuration, as the first one, and
// changes nothing else in it. What it makes must be read before it is believed.
func insertAccount(text []byte, block string) (string, error) {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	var doc yaml.Node
	if err := yaml.NewDecoder(bytes.NewReader(text)).Decode(&doc); err != nil && !errors.Is(err, io.EOF) {
		return "", errors.New("it is not YAML")
	}
	lines := strings.SplitAfter(string(text), "\n")
	if last := len(lines) - 1; lines[last] != "" {
		lines[last] += "\n"
	} else {
		lines = lines[:last]
	}
	if len(doc.Content) == 0 || doc.Content[0].ShortTag() == "!!null" {
		return strings.Join(lines, "") + "\naccounts:\n" + block, nil
	}
	root := doc.Content[0]
	if root.Kind != yaml.MappingNode || root.Style&yaml.FlowStyle != 0 || root.Column != 1 {
		return "", errors.New("it is not written as init writes it")
	}
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, value := root.Content[i], root.Content[i+1]
		if key.Value != "accounts" {
			continue
		}
		switch {
		case value.Kind == yaml.MappingNode && value.Style&yaml.FlowStyle == 0 && len(value.Content) > 0:
			block = indented(block, value.Content[0].Column-1)
		case value.ShortTag() != "!!null" || value.Value != "":
			return "", errors.New("its accounts are not written one below the other")
		}
		return strings.Join(slices.Insert(lines, key.Line, block), ""), nil
	}
	return strings.Join(lines, "") + "\naccounts:\n" + block, nil
}

// indented is an account, which is indented by two, with another indentation.
func indented(block string, by int) string {
	var out strings.Builder
	for line := range strings.Lines(block) {
		out.WriteString(strings.Repeat(" ", by) + strings.TrimPrefix(line, "  "))
	}
	return out.String()
}
