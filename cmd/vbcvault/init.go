package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/s3store"
)

// setup is what vbcvault init has been told, and what it has found out.
type setup struct {
	s     streams
	asks  *asker // nil = there is nobody to ask
	place setupPlace

	flags   archiveFlags
	given   *pflag.FlagSet // what the account in the file gets of flags
	out     string
	name    string // of the account in the file
	cron    string
	zone    string
	add     bool
	offline bool
	dryRun  bool

	values    map[string]string // of VBC, by the names of environmentHelp
	aws       s3store.Access    // how to reach the bucket, as the file will say
	number    string            // of the account, "" = not known
	was       []byte            // the file that is there, nil = none
	addState  bool              // the file has no state-dir yet
	others    []string          // accounts of that file
	inherited map[string]string // secrets that the defaults of that file refer to
	draft     draft
	replaced  bool // a secret that was there: a service that runs was handed the one before
}

// setupFlags are the flags of archive that init takes too: what is decided once. For the
// rest there is the file.
var setupFlags = []string{
	"to", "older-than", "delete", "delete-after", "account", "kind", "users", "object-lock", "retain", "storage-class", "sse", "kms-key", "tag",
	"expected-bucket-owner", "trust-mount", "insecure-http",
}

func newInit(s streams) *cobra.Command {
	u := &setup{s: s, given: pflag.NewFlagSet("init", pflag.ContinueOnError)}
	cmd := &cobra.Command{
		Use:        "init",
		SuggestFor: []string{"setup", "configure", "install"},
		Short:      "Set up an account: ask, try everything, write the configuration",
		Long: `Init sets up one account. It asks for what it needs, tries each answer at once
as vbcvault doctor does, and then writes a configuration file, and a file for
each secret that its owner alone can read. What it can find out, it doesn't ask:
the account's number, the addresses of the API, the bucket's region, keys of AWS
that are there, the time zone.

Flags and variables of the environment are answers too. Secrets have no flags:
they come from the environment or from files, as VBC_PASSWORD or
VBC_PASSWORD_FILE, VBC_CLIENT_SECRET or VBC_CLIENT_SECRET_FILE,
AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. Without a terminal nothing is asked:
give --to, --username, --client-id and the secrets. Then --older-than is 90d, and
nothing is deleted at VBC, unless you say otherwise.

As root, with the package installed, it sets up the package's service:
/etc/vbcvault/config.yaml and /etc/vbcvault/secrets. Otherwise the file is
vbcvault/config.yaml in the configuration directory of this user, or --out FILE,
with a directory secrets beside it. It never overwrites a file or a secret: it
adds an account to a file that is there, after asking (or with --add), and
changes nothing else in it.

Stop it at any time with Ctrl-C: nothing is half written, and the next init asks
only for what is missing. A password that VBC refuses is not sent again: a few
refusals lock the user.

It deletes nothing, and archives nothing. At the end it prints the policy that
the keys of AWS need, and says how to begin, with the service or with cron. The
exit code is 0 if the account is set up, 1 if a check fails, 2 for answers that
are missing or can't be used.`,
		Example: `  vbcvault init
  sudo vbcvault init
  VBC_PASSWORD_FILE=password VBC_CLIENT_SECRET_FILE=secret vbcvault init --username archive.bot --client-id my-application --to s3://my-bucket/recordings
  vbcvault init --dry-run`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			u.asks = newAsker(cmd.InOrStdin(), s.err)
			return u.run(cmd.Context())
		},
	}
	u.flags.register(u.given)
	for _, name := range setupFlags {
		cmd.Flags().AddFlag(u.given.Lookup(name))
	}
	u.values, u.inherited = map[string]string{}, map[string]string{}
	u.vbcFlag(cmd.Flags(), "username", "VBC_USERNAME", "`NAME` of the VBC integration user (default: VBC_USERNAME)")
	u.vbcFlag(cmd.Flags(), "client-id", "VBC_CLIENT_ID", "`ID` of the application of the developer portal (default: VBC_CLIENT_ID)")
	cmd.Flags().StringVar(&u.aws.Endpoint, "endpoint", "", "`ADDRESS` of a compatible S3 server instead of AWS (default: AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL)")
	cmd.Flags().StringVar(&u.name, "name", "", "`NAME` of the account in the file (default main)")
	cmd.Flags().StringVar(&u.cron, "cron", "17 2 * * *", "when the service archives: five `FIELDS`: minute, hour, day, month, weekday")
	cmd.Flags().StringVar(&u.zone, "time-zone", "", "`ZONE` of --cron, as in Europe/Berlin (default: this machine's)")
	cmd.Flags().StringVar(&u.out, "out", "", "write this configuration `FILE`")
	cmd.Flags().BoolVar(&u.add, "add", false, "add the account to a configuration file that is there, without asking")
	cmd.Flags().BoolVar(&u.offline, "offline", false, "write without trying anything at VBC or the destination")
	cmd.Flags().BoolVar(&u.dryRun, "dry-run", false, "ask and try, print the configuration file, and write nothing")
	return cmd
}

