package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/url"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
)

// configCheck is what vbcvault config check finds out.
type configCheck struct {
	Path     string         `json:"file"`
	Accounts []checkedOne   `json:"accounts,omitempty"`
	Secrets  int            `json:"secrets"` // different ones
	Findings []configDoubts `json:"findings,omitempty"`

	handsOver bool // see surroundings; nothing is sent, so nothing is made

	now  time.Time
	many map[config.Mistake]*ofMany
}

// ofMany is a finding about something that stands in the file once, for several accounts.
type ofMany struct {
	finding  int // its place in Findings
	accounts []string
}

// configDoubts is one thing that is wrong with a file, or that somebody should know.
type configDoubts struct {
	config.Mistake
	Level storage.Level `json:"level"` // warning or failure
}

// checkedOne is one account of the file.
type checkedOne struct {
	Name        string            `json:"account"`
	Destination string            `json:"destination,omitempty"`
	Manifest    string            `json:"manifest,omitempty"`
	Cutoff      time.Time         `json:"cutoff,omitzero"`
	Delete      bool              `json:"delete"`
	DeleteAfter string            `json:"delete_after,omitempty"`
	Next        time.Time         `json:"next_start,omitzero"`
	Spread      string            `json:"spread,omitempty"`
	Doctor      []storage.Finding `json:"doctor,omitempty"` // with --online

	account configured
	usable  bool // its job can be made, and its secrets are there
}

