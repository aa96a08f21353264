package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/spf13/cobra"

	"github.com/vbcvault/vbcvault/pipeline/manifest/place"
	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
	"github.com/vbcvault/vbcvault/pipeline/rebuild"
	"github.com/vbcvault/vbcvault/storage"
)

// rebuildFlags are the flags of rebuild.
type rebuildFlags struct {
	from, path, account string
	what                rebuild.Options
	keys                []string
	insecureHTTP        bool
	out                 outputFlags
}

func newRebuild(s streams) *cobra.Command {
	var f rebuildFlags
	cmd := &cobra.Command{
		Use:        "rebuild --from s3://BUCKET/PREFIX [--manifest FILE] [--account NUMBER] [--key KEY] [--deep]",
		SuggestFor: []string{"recover"},
		Short:      "Create a manifest from the archive",
		Long: `Rebuild creates a manifest from what is in the bucket or directory: metadata,
audio, transcripts, receipts, holds and erasures. Use it when the manifest is
lost. It sends VBC no request and changes nothing in the archive; a run with
the new manifest does nothing twice.

A copy counts as verified when the destination confirms the size and SHA-256
that are in the metadata beside it; --deep reads and hashes every byte, which a
directory and large recordings need in any case.

Whoever can write to the bucket can put files there, so rebuild believes what a
known key has signed: the key file beside the lost manifest (MANIFEST.key), the
key in VBCVAULT_SIGNING_KEY or VBCVAULT_SIGNING_KEY_FILE, and the keys that you
give with --key. Other receipts count as far as they can do no harm: what they
call deleted at VBC is not asked for again, what they call erased from the
archive stays a recording, and a hold that they call removed stays in force.

A copy that no signed receipt vouches for is in the manifest as "stored, not by
us": a run with --delete downloads the recording once more and compares it,
before it deletes it at VBC. That is one request for each such recording, once.
A copy that is not what VBC sends stays where it is, and the recording is
archived beside it. --trust-archive says that nobody else has written to the
bucket: then all receipts count, and nothing is compared.

The new manifest starts its own log of receipts. It writes down in it how far
the other logs in the archive have come: if one of them becomes shorter, the
next run names it. The next run also checks recordings whose deletion was in
progress when a run was interrupted.

The file must not exist, and is created only when it is complete. Without
--manifest it is the one that archive uses without --account and with the VBC_…
variables of this environment; archive then finds it by itself. If you run
archive with --account, name the file for both.

It lists what does not belong to a copy, the first of each kind, and all with
--json:

  lost      receipts say that VBC no longer has it, and its copy is not intact
  missing   metadata without audio; or receipts mention a copy that is missing
  damaged   an object can't be read, or has the wrong content
  unknown   an object among the recordings that is not one; or audio without
            metadata
  unsigned  something that only unsigned receipts or files say, and that the
            archive contradicts, or that would end a hold; it is not believed
  begun     an erasure is unfinished
  beside    another copy of a recording; nothing is wrong
  foreign   an object beside the archive that does not belong to vbcvault

The exit code is 1 if there is any of the first five: part of a recording may
be in danger. The manifest can be used in that case, too.`,
		Example: `  vbcvault rebuild --from s3://my-bucket/recordings
  vbcvault rebuild --from s3://my-bucket/recordings --key vault.key.txt
  vbcvault rebuild --from file:///mnt/archive --manifest /var/lib/vbcvault/acme.manifest --account 549825 --deep`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.out.finish(s, func(o *output) (any, error) { return f.run(cmd.Context(), o) })
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&f.from, "from", "", "the archive, a `DESTINATION`: s3://BUCKET[/PREFIX] or file:///DIR")
	fs.StringVar(&f.path, "manifest", "", "the `FILE` to create; it must not exist (default: where archive looks for it)")
	fs.StringVar(&f.account, "account", "", "the account's `NUMBER`, if the archive has several")
	fs.StringArrayVar(&f.keys, "key", nil, "count receipts that this `KEY` has signed: what vbcvault audit --key printed, or a file with it (repeatable)")
	fs.BoolVar(&f.what.TrustArchive, "trust-archive", false, "trust everything in the archive: count unsigned receipts, and compare no copies with VBC")
	fs.BoolVar(&f.what.Deep, "deep", false, "read and hash every byte")
	fs.IntVar(&f.what.Workers, "workers", 8, "check `N` recordings at once")
	fs.BoolVar(&f.insecureHTTP, "insecure-http", false, "allow plain http to the S3 server")
	f.out.register(fs)
	return cmd
}

