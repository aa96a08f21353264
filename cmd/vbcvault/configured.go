package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/pflag"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/outcome"
	"github.com/vbcvault/vbcvault/pipeline"
	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/storage/s3store"
)

// configured is one account of a configuration file.
type configured struct {
	config.Account
	path     string          // of the file
	state    string          // its state directory; "" = as without a file
	database config.Database // the file's; zero = as without a file

	over   []*pflag.Flag // flags that were given on the command line: they beat the file
	shared *together     // with the file's other accounts

	begins func(run string) // is told of the UUID of each run that begins; nil = nobody
}

// together is what the accounts of one process share.
type together struct {
	buffers int // of parts
	atOnce  int
	parts   *s3store.Pool
	bound   *bindings
	once    sync.Once
	notify  []config.Notifier
}

// How many bytes of each manifest its connections keep in memory: so many for all of
// those that are open, and at least so many for each.
const mostCache, leastCache = 8 << 20, 128 << 10

// join lets an account have its part of it until leave.
func (t *together) join() (share *s3store.Share, leave func()) {
	t.once.Do(func() { boundMemory(t.buffers, t.atOnce) })
	share = t.parts.Join()
	return share, share.Leave
}

// inherit takes over what the accounts had in common under an earlier configuration, nil
// if there was none: runs that began under it go on, and with each reload more memory
// would be in use than there is to be.
func (t *together) inherit(was *together) {
	if was == nil {
		return
	}
	t.bound = was.bound
	if t.buffers == was.buffers {
		t.parts = was.parts
	}
}

// accountsOf are the accounts of a configuration, in its order.
func accountsOf(c *config.Config) (all []configured) {
	shared := &together{buffers: s3store.Buffers(0), atOnce: cmp.Or(c.AccountsAtOnce, atOnceByDefault), bound: &bindings{}, notify: c.Notify}
	for _, a := range c.Accounts {
		all = append(all, configured{Account: a, path: c.Path, state: c.StateDir, database: c.Database, shared: shared})
		for _, f := range a.Flags {
			if n, err := strconv.Atoi(f.Value); f.Name == "workers" && err == nil && n <= mostWorkers {
				shared.buffers = max(shared.buffers, s3store.Buffers(n))
			}
		}
	}
	shared.parts = s3store.NewPool(shared.buffers)
	return all
}

// archiveFlagSet makes the flags of archive that a configuration file may set.
func archiveFlagSet(f *archiveFlags) *pflag.FlagSet {
	fs := pflag.NewFlagSet("archive", pflag.ContinueOnError)
	f.register(fs)
	checkEach(fs)
	return fs
}

// around is what the account takes from the file. Its secrets are fetched when they
// are asked for, and live as long as the run that asks.
func (c configured) around(ctx context.Context) surroundings {
	secrets := map[string]config.Secret{
		"VBC_PASSWORD": c.VBC.Password, "VBC_CLIENT_SECRET": c.VBC.ClientSecret,
		"VBC_PROVISIONING_CLIENT_SECRET": c.VBC.ProvisioningClientSecret, "VBCVAULT_SIGNING_KEY": c.Signing,
		"VBCVAULT_DATABASE_PASSWORD": c.database.Password,
	}
	plain := map[string]string{
		"VBC_USERNAME": c.VBC.Username, "VBC_CLIENT_ID": c.VBC.ClientID, "VBC_PROVISIONING_CLIENT_ID": c.VBC.ProvisioningClientID,
		"VBC_API_URL": c.VBC.APIURL, "VBC_API_ROOT": c.VBC.APIRoot, "VBC_TOKEN_URL": c.VBC.TokenURL,
		"VBCVAULT_DATABASE_URL": c.database.URL, "VBCVAULT_QUOTA_GROUP": c.VBC.QuotaGroup,
	}
	a := surroundings{
		setting: func(name string) (string, error) {
			s, ok := secrets[name]
			if !ok || s.IsZero() {
				if name == "VBCVAULT_DATABASE_URL" && plain[name] == "" || name == "VBCVAULT_DATABASE_PASSWORD" {
					return setting(name) // as without a file, like the state directory
				}
				return plain[name], nil
			}
			value, err := s.Resolve(ctx)
			switch {
			case err != nil && name == "VBCVAULT_DATABASE_PASSWORD":
				return "", usagef(s.Mend(), "%s: database: %w", config.At(c.path, s.Line), err)
			case err != nil:
				return "", usagef(s.Mend(), "%s: account %s: %w", config.At(c.path, s.Line), c.Name, err)
			}
			return value, nil
		},
		stateDir: func() (string, error) {
			if c.state != "" {
				return c.state, nil
			}
			return stateDir()
		},
		missing: fmt.Sprintf("add them to vbc of account %s in %s", c.Name, c.path),
	}
	if c.shared != nil {
		a.bound, a.cache = c.shared.bound, max(leastCache, mostCache/c.shared.atOnce)
	}
	if !c.S3.IsZero() {
		a.aws = c.access
	}
	return a
}

// access is how to reach the account's bucket.
func (c configured) access(ctx context.Context) (*s3store.Access, error) {
	a := &s3store.Access{Region: c.S3.Region, Endpoint: c.S3.Endpoint, Profile: c.S3.Profile}
	for _, s := range []struct {
		from config.Secret
		to   *string
	}{{c.S3.AccessKeyID, &a.AccessKeyID}, {c.S3.SecretAccessKey, &a.SecretAccessKey}, {c.S3.SessionToken, &a.SessionToken}} {
		if s.from.IsZero() {
			continue
		}
		var err error
		if *s.to, err = s.from.Resolve(ctx); err != nil {
			return nil, usagef(s.from.Mend(), "%s: account %s: %w", config.At(c.path, s.from.Line), c.Name, err)
		}
	}
	return a, nil
}