func newConfigCheck(s streams) *cobra.Command {
	var online, asJSON bool
	cmd := &cobra.Command{
		Use:   "check [FILE]",
		Short: "Check a configuration file, and that its secrets are there",
		Long: `Check reads a configuration file and names everything that is wrong, each with
its line, its key and how to mend it. It fetches every secret, without showing
it, and makes each account's run ready as archive would, without doing it. It
asks VBC and the destinations for nothing; with --online it runs doctor for each
account.

Without FILE it is the file that VBCVAULT_CONFIG names. The exit code is 2 if
something is wrong with the file or a secret, 1 if --online finds that a run
would fail, else 0.`,
		Example: `  vbcvault config check vbcvault.yaml
  vbcvault config check vbcvault.yaml --online
  vbcvault config check vbcvault.yaml --json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			path, err := configPath(strings.Join(args, ""))
			if err != nil {
				return err
			}
			c := &configCheck{Path: path, now: time.Now()}
			err = c.check(cmd.Context(), online)
			if asJSON {
				return errors.Join(err, json.NewEncoder(s.out).Encode(c))
			}
			return errors.Join(err, c.print(s.out))
		},
	}
	cmd.Flags().BoolVar(&online, "online", false, "also run doctor for each account, which sends VBC four requests each")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

// check fills in what it finds out, and says whether that is good.
func (c *configCheck) check(ctx context.Context, online bool) error {
	file, err := loadConfig(c.Path)
	if wrong, ok := errors.AsType[*config.Error](err); ok {
		for _, m := range wrong.Mistakes {
			c.Findings = append(c.Findings, configDoubts{m, storage.Failure})
		}
		return c.verdict()
	}
	if err != nil {
		return err
	}
	c.writable()
	missing := c.secrets(ctx, file)
	for _, a := range accountsOf(file) {
		c.Accounts = append(c.Accounts, c.account(ctx, a, missing))
	}
	c.together()
	c.onNetwork(ctx, file)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if to := file.Service.Listen; to != "" && !onlyHere(to) {
		c.found(storage.Warning, 0, "service.listen", "let a firewall keep others out, or listen at 127.0.0.1", "everybody who reaches %s can read the metrics", file.Service.Listen)
	}
	switch r := file.Report; {
	case r.Schedule != "" && len(r.Notify) == 0:
		c.found(storage.Warning, 0, "report", "add notify with names of those below notify, as in notify: [mail]", "the report is sent to nobody")
	case r.Schedule == "" && len(r.Notify) > 0:
		c.found(storage.Warning, 0, "report", `add schedule, as in schedule: "0 7 1 * *"`, "the report is never made")
	}
	slices.SortStableFunc(c.Findings, func(a, b configDoubts) int { return cmp.Compare(a.Line, b.Line) })
	if online {
		c.doctor(ctx)
	}
	return c.verdict()
}

// onlyHere reports whether HOST:PORT can be reached from this machine only.
func onlyHere(address string) bool {
	host, _, err := net.SplitHostPort(address)
	ip := net.ParseIP(host)
	return err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
}

func (c *configCheck) found(level storage.Level, line int, key, mend, format string, args ...any) {
	c.Findings = append(c.Findings, configDoubts{config.Mistake{Line: line, Key: key, Wrong: fmt.Sprintf(format, args...), Mend: mend}, level})
}

// verdict is the error that the findings come to.
func (c *configCheck) verdict() error {
	wrong, sick := 0, 0
	for _, f := range c.Findings {
		if f.Level == storage.Failure {
			wrong++
		}
	}
	for _, a := range c.Accounts {
		if worst(a.Doctor) == storage.Failure {
			sick++
		}
	}
	switch {
	case wrong == 1:
		return usagef("mend what is named above", "%s: one thing is wrong", c.Path)
	case wrong > 1:
		return usagef("mend what is named above", "%s: %d things are wrong", c.Path, wrong)
	case sick > 0:
		return &exitError{code: exitIncomplete, err: fmt.Errorf("the runs of %d of %d accounts would fail, or would not be safe; see above", sick, len(c.Accounts))}
	}
	return nil
}

// writable says if others may change the file: it says what is deleted, and which
// programs are run.
func (c *configCheck) writable() {
	if wrong, mend := othersCanChange(c.Path); wrong != "" {
		c.found(storage.Warning, 0, "", mend, "%s", wrong)
	}
}

// othersCanChange says that others than its owner can change a configuration file, and
// how to mend it; "" if they can't.
func othersCanChange(path string) (wrong, mend string) {
	info, err := os.Stat(path)
	if err != nil || runtime.GOOS == "windows" || info.Mode().Perm()&0o022 == 0 {
		return "", ""
	}
	return fmt.Sprintf("others than its owner can change this file (mode %04o): it says what is deleted at VBC, and which programs are run",
		info.Mode().Perm()), "chmod go-w " + path
}

// warnOfWriters has the log of whoever goes by a configuration file say the same.
func warnOfWriters(path string, log *slog.Logger) {
	if wrong, mend := othersCanChange(path); wrong != "" {
		log.Warn(wrong, "file", path, "hint", mend)
	}
}

// secrets fetches each secret once, and forgets it. It returns the keys of those that
// can't be used.
func (c *configCheck) secrets(ctx context.Context, file *config.Config) (missing map[string]bool) {
	type one struct {
		config.Secret
		keys []string
		err  error
		mend string
	}
	var all []*one
	byPlace := map[string]*one{}
	for _, u := range file.Secrets() {
		id := fmt.Sprintf("%d %q %q %q %q", u.Secret.Line, u.Secret.Env, u.Secret.File, u.Secret.Exec, u.Secret.AWS)
		if byPlace[id] == nil {
			byPlace[id] = &one{Secret: u.Secret}
			all = append(all, byPlace[id])
		}
		byPlace[id].keys = append(byPlace[id].keys, u.Key)
	}
	var fetchers errgroup.Group
	fetchers.SetLimit(atOnceByDefault)
	for _, s := range all {
		fetchers.Go(func() error {
			value, err := s.Resolve(ctx)
			s.err, s.mend = err, s.Mend()
			for _, key := range s.keys {
				if wrong, mend := unfitSecret(key, value); err == nil && wrong != "" {
					s.err, s.mend = fmt.Errorf("%s %s", s.Secret, wrong), mend
				}
			}
			return nil
		})
	}
	_ = fetchers.Wait() // each has its own error
	missing = map[string]bool{}
	for _, s := range all {
		if s.err != nil {
			c.found(storage.Failure, s.Line, s.keys[0], s.mend, "%v", s.err)
			for _, key := range s.keys {
				missing[key] = true
			}
		} else if doubt := s.Doubt(); doubt != "" {
			c.found(storage.Warning, s.Line, s.keys[0], "chmod 600 "+s.File+", if this machine has other users", "%s", doubt)
		}
	}
	c.Secrets = len(all)
	return missing
}

// unfitSecret says why a secret can't be what its key is for, without showing it.
func unfitSecret(key, value string) (wrong, mend string) {
	switch {
	case strings.HasSuffix(key, ".signing-key"):
		if _, err := receipt.ParseKey(value); err != nil {
			return "has no signing key", "it is the content of the file MANIFEST.key of an existing manifest"
		}
	case strings.HasSuffix(key, ".url"):
		u, err := url.Parse(strings.ReplaceAll(value, "{account}", "x"))
		if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			return "has no address", "write the whole address into it, as in https://hooks.example.com/…"
		}
	case strings.ContainsAny(value, "\r\n"):
		return "has several lines", "write nothing but the secret into it"
	}
	return "", ""
}

// account makes the account's run ready, with words in the place of secrets that are
// missing: what else is wrong is found all the same.
func (c *configCheck) account(ctx context.Context, a configured, missing map[string]bool) checkedOne {
	one := checkedOne{Name: a.Name, account: a, usable: true}
	for _, u := range (&config.Config{Accounts: []config.Account{a.Account}}).Secrets() {
		one.usable = one.usable && !missing[u.Key]
	}
	f, flags, err := a.flags()
	var j *job
	if err == nil {
		around := a.around(ctx)
		around.setting = a.withoutSecrets(around.setting)
		j, err = f.job(c.now, flags.Changed, around)
	}
	if err != nil {
		c.mistake(a, a.located(err))
		one.usable = false
		return one
	}
	around := a.around(ctx)
	around.handsOver = c.handsOver
	if _, err := around.newClient(j.vbc, j.manifest); err != nil {
		c.mistake(a, a.located(err))
		one.usable = false
	}
	one.Destination, one.Manifest, one.Cutoff, one.Delete, one.DeleteAfter = j.destination.String(), j.manifest, j.options.Cutoff, f.delete, f.deleteAfter
	if j.destination.dir != "" {
		if _, err := os.Stat(j.destination.dir); errors.Is(err, fs.ErrNotExist) {
			c.found(storage.Warning, a.Line, "accounts."+a.Name, "check that the disk is mounted; vbcvault doesn't create the directory", "the destination %s does not exist", j.destination.dir)
		}
	}
	if a.Schedule.Cron != "" {
		one.Next, one.Spread = nextStart(a.Schedule, c.now), a.Schedule.Spread.String()
	}
	return one
}

// withoutSecrets has a word in the place of each secret that the account refers to.
func (c configured) withoutSecrets(setting func(string) (string, error)) func(string) (string, error) {
	secrets := map[string]config.Secret{
		"VBC_PASSWORD": c.VBC.Password, "VBC_CLIENT_SECRET": c.VBC.ClientSecret, "VBC_PROVISIONING_CLIENT_SECRET": c.VBC.ProvisioningClientSecret,
	}
	return func(name string) (string, error) {
		if s, ok := secrets[name]; ok && !s.IsZero() {
			return "secret", nil
		}
		return setting(name)
	}
}

// mistake keeps what is wrong with an account's run.
func (c *configCheck) mistake(a configured, err error) {
	m := config.Mistake{Line: a.Line, Key: "accounts." + a.Name, Wrong: err.Error(), Mend: hintFor(err)}
	if e, ok := errors.AsType[*locatedError](err); ok {
		m.Line, m.Key, m.Wrong = e.line, e.key, e.err.Error()
		c.ofSeveral(a.Name, m)
		return
	}
	if !slices.ContainsFunc(c.Findings, func(f configDoubts) bool { return f.Mistake == m }) {
		c.Findings = append(c.Findings, configDoubts{m, storage.Failure})
	}
}

// ofSeveral keeps what is wrong at a place of the file, once for all accounts that it
// holds for.
func (c *configCheck) ofSeveral(account string, m config.Mistake) {
	if c.many[m] == nil {
		if c.many == nil {
			c.many = map[config.Mistake]*ofMany{}
		}
		c.many[m] = &ofMany{finding: len(c.Findings)}
		c.Findings = append(c.Findings, configDoubts{m, storage.Failure})
	}
	its := c.many[m]
	its.accounts = append(its.accounts, account)
	c.Findings[its.finding].Wrong = config.Several(its.accounts) + ": " + m.Wrong
}

// together looks at what accounts share and shouldn't.
func (c *configCheck) together() {
	manifests, users := map[string]string{}, map[string]string{}
	for _, a := range c.Accounts {
		if a.Manifest == "" {
			continue
		}
		if other, ok := manifests[a.Manifest]; ok {
			c.found(storage.Failure, a.account.Line, "accounts."+a.Name, "give each its own account number, destination or manifest, or remove one of them",
				"the accounts %s and %s have the same manifest %s: they archive the same recordings to the same place", other, a.Name, a.Manifest)
		} else {
			manifests[a.Manifest] = a.Name
		}
		user := a.account.VBC.APIURL + "\n" + a.account.VBC.Username
		if other, ok := users[user]; ok {
			c.found(storage.Warning, a.account.Line, "accounts."+a.Name, "give each account its own integration user, if you can",
				"the accounts %s and %s log in as the same VBC user: they share its quota, and a password that is refused locks both", other, a.Name)
		} else {
			users[user] = a.Name
		}
	}
}

// doctor examines each account that can be.
func (c *configCheck) doctor(ctx context.Context) {
	var doctors errgroup.Group
	doctors.SetLimit(atOnceByDefault)
	for i := range c.Accounts {
		a := &c.Accounts[i]
		if !a.usable {
			continue
		}
		doctors.Go(func() error {
			f, flags, err := a.account.flags()
			if err == nil {
				d := doctor{to: f.to, account: f.account, manifest: f.manifest, insecureHTTP: f.insecureHTTP, protect: f.protect, around: a.account.around(ctx)}
				var to destination
				if to, err = d.destination(flags.Changed); err == nil {
					a.Doctor, err = d.examine(ctx, to)
				}
			}
			if err != nil {
				a.Doctor = append(a.Doctor, storage.Finding{Check: "doctor", Level: storage.Failure, Means: err.Error(), Mend: hintFor(err)})
			}
			return nil
		})
	}
	_ = doctors.Wait() // what each has found says it
}
