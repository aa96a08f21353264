package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/outcome"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/spelling"
	"github.com/vbcvault/vbcvault/pipeline"
)

// fleetFlags are those of archive that choose accounts of a configuration file.
type fleetFlags struct {
	config string
	all    bool
	atOnce int
}

func (f *fleetFlags) register(fs *pflag.FlagSet) {
	fs.StringVar(&f.config, "config", "", "take accounts and settings from this configuration `FILE`; see vbcvault help config")
	fs.BoolVar(&f.all, "all", false, "with --config: all accounts of the file")
	fs.IntVar(&f.atOnce, "accounts-at-once", 0, "with --config: run `N` accounts at once (default: as the file says, else 8)")
}

// fromEnvironment takes the file that VBCVAULT_CONFIG names, if accounts are asked for. An
// archive that names none is about one account, and doesn't change because of a variable.
func (f *fleetFlags) fromEnvironment(names []string) {
	if f.config == "" && (f.all || len(names) > 0) {
		f.config = usualConfig()
	}
}

// own are the flags of archive --config that are about the command and not about its
// accounts.
var own = []string{"config", "all", "accounts-at-once", "json", "log-format", "log-level", "progress", "metrics-file", "help"}

// apart are the flags of archive that don't go with several accounts, and why.
var apart = []struct {
	flag, why, hint string
	one, named      bool // it goes with one account, or with those that are named
}{
	{flag: "to", why: "each account has its own destination", hint: "set it in the file, or run without --config"},
	{flag: "manifest", why: "each account has its own manifest", hint: "set it in the file, or run without --config"},
	{flag: "account", why: "each account has its own number", hint: "set it in the file; to choose an account, give its name: archive --config FILE NAME"},
	{flag: "plan", why: "a plan is for one account", hint: "name one account", one: true},
	{flag: "confirm-plan", why: "a plan is for one account", hint: "name one account", one: true},
	{flag: "moved", why: "--moved is for an archive that was copied", hint: "name the accounts whose archive was copied, instead of --all", named: true},
	{flag: "trust-archive", why: "--trust-archive is for once, after a restore", hint: "name the accounts that were restored, instead of --all", named: true},
}

// check refuses what can't be meant together.
func (f *fleetFlags) check(cmd *cobra.Command, names []string) error {
	changed := cmd.Flags().Changed
	if f.config == "" {
		for _, flag := range []string{"config", "all", "accounts-at-once"} {
			if changed(flag) {
				return usagef("as in vbcvault archive --config FILE --all", "--%s needs a configuration file: --config FILE or %s", flag, configVariable)
			}
		}
		return nil
	}
	if changed("accounts-at-once") && (f.atOnce < 1 || f.atOnce > mostAtOnce) {
		return usagef(fmt.Sprintf("between 1 and %d", mostAtOnce), "--accounts-at-once %d", f.atOnce)
	}
	if f.all && len(names) > 0 {
		return usagef("use one of them", "--all and names of accounts can't be used together")
	}
	for _, a := range apart {
		if changed(a.flag) && (!a.one || len(names) != 1) && (!a.named || f.all) {
			return usagef(a.hint, "--%s can't be used here: %s", a.flag, a.why)
		}
	}
	return nil
}

// mostAtOnce is more accounts than a machine serves at once.
const mostAtOnce = 500

// atOnceByDefault is how many run at once if nobody says it.
const atOnceByDefault = 8

// load reads the file and chooses its accounts, which heed the flags of the command
// line, and returns the others too.
func (f *fleetFlags) load(cmd *cobra.Command, names []string) (chosen, others []configured, err error) {
	if chosen, err = loadAccounts(f.config); err != nil {
		return nil, nil, err
	}
	if !f.all {
		all := chosen
		if chosen, err = named(slices.Clone(all), names, f.config); err != nil {
			return nil, nil, err
		}
		others = slices.DeleteFunc(all, func(a configured) bool { return slices.Contains(names, a.Name) })
	}
	over := overrides(cmd.Flags())
	for i := range chosen {
		chosen[i].over = over
		chosen[i].shared.atOnce = min(cmp.Or(f.atOnce, chosen[i].shared.atOnce), len(chosen))
	}
	return chosen, others, nil
}

// loadAccounts reads the accounts of a file.
func loadAccounts(file string) ([]configured, error) {
	c, err := loadConfig(file)
	if err != nil {
		return nil, err
	}
	return accountsOf(c), nil
}

// run is archive --config.
func (f *fleetFlags) run(cmd *cobra.Command, o *output, dryRun bool, metricsFile string, names []string) (any, error) {
	if err := checkMetricsFile(metricsFile); err != nil {
		return fleetSummary{}, err
	}
	accounts, others, err := f.load(cmd, names)
	if err != nil {
		return fleetSummary{}, err
	}
	warnOfWriters(f.config, o.log)
	all := &fleet{output: o, accounts: accounts, dryRun: dryRun}
	if !dryRun {
		all.telling = tellerFor(accounts[0], o.log)
	}
	outcomes := all.run(cmd.Context(), accounts[0].shared.atOnce)
	if metricsFile != "" && !dryRun {
		all.writeMetrics(context.WithoutCancel(cmd.Context()), metricsFile, outcomes, others)
	}
	all.telling.wait()
	return all.result(outcomes)
}

