package main

import (
	"context"
	"io"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/pflag"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/outcome"
	"github.com/vbcvault/vbcvault/pipeline/archive"
	"github.com/vbcvault/vbcvault/pipeline/check"
)

// What a service does beside runs, with the code of the commands and their exit codes.
// Nothing here asks VBC, and so needs none of its secrets.

// Verify does vbcvault verify --sample.
func (w *worker) Verify(ctx context.Context, a config.Account) outcome.Outcome {
	return w.of(a).maintain(ctx, w.quietly(a), func(k *keeping) error {
		parts, of, err := parseSample(a.Schedule.Sample)
		if err != nil {
			return err
		}
		what := check.VerifyOptions{Workers: k.flags.workers, Parts: parts, Of: of, Now: time.Now()}
		found, err := inspect(ctx, k.output, k.around, k.manifest, what, k.flags.insecureHTTP)
		if err == nil {
			k.log.Info("the sample is intact", "checked", found.Checked, "bytes", found.Bytes)
		}
		return err
	})
}

// Catalog stores the months of the catalogue that have changed, as a run of archive
// --catalog does at its end.
func (w *worker) Catalog(ctx context.Context, a config.Account) outcome.Outcome {
	return w.of(a).maintain(ctx, w.quietly(a), func(k *keeping) error {
		c := catalogFlags{around: k.around, path: k.manifest, protect: k.flags.protect, insecureHTTP: k.flags.insecureHTTP}
		_, months, err := c.store(ctx, k.output, k.set.Changed, func(a *archive.Archive) (int, error) { return a.RenewCatalog(ctx) })
		if err == nil {
			k.log.Info("the catalogue is up to date", "months", months)
		}
		return err
	})
}

// Audit does vbcvault audit.
func (w *worker) Audit(ctx context.Context, a config.Account) outcome.Outcome {
	return w.of(a).maintain(ctx, w.quietly(a), func(k *keeping) error {
		f := auditFlags{around: k.around, path: k.manifest, insecureHTTP: k.flags.insecureHTTP}
		err := f.run(ctx, streams{out: io.Discard, err: io.Discard})
		if err == nil {
			k.log.Info("the receipts are intact")
		}
		return err
	})
}

// Backup does vbcvault manifest backup, to a new file of Schedule.BackupTo.
func (w *worker) Backup(ctx context.Context, a config.Account) outcome.Outcome {
	return w.of(a).maintain(ctx, w.quietly(a), func(k *keeping) error {
		return backups{name: a.Name, dir: a.Schedule.BackupTo, keep: a.Schedule.Keep}.add(ctx, k.log, k.around, k.manifest)
	})
}

// keeping is one piece of work on an account's archive.
type keeping struct {
	*output
	flags    *archiveFlags
	set      *pflag.FlagSet // of flags
	around   surroundings
	manifest string // path
}

// maintain does a piece of work on the account's archive, and says what it came to.
func (c configured) maintain(ctx context.Context, o *output, do func(*keeping) error) outcome.Outcome {
	out := carriedOut{Outcome: outcome.Outcome{Account: c.Name, Run: uuid.NewString(), Began: time.Now().UTC()}}
	out.end(stopped(ctx.Err(), func() error {
		k := &keeping{output: o, around: c.around(ctx)}
		var err error
		if k.flags, k.set, err = c.flags(); err != nil {
			return err
		}
		path, to, err := c.manifestFile(ctx)
		if err != nil {
			return err
		}
		k.manifest, out.Manifest, out.Destination = path, path, to.String()
		if c.shared != nil {
			share, leave := c.shared.join()
			defer leave()
			k.around.parts = share
		}
		return do(k)
	}()))
	return out.Outcome
}