// flags are what the file says, and what the command line says instead. They are read,
// and not yet judged.
func (c configured) flags() (*archiveFlags, *pflag.FlagSet, error) {
	f := &archiveFlags{}
	fs := archiveFlagSet(f)
	beaten := c.beaten()
	for _, flag := range c.Flags {
		if beaten[flag.Name] {
			continue
		}
		if err := fs.Set(flag.Name, flag.Value); err != nil {
			return nil, nil, usagef("see vbcvault archive --help", "%s:%d: %s: %q: %v", c.path, flag.Line, flag.Name, flag.Value, err)
		}
	}
	for _, flag := range c.over {
		its := fs.Lookup(flag.Name)
		var err error
		if list, ok := flag.Value.(pflag.SliceValue); ok {
			err = its.Value.(pflag.SliceValue).Replace(list.GetSlice())
		} else {
			err = its.Value.Set(flag.Value.String())
		}
		if err != nil {
			return nil, nil, usagef("see vbcvault archive --help", "--%s: %v", flag.Name, err)
		}
		its.Changed = true
	}
	return f, fs, nil
}

// beaten are the flags of the file that don't count: those of the command line, and
// what has no meaning beside them.
func (c configured) beaten() map[string]bool {
	beaten := map[string]bool{}
	deletes := true
	for _, flag := range c.Flags {
		deletes = deletes && (flag.Name != "delete" || flag.Value != "false")
	}
	for _, flag := range c.over {
		beaten[flag.Name] = true
		switch flag.Name {
		case "older-than":
			beaten["before"] = true
		case "before":
			beaten["older-than"] = true
		case "delete":
			deletes = flag.Value.String() != "false"
		}
	}
	if !deletes { // what limits deletions for all accounts doesn't concern one that deletes nothing
		beaten["delete-after"], beaten["max-deletes"] = true, true
	}
	return beaten
}

// job is the run that the file asks for.
func (c configured) job(ctx context.Context, now time.Time) (*job, error) {
	f, fs, err := c.flags()
	if err != nil {
		return nil, err
	}
	j, err := f.job(now, fs.Changed, c.around(ctx))
	return j, c.located(err)
}

// manifestFile is where the account's manifest lies, and what it is for. Secrets aren't
// fetched.
func (c configured) manifestFile(ctx context.Context) (path string, to destination, err error) {
	f, _, err := c.flags()
	if err != nil {
		return "", to, err
	}
	if to, err = parseDestination(f.to); err != nil {
		return "", to, err
	}
	path, err = f.manifestFile(c.around(ctx), c.VBC.Username, c.VBC.APIURL, to)
	return path, to, err
}

// archive does one run over the account.
func (c configured) archive(ctx context.Context, o *output) outcome.Outcome {
	return c.carryOut(ctx, o).Outcome
}

// carriedOut is an outcome with what else there is to tell.
type carriedOut struct {
	outcome.Outcome
	plan *pipeline.Plan // of a dry run
	err  error
}

// carryOut does one run over the account, or a dry run. A panic isn't caught: it is a
// mistake of the program, which the other accounts run too, with things that they
// share; all that was done is in the manifests.
func (c configured) carryOut(ctx context.Context, o *output) (out carriedOut) {
	out.Outcome = outcome.Outcome{Account: c.Name, Run: uuid.NewString(), Began: time.Now().UTC()}
	if c.begins != nil {
		c.begins(out.Run)
	}
	j, err := c.job(ctx, out.Began)
	if err == nil {
		out.Destination, out.Manifest = j.destination.String(), j.manifest
		j.warnOfMount(o.log)
		err = out.run(ctx, j, c.shared, o)
		out.Skipped = j.skipped
	}
	if err != nil && ctx.Err() != nil && codeOf(err) == exitUsage { // as a command that prints a secret
		err = pipeline.ErrStopped
	}
	out.end(err)
	return out
}

// run carries out a job.
func (out *carriedOut) run(ctx context.Context, j *job, shared *together, o *output) error {
	if shared != nil {
		share, leave := shared.join()
		defer leave()
		j.around.parts = share
	}
	if j.dryRun {
		done, err := j.plan(ctx, o)
		if p, ok := done.(pipeline.Plan); ok {
			out.plan = &p
		}
		return err
	}
	done, err := j.run(ctx, o)
	out.Summary, _ = done.(pipeline.Summary)
	return err
}

// mistakeIn is the mistake of the configuration in an error, with its place in the file,
// and without what came together with it: that may be words of VBC's, and notifications
// tell the text of a mistake.
func mistakeIn(err error) string {
	if e, ok := errors.AsType[*locatedError](err); ok {
		return e.Error()
	}
	if e, ok := errors.AsType[*usageError](err); ok {
		return e.Error()
	}
	return ""
}

// end says how it ended, for good.
func (out *carriedOut) end(err error) {
	out.Ended, out.ExitCode, out.err = time.Now().UTC(), codeOf(err), err
	if err != nil {
		out.Error, out.ErrorCode, out.Hint = err.Error(), errorCode(err), hintFor(err)
		if out.ErrorCode == code.Usage {
			out.Error = mistakeIn(err)
		}
	}
}