// writeMetrics writes the metrics of all accounts of the file: what the runs came to, and
// of accounts that were not chosen what their manifests say.
func (f *fleet) writeMetrics(ctx context.Context, path string, outcomes []carriedOut, others []configured) {
	all := make([]outcome.Outcome, 0, len(outcomes)+len(others))
	for _, o := range outcomes {
		if o.ending() == "not_begun" { // its last run is an earlier one
			o.Began, o.Ended = time.Time{}, time.Time{}
		}
		all = append(all, o.Outcome)
	}
	for _, a := range others {
		manifest, to, err := a.manifestFile(ctx)
		if err != nil {
			f.log.Warn("this account is not in the metrics", "account", a.Name, "reason", err)
			continue
		}
		all = append(all, outcome.Outcome{Account: a.Name, Manifest: manifest, Destination: to.String()})
	}
	writeMetricsFile(ctx, f.accounts[0].around(ctx), path, f.log, nil, all...)
}

// overrides are the flags of the command line that every account gets.
func overrides(given *pflag.FlagSet) (over []*pflag.Flag) {
	given.Visit(func(flag *pflag.Flag) {
		if !slices.Contains(own, flag.Name) {
			over = append(over, flag)
		}
	})
	return over
}

// named are the accounts with these names, in the order of the file.
func named(all []configured, names []string, file string) ([]configured, error) {
	has := make([]string, len(all))
	for i, a := range all {
		has[i] = a.Name
	}
	if len(names) == 0 {
		return nil, usagef("name some of them, or add --all", "no accounts selected; %s has: %s", file, few(has))
	}
	var unknown []string
	for _, name := range names {
		if slices.Contains(has, name) {
			continue
		}
		text := fmt.Sprintf("no account %q", name)
		if n := spelling.Nearest(name, has); n != "" {
			text += fmt.Sprintf(" (did you mean %s?)", n)
		}
		unknown = append(unknown, text)
	}
	if len(unknown) > 0 {
		return nil, usagef("its accounts are: "+few(has), "%s has %s", file, strings.Join(unknown, ", "))
	}
	return slices.DeleteFunc(all, func(a configured) bool { return !slices.Contains(names, a.Name) }), nil
}

// few lists names, and says how many more there are.
func few(names []string) string {
	const most = 30
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// fleet runs over several accounts.
type fleet struct {
	*output
	accounts []configured
	dryRun   bool
	turn     sync.Mutex // whose holder prints about an account
	telling  *telling   // nil = nobody is told
}

// run does one run over each account, several at once. What becomes of one is nothing
// to the others. Accounts that have not begun when ctx ends don't begin.
func (f *fleet) run(ctx context.Context, atOnce int) []carriedOut {
	outcomes := make([]carriedOut, len(f.accounts))
	f.crowd = newCrowd(f.output, len(f.accounts))
	var next atomic.Int64
	var all sync.WaitGroup
	for range min(atOnce, len(f.accounts)) {
		all.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(f.accounts)); i = next.Add(1) - 1 {
				outcomes[i] = f.one(ctx, f.accounts[i])
			}
		})
	}
	all.Wait()
	f.crowd.end()
	return outcomes
}

// result is what the command prints last, and the error that ends it.
func (f *fleet) result(outcomes []carriedOut) (any, error) {
	sum := sumUp(outcomes)
	if !f.json && !f.dryRun && len(outcomes) > 1 {
		f.table(outcomes)
	}
	if len(outcomes) == 1 && !f.json {
		return nil, outcomes[0].err
	}
	return sum, sum.err()
}

// one does the run over one account, and tells how it ended.
func (f *fleet) one(ctx context.Context, a configured) (out carriedOut) {
	defer f.crowd.ended()
	o := f.output.about(a.Name)
	page := &strings.Builder{}
	if len(f.accounts) > 1 {
		o.out = page
		o.json = o.json || !f.dryRun // instead of a summary of each, there is a table of all
	}
	if ctx.Err() != nil {
		out = notBegun(ctx, a)
	} else {
		a.begins = f.telling.begins(ctx, a.Name)
		out = a.carryOut(ctx, o)
		if !f.dryRun {
			a.remember(context.WithoutCancel(ctx), out.Outcome, o.log)
		}
		f.telling.tell(ctx, a, out.Outcome)
	}
	f.turn.Lock()
	defer f.turn.Unlock()
	f.tell(o, out)
	if page.Len() > 0 {
		fmt.Fprintf(f.out, "%s:\n%s\n", a.Name, page)
	}
	return out
}

// notBegun is the outcome of an account whose turn never came.
func notBegun(ctx context.Context, a configured) (out carriedOut) {
	out.Outcome = outcome.Outcome{Account: a.Name, Began: time.Now().UTC()}
	if path, to, err := a.manifestFile(ctx); err == nil {
		out.Manifest, out.Destination = path, to.String()
	}
	out.end(fmt.Errorf("not begun: %w", pipeline.ErrStopped))
	return out
}