// vbcFlag makes a flag of what is else a variable.
func (u *setup) vbcFlag(fs *pflag.FlagSet, name, variable, usage string) {
	fs.Func(name, usage, func(s string) error { u.values[variable] = s; return nil })
}

// run does all of it. What it does before write changes nothing but the draft, and the
// secrets that VBC or the bucket has accepted.
func (u *setup) run(ctx context.Context) error {
	var err error
	if u.place, err = placeFor(u.out); err != nil {
		return err
	}
	if err := u.fromEnvironment(); err != nil {
		return err
	}
	if u.place.packaged() && u.out == "" {
		u.say("This sets up an account for this user alone. For the service of the package: sudo vbcvault init\n")
	}
	if !u.dryRun {
		if err := u.place.writable(); err != nil {
			return err
		}
	}
	for _, step := range []func(context.Context) error{u.existing, u.resume, u.naming, u.complete, u.signIn, u.destination, u.choices, u.finish} {
		if err := step(ctx); err != nil {
			return u.stopped(err)
		}
	}
	return nil
}

// stopped says what is left of an init that didn't come to its end.
func (u *setup) stopped(err error) error {
	if left := u.place.handOver(); left != nil {
		err = errors.Join(err, left)
	}
	if codeOf(err) != exitInterrupted {
		return err
	}
	if u.draft.saved {
		return &hinted{err: err, hint: "what VBC and the destination have accepted is kept: run vbcvault init again, and it asks only for the rest"}
	}
	return &hinted{err: err, hint: "nothing was written; run vbcvault init again"}
}

// fromEnvironment takes what the environment says: what is answered there isn't asked.
func (u *setup) fromEnvironment() error {
	for _, name := range []string{
		"VBC_USERNAME", "VBC_PASSWORD", "VBC_CLIENT_ID", "VBC_CLIENT_SECRET", "VBC_API_URL", "VBC_API_ROOT", "VBC_TOKEN_URL",
		"VBC_PROVISIONING_CLIENT_ID", "VBC_PROVISIONING_CLIENT_SECRET",
	} {
		if u.values[name] != "" {
			continue
		}
		value, err := setting(name)
		if err == nil && strings.ContainsAny(value, "\r\n") {
			err = usagef("write nothing but the value into it", "%s has several lines", name)
		}
		if err != nil {
			return err
		}
		u.values[name] = value
	}
	for _, name := range []string{"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"} {
		if u.aws.Endpoint == "" {
			u.aws.Endpoint = os.Getenv(name)
		}
	}
	if u.zone == "" {
		u.zone = timeZone()
	}
	return nil
}

// around is what the account's runs will take from the file.
func (u *setup) around() surroundings {
	return surroundings{
		setting:   func(name string) (string, error) { return u.values[name], nil },
		stateDir:  func() (string, error) { return u.place.state, nil },
		aws:       func(context.Context) (*s3store.Access, error) { a := u.aws; return &a, nil },
		handsOver: u.place.service,
		missing:   "without a terminal to ask at, use --username and --client-id, and VBC_PASSWORD_FILE=/path and VBC_CLIENT_SECRET_FILE=/path in the environment",
	}
}

// job is the run that the answers lead to.
func (u *setup) job() (*job, error) { return u.flags.job(time.Now(), u.given.Changed, u.around()) }

// set answers for a flag.
func (u *setup) set(name, value string) error { return u.given.Set(name, value) }

// say tells whoever runs it.
func (u *setup) say(format string, args ...any) { fmt.Fprintf(u.s.err, format+"\n", args...) }

// show shows findings of one part, and reports whether all is well enough to go on.
func (u *setup) show(findings ...storage.Finding) (well bool, err error) {
	return worst(findings) != storage.Failure, printFindings(u.s.err, findings)
}

// failed is the error of a check that fails where nobody can be asked what to change.
func failed() error {
	return &exitError{code: exitIncomplete, err: &hinted{err: errors.New("a check fails, so the configuration was not written; see above"), hint: "mend it and run the same command again; --offline writes the configuration without trying it"}}
}
