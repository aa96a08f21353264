package config

import (
	"cmp"
	"maps"
	"net"
	"reflect"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// config makes the configuration of the file: what its parts have to do with each other.
func (r *reader) config(f *file) *Config {
	c := &Config{Path: r.path, StateDir: f.StateDir, Database: f.Database, AccountsAtOnce: cmp.Or(f.AccountsAtOnce, 8), Service: f.Service, Report: f.Report, Web: f.Web}
	if c.AccountsAtOnce > 256 {
		r.wrong(r.at("accounts-at-once"), "use 256 or less", "these are too many at the same time")
	}
	if c.Report.Zone == nil {
		c.Report.Zone = time.UTC
	}
	if len(f.Accounts) == 0 && !r.isWrong("accounts") {
		r.wrong(cmp.Or(r.at("accounts"), place{line: 1}), "add one below accounts:, as in acme: with its keys indented; see vbcvault help config", "there are no accounts")
	}
	r.destinationKnown(f, "defaults.destination", f.Defaults.Destination)
	for _, name := range r.inOrder("accounts", slices.Collect(maps.Keys(f.Accounts))) {
		a := f.Accounts[name]
		c.Accounts = append(c.Accounts, r.account(f, name, &a))
	}
	r.sayLacking()
	for _, name := range r.inOrder("notify", slices.Collect(maps.Keys(f.Notify))) {
		n := f.Notify[name]
		n.Name = name
		c.Notify = append(c.Notify, r.notifier(f, n))
	}
	for _, name := range c.Report.Notify {
		if n, ok := f.Notify[name]; !ok || n.Healthchecks != nil {
			r.wrong(r.at("report.notify"), "name some of those below notify that send mail, a request or run a program", "%q is nobody who can get a report", name)
		}
	}
	r.web(f)
	return c
}

// inOrder are names in the order of the file.
func (r *reader) inOrder(of string, names []string) []string {
	slices.SortFunc(names, func(a, b string) int {
		x, y := r.at(of+"."+a), r.at(of+"."+b)
		return cmp.Or(cmp.Compare(x.line, y.line), cmp.Compare(x.column, y.column), cmp.Compare(a, b))
	})
	return names
}

// account is one account with what its destination and the defaults add.
func (r *reader) account(f *file, name string, a *account) Account {
	key := "accounts." + name
	out := Account{Name: name, Line: r.at(key).line, Signing: a.Signing}
	if out.Signing.IsZero() {
		out.Signing = f.Defaults.Signing
	}
	to := r.target(f, key, a)
	layers := []*section{&f.Defaults.section}
	if to != nil {
		layers = append(layers, &to.section)
	}
	layers = append(layers, &a.section) // the nearest last
	if a.node == nil {
		return out // it isn't even a mapping, as was said
	}
	out.Flags = r.flagsOf(layers)
	r.merge(&out.VBC, "vbc", layers)
	r.merge(&out.S3, "s3", layers)
	out.Schedule = Schedule{Zone: time.UTC, Sample: "1/30", Keep: 14}
	r.merge(&out.Schedule, "schedule", layers)
	r.complete(key, out)
	r.signs(f, key, out)
	return out
}

// target is the destination of an account, nil if it has a to of its own, or none.
func (r *reader) target(f *file, key string, a *account) *target {
	name := a.Destination
	own := len(a.flags["to"]) > 0
	if name != "" && own {
		r.wrong(r.at(key+".to"), "remove one of them", "the account has both destination and to")
	}
	r.destinationKnown(f, key+".destination", name)
	if name == "" && !own {
		name = f.Defaults.Destination
	}
	if t, ok := f.Destinations[name]; ok {
		return &t
	}
	return nil
}

func (r *reader) destinationKnown(f *file, key, name string) {
	if _, ok := f.Destinations[name]; name == "" || ok {
		return
	}
	r.reference(key, name, "destinations", slices.Sorted(maps.Keys(f.Destinations)))
}

// flagsOf are the flags of all layers, of which the nearest counts.
func (r *reader) flagsOf(layers []*section) (all []Flag) {
	nearest := map[string][]Flag{}
	for _, l := range layers {
		for name := range l.flags {
			for _, other := range against[name] {
				if l.flags[other] == nil {
					delete(nearest, other)
				}
			}
		}
		if d := l.flags["delete"]; len(d) == 1 && d[0].Value == "false" {
			for _, other := range onlyWithDelete {
				delete(nearest, other)
			}
		}
		maps.Copy(nearest, l.flags)
	}
	for _, name := range slices.Sorted(maps.Keys(nearest)) {
		all = append(all, nearest[name]...)
	}
	return all
}

// merge reads a part of each layer over that of those before.
func (r *reader) merge(to any, part string, layers []*section) {
	for _, l := range layers {
		if l.node == nil {
			continue
		}
		for key, value := range r.pairs(l.node, l.at) {
			if key.Value == part && value.Kind == yaml.MappingNode {
				r.into(reflect.ValueOf(to).Elem(), "", value, placeOf(key, l.at.in(part)))
			}
		}
	}
}

// complete says what an account lacks.
func (r *reader) complete(key string, a Account) {
	for _, need := range []struct {
		key  string
		here bool
	}{
		{"username", a.VBC.Username != ""}, {"password", !a.VBC.Password.IsZero()},
		{"client-id", a.VBC.ClientID != ""}, {"client-secret", !a.VBC.ClientSecret.IsZero()},
	} {
		if !need.here && !r.isWrong(key+".vbc."+need.key, "defaults.vbc."+need.key) {
			r.accountLacks(a.Name, "add it to vbc of the account, or to vbc of defaults", "vbc.%s is missing", need.key)
		}
	}
	has := func(names ...string) bool {
		return slices.ContainsFunc(names, func(name string) bool {
			return slices.ContainsFunc(a.Flags, func(f Flag) bool { return f.Name == name }) || r.saidOfFlag(name)
		})
	}
	if !has("to") && !r.isWrong(key+".destination", "defaults.destination", "destinations") {
		r.accountLacks(a.Name, "add destination with the name of one below destinations, or to, as in to: s3://my-bucket/recordings", "the account has no destination")
	}
	if !has("older-than", "before") {
		r.accountLacks(a.Name, "add older-than to the account, or to defaults, as in older-than: 90d", "no recordings selected: older-than or before is missing")
	}
	if (a.VBC.ProvisioningClientID == "") != a.VBC.ProvisioningClientSecret.IsZero() {
		r.accountLacks(a.Name, "write both, or neither", "only one of vbc.provisioning-client-id and vbc.provisioning-client-secret is there")
	}
	if a.S3.AccessKeyID.IsZero() != a.S3.SecretAccessKey.IsZero() {
		r.accountLacks(a.Name, "write both, or neither to use the credentials of the environment", "only one of s3.access-key-id and s3.secret-access-key is there")
	}
	if !a.S3.SessionToken.IsZero() && a.S3.AccessKeyID.IsZero() {
		r.accountLacks(a.Name, "add access-key-id and secret-access-key", "s3.session-token belongs to keys that are missing")
	}
	if a.Schedule.Backup != "" && a.Schedule.BackupTo == "" {
		r.wrong(r.at(key+".schedule.backup", "defaults.schedule.backup"), "add backup-to with a directory", "schedule.backup has nowhere to copy the manifest to")
	}
}

// signs says that an account lacks the key that its manifest in a database doesn't have.
func (r *reader) signs(f *file, key string, a Account) {
	inDatabase := f.Database.URL != ""
	for _, flag := range a.Flags {
		if flag.Name == "manifest" {
			inDatabase = isDatabase(flag.Value)
		}
	}
	if inDatabase && a.Signing.IsZero() && !r.isWrong(key+".signing-key", "defaults.signing-key") {
		r.accountLacks(a.Name, "add signing-key to the account, or to defaults, as in signing-key: {file: /run/secrets/vbcvault.key}; vbcvault manifest key makes one",
			"signing-key is missing: a database doesn't hold the key that signs receipts")
	}
}

// isWrong reports whether something has been said of one of these keys, or one of them
// is part of what is there under a name that is misspelt.
func (r *reader) isWrong(keys ...string) bool {
	for meant := range r.meant {
		if slices.ContainsFunc(keys, func(k string) bool { return k == meant || strings.HasPrefix(k, meant+".") }) {
			return true
		}
	}
	return slices.ContainsFunc(r.mistakes, func(m Mistake) bool {
		return slices.ContainsFunc(keys, func(k string) bool { return m.Key == k || len(m.Key) > len(k) && m.Key[:len(k)+1] == k+"." })
	})
}

// saidOfFlag reports whether a flag is there somewhere, and wrong, or misspelt.
func (r *reader) saidOfFlag(name string) bool {
	for meant := range r.meant {
		if strings.HasSuffix(meant, "."+name) || meant == "defaults" {
			return true
		}
	}
	return slices.ContainsFunc(r.mistakes, func(m Mistake) bool { return strings.HasSuffix(m.Key, "."+name) })
}

// notifier is one way of telling, with what it has unless the file says otherwise.
func (r *reader) notifier(f *file, n Notifier) Notifier {
	key := "notify." + n.Name
	ways := 0
	for _, is := range []bool{n.Webhook != nil, n.Email != nil, len(n.Command) > 0, n.Healthchecks != nil} {
		if is {
			ways++
		}
	}
	if ways != 1 && !r.isWrong(key, key+".webhook", key+".email", key+".command", key+".healthchecks") {
		r.wrong(r.at(key), "write one of webhook, email, command and healthchecks below each name", "there are %d ways of telling", ways)
	}
	for _, name := range n.Accounts {
		if _, ok := f.Accounts[name]; !ok {
			r.reference(key+".accounts", name, "accounts", slices.Sorted(maps.Keys(f.Accounts)))
		}
	}
	switch {
	case len(n.On) > 0:
	case n.Healthchecks != nil:
		n.On = []string{"always"}
	default:
		n.On = []string{"failure", "recovery", "news"}
	}
	if n.Webhook != nil && n.Webhook.URL.IsZero() {
		r.lacks(key+".webhook", "url")
	}
	if n.Healthchecks != nil && n.Healthchecks.URL.IsZero() {
		r.lacks(key+".healthchecks", "url")
	}
	if n.Email != nil {
		r.email(key+".email", n.Email)
	}
	return n
}

func (r *reader) email(key string, e *Email) {
	if e.Host == "" {
		r.lacks(key, "host")
	}
	if e.From == "" {
		r.lacks(key, "from")
	}
	if len(e.To) == 0 {
		r.lacks(key, "to")
	}
	if (e.Username == "") != e.Password.IsZero() && !r.isWrong(key+".password") {
		r.wrong(r.at(key), "write both, or neither", "only one of username and password is there")
	}
	if e.TLS != "none" {
		return
	}
	host, _, _ := net.SplitHostPort(e.Host)
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		r.wrong(r.at(key+".tls"), "use starttls or tls; none is for a server on this machine", "others on the network could read the mail and the password")
	}
}

// lacks says that a key is missing, unless it is there and wrong.
func (r *reader) lacks(key, name string) {
	if !r.isWrong(key, key+"."+name) {
		r.wrong(r.at(key), "add it below "+key, "%s is missing", name)
	}
}

// reference says that a name isn't one of those that there are.
func (r *reader) reference(key, name, of string, names []string) {
	if r.isWrong(of) {
		return
	}
	r.wrong(r.at(key), mendName(name, of, names), "%q is not the name of one of the %s", name, of)
}
