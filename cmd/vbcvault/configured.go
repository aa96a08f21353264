package main

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/pflag"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/outcome"
	"github.com/vbcvault/vbcvault/pipeline"
	"github.com/vbcvault/vbcvault/storage/s3store"
)

// configured is one account of a configuration file.
type configured struct {
	config.Account
	path  string // of the file
	state string // its state directory; "" = as without a file
}

// accountsOf are the accounts of a configuration, in its order.
func accountsOf(c *config.Config) (all []configured) {
	for _, a := range c.Accounts {
		all = append(all, configured{Account: a, path: c.Path, state: c.StateDir})
	}
	return all
}

// archiveFlagSet makes the flags of archive that a configuration file may set.
func archiveFlagSet(f *archiveFlags) *pflag.FlagSet {
	fs := pflag.NewFlagSet("archive", pflag.ContinueOnError)
	f.register(fs)
	return fs
}

// around is what the account takes from the file. Its secrets are fetched when they
// are asked for, and live as long as the run that asks.
func (c configured) around(ctx context.Context) surroundings {
	secrets := map[string]config.Secret{
		"VBC_PASSWORD": c.VBC.Password, "VBC_CLIENT_SECRET": c.VBC.ClientSecret,
		"VBC_PROVISIONING_CLIENT_SECRET": c.VBC.ProvisioningClientSecret, "VBCVAULT_SIGNING_KEY": c.Signing,
	}
	plain := map[string]string{
		"VBC_USERNAME": c.VBC.Username, "VBC_CLIENT_ID": c.VBC.ClientID, "VBC_PROVISIONING_CLIENT_ID": c.VBC.ProvisioningClientID,
		"VBC_API_URL": c.VBC.APIURL, "VBC_API_ROOT": c.VBC.APIRoot, "VBC_TOKEN_URL": c.VBC.TokenURL,
	}
	a := surroundings{
		setting: func(name string) (string, error) {
			s, ok := secrets[name]
			if !ok || s.IsZero() {
				return plain[name], nil
			}
			value, err := s.Resolve(ctx)
			if err != nil {
				return "", usagef("see vbcvault help config", "%s: account %s: %w", c.path, c.Name, err)
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
			return nil, usagef("see vbcvault help config", "%s: account %s: %w", c.path, c.Name, err)
		}
	}
	return a, nil
}

// job is the run that the file asks for.
func (c configured) job(ctx context.Context, now time.Time) (*job, error) {
	var f archiveFlags
	fs := archiveFlagSet(&f)
	for _, flag := range c.Flags {
		if err := fs.Set(flag.Name, flag.Value); err != nil {
			return nil, usagef("see vbcvault archive --help", "%s:%d: %s: %q: %v", c.path, flag.Line, flag.Name, flag.Value, err)
		}
	}
	return f.job(now, fs.Changed, c.around(ctx))
}

// archive does one run over the account.
func (c configured) archive(ctx context.Context, o *output) outcome.Outcome {
	out := outcome.Outcome{Account: c.Name, Run: uuid.NewString(), Began: time.Now().UTC()}
	j, err := c.job(ctx, out.Began)
	if err == nil {
		out.Destination, out.Manifest = j.destination.String(), j.manifest
		var done any
		done, err = j.run(ctx, o)
		out.Summary, _ = done.(pipeline.Summary)
		out.Skipped = j.skipped
	}
	out.Ended, out.ExitCode = time.Now().UTC(), codeOf(err)
	if err != nil {
		out.Error, out.ErrorCode, out.Hint = err.Error(), errorCode(err), hintFor(err)
	}
	return out
}

// worst is the error of several runs, nil if all went well.
func worstOf(all []outcome.Outcome) error {
	codes := make([]int, len(all))
	for i, o := range all {
		codes[i] = o.ExitCode
	}
	code := outcome.Worst(codes...)
	if code == exitDone {
		return nil
	}
	bad := 0
	for _, c := range codes {
		if c != exitDone {
			bad++
		}
	}
	return &exitError{code: code, err: fmt.Errorf("%d of %d accounts are not done; see above", bad, len(all))}
}