func (f *rebuildFlags) run(ctx context.Context, o *output) (any, error) {
	var sum rebuild.Result
	d, err := f.check()
	if err != nil {
		return sum, err
	}
	store, err := d.open(ctx, f.what.Workers, f.insecureHTTP, o.log)
	if err != nil {
		return sum, err
	}
	if f.what.Keys, err = givenKeys("--key", f.keys); err != nil {
		return sum, err
	}
	if f.what.Account, err = f.theAccount(ctx, store); err != nil {
		return sum, stopped(ctx.Err(), err)
	}
	if o.progressStyle != "none" {
		fmt.Fprintf(o.printer, "Creating a manifest of account %s from %s\n  in %s. Nothing is changed in the archive.\n", f.what.Account, d, f.path)
	}
	f.what.Tell, f.what.Seen = o.teller(firstFindings), &atomic.Int64{}
	opening, err := environment().opening()
	if err != nil {
		return sum, err
	}
	err = place.Create(ctx, f.path, func(m place.Filled) (err error) {
		defer o.looked("rebuilding", f.what.Seen)()
		sum, err = rebuild.Into(ctx, store, m, o.log, f.what)
		return err
	}, opening)
	if errors.Is(err, fs.ErrExist) {
		return sum, f.exists()
	}
	if left, ok := errors.AsType[*sqlite.LeftoverError](err); ok {
		return sum, usagef("move it back beside its manifest, move it away, or name another file with --manifest", "%v", left)
	}
	if err != nil {
		return sum, stopped(ctx.Err(), err)
	}
	if !o.json {
		f.print(o, sum)
	}
	if !sum.Whole() {
		err = &exitError{code: exitIncomplete, err: fmt.Errorf("the manifest is created, but the archive has problems: %d lost, %d missing, %d damaged, %d unknown, %d unsigned", sum.Lost, sum.Missing, sum.Damaged, sum.Unknown, sum.Unsigned)}
	}
	return sum, err
}

// check finds what is wrong with the flags before anything is read.
func (f *rebuildFlags) check() (d destination, err error) {
	if d, err = parsePlace("from", f.from); err != nil {
		return d, err
	}
	if f.what.Workers < 1 || f.what.Workers > 256 {
		return d, usagef("between 1 and 256", "--workers %d", f.what.Workers)
	}
	if f.account != "" && !number.MatchString(f.account) {
		return d, usagef("the account's number, as in 549825", "--account %q is not an account", f.account)
	}
	if f.path == "" {
		user, err := setting("VBC_USERNAME")
		if err != nil {
			return d, err
		}
		if user == "" {
			return d, usagef("name the file with --manifest FILE, for this command and for archive", "no manifest named: the default depends on VBC_USERNAME, which is not set")
		}
		api, err := setting("VBC_API_URL")
		if err != nil {
			return d, err
		}
		if f.path, err = environment().manifestOf("self", user, api, d); err != nil {
			return d, err
		}
	}
	if err := fitManifest(f.path); err != nil {
		return d, err
	}
	if _, err := os.Lstat(f.path); !place.InDatabase(f.path) && !errors.Is(err, fs.ErrNotExist) {
		return d, f.exists()
	}
	return d, nil
}

func (f *rebuildFlags) exists() error {
	return usagef("name another file with --manifest, or move this one away; vbcvault diff compares it with the archive", "%s already exists, and rebuild overwrites nothing", f.path)
}

// theAccount is the one that is meant.
func (f *rebuildFlags) theAccount(ctx context.Context, store storage.Explorer) (string, error) {
	numbers, err := rebuild.Accounts(ctx, store)
	switch {
	case err != nil:
		return "", err
	case len(numbers) == 0:
		return "", usagef("check bucket, prefix or directory: names in an archive begin with account=", "%s contains no archive of vbcvault", f.from)
	case f.account != "" && !slices.Contains(numbers, f.account):
		return "", usagef("one of: "+strings.Join(numbers, ", "), "%s contains nothing of account %s", f.from, f.account)
	case f.account != "":
		return f.account, nil
	case len(numbers) > 1:
		return "", usagef("name one with --account", "%s contains several accounts: %s", f.from, strings.Join(numbers, ", "))
	}
	return numbers[0], nil
}
