package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/vbcvault/vbcvault/pipeline"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/s3store"
	"github.com/vbcvault/vbcvault/storage/s3store/rights"
)

// destination asks where recordings go, until that place is fit for them.
func (u *setup) destination(ctx context.Context) error {
	for {
		to, err := u.askDestination(ctx)
		if err != nil {
			return err
		}
		if to.bucket != "" {
			if err := u.keys(ctx); err != nil {
				return err
			}
		}
		if u.offline {
			return u.save()
		}
		u.say("\nTrying %s …", to)
		if to.bucket != "" {
			u.region(ctx, to)
		}
		d := doctor{to: u.flags.to, insecureHTTP: u.flags.insecureHTTP, around: u.around()}
		findings := append(atFirst(d.diagnoseDestination(ctx, to)), u.serviceWrites(to)...)
		if ctx.Err() != nil {
			return pipeline.ErrStopped
		}
		well, err := u.show(findings...)
		switch {
		case err != nil:
			return err
		case well:
			return u.save()
		}
		u.policy(to, func(format string, args ...any) { u.say(format, args...) })
		if err := u.mendDestination(ctx, to); err != nil {
			return err
		}
	}
}

// atFirst takes it for what it is that a directory isn't marked as an archive before the
// first run.
func atFirst(findings []storage.Finding) []storage.Finding {
	for i, f := range findings {
		if f.Check == "identity" && f.Level == storage.Warning {
			findings[i] = found(f.Check, nil, "the first run marks it as this archive")
		}
	}
	return findings
}

// askDestination is where recordings go.
func (u *setup) askDestination(ctx context.Context) (to destination, err error) {
	if u.flags.to == "" && u.asks != nil {
		u.say("\nWhere recordings go: s3://BUCKET/PREFIX, or file:///DIRECTORY on a disk of this\nmachine. The bucket or directory must exist.")
		said, err := u.asks.needed(ctx, "Destination", "", func(s string) error { _, err := parseDestination(s); return err })
		if err != nil {
			return to, err
		}
		if err := u.set("to", said); err != nil {
			return to, err
		}
	}
	return u.target()
}

// target is the destination with what is asked of it.
func (u *setup) target() (to destination, err error) {
	if to, err = parseDestination(u.flags.to); err == nil {
		to.protection, err = u.flags.protect.protection(to, u.given.Changed)
	}
	return to, err
}

// policy says what the keys must be allowed at AWS, and no more.
func (u *setup) policy(to destination, line func(format string, args ...any)) {
	if to.bucket == "" || u.aws.Endpoint != "" {
		return
	}
	line("What the user or role of AWS must be allowed, and no more (vbcvault help protect):\n%s",
		rights.PolicyFor((&rightsFlags{}).needs(to), whereIs(to, u.aws.Region)))
}

// patience is how long keys are looked for: on a machine without a role, that is a
// question to nobody.
const patience = 10 * time.Second

// keys finds keys that a run can use at night, or asks for some: those of a person who
// has signed in end, and those in the environment of a terminal are in no other.
func (u *setup) keys(ctx context.Context) error {
	if u.aws.AccessKeyID != "" || u.aws.Profile != "" {
		return nil
	}
	looking, stop := context.WithTimeout(ctx, patience)
	found, err := s3store.FindKeys(looking, &u.aws)
	stop()
	fromFiles := found.From == s3store.OfProfile || found.From == s3store.OfSession
	why := "there are no usable AWS credentials"
	switch {
	case ctx.Err() != nil:
		return pipeline.ErrStopped
	case err != nil:
	case found.From == s3store.OfMachine:
		u.say("\nThis machine has a role at AWS; no keys are needed.")
		return nil
	case fromFiles && !u.place.service && os.Getenv("AWS_SHARED_CREDENTIALS_FILE")+os.Getenv("AWS_CONFIG_FILE") == "":
		u.aws.Profile = cmp.Or(u.aws.Profile, os.Getenv("AWS_PROFILE"), os.Getenv("AWS_DEFAULT_PROFILE"), "default")
		u.say("\nRuns use the profile %s of this user's AWS configuration.", u.aws.Profile)
		if found.SessionToken != "" {
			u.say("Its keys are temporary: when they end, runs fail until somebody signs in again.")
		}
		return nil
	case found.SessionToken != "":
		why = "the AWS credentials here are temporary, and runs at night can't use them when they have ended"
	default:
		u.say("\nThe AWS keys that are here are written to files of their own for the runs.")
		u.aws.AccessKeyID, u.aws.SecretAccessKey = found.AccessKeyID, found.SecretAccessKey
		return nil
	}
	if u.offline && u.asks == nil && found.AccessKeyID == "" {
		u.say("No keys of AWS were found here; the configuration has none, so that the machine's role counts.")
		return nil
	}
	return u.askKeys(ctx, why)
}

func (u *setup) askKeys(ctx context.Context, why string) (err error) {
	if u.asks == nil {
		return usagef("set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to those of a user of AWS for this, or give this machine a role", "%s", why)
	}
	u.say("\nAWS: %s. Give the keys of a user of AWS (or of\nyour S3 server) that is for vbcvault alone.", why)
	if u.aws.AccessKeyID, err = u.asks.needed(ctx, "Access key id", "", fits); err == nil {
		u.aws.SecretAccessKey, err = u.asks.secret(ctx, "Secret access key")
	}
	return err
}

// region finds out where the bucket is, if it is at AWS. What can't be found out, the
// checks say better.
func (u *setup) region(ctx context.Context, to destination) {
	store, err := to.openAs(ctx, u.around(), 1, u.flags.insecureHTTP, slog.New(slog.DiscardHandler))
	if err != nil {
		return
	}
	bucket, ok := store.(*s3store.Store)
	if !ok {
		return
	}
	defer func() { _ = bucket.Close() }()
	if bucket.Foreign() {
		if region := cmp.Or(os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION")); u.aws.Region == "" {
			u.aws.Region = region
		}
		return
	}
	if region, err := bucket.Region(ctx); err == nil && region != "" {
		u.aws.Region = region
	}
}

// serviceWrites looks whether the service's user can write to a directory.
func (u *setup) serviceWrites(to destination) []storage.Finding {
	if !u.place.service || to.dir == "" {
		return nil
	}
	const check = "the service's user"
	info, err := os.Stat(to.dir)
	if err != nil {
		return nil // as is said already
	}
	if canWrite(info, u.place.user, u.place.group) {
		return []storage.Finding{found(check, nil, installed.user+" can write to "+to.dir)}
	}
	return []storage.Finding{{Check: check, Level: storage.Failure, Means: fmt.Sprintf("the service runs as user %s, who can't write to %s", installed.user, to.dir),
		Mend: fmt.Sprintf("chown %s: %s", installed.user, to.dir)}}
}

// mendDestination makes room for other answers.
func (u *setup) mendDestination(ctx context.Context, to destination) error {
	if u.asks == nil {
		return failed()
	}
	if to.dir == "" {
		u.say("\nMend it, or answer anew; Enter keeps an answer.")
	}
	said, err := u.asks.needed(ctx, "Destination", u.flags.to, func(s string) error { _, err := parseDestination(s); return err })
	if err != nil {
		return err
	}
	if err := u.set("to", said); err != nil || to.dir != "" {
		return err
	}
	at := cmp.Or(u.aws.Endpoint, "AWS")
	if at, err = u.asks.line(ctx, "S3 server: its address, or AWS", at); err != nil {
		return err
	}
	if u.aws.Endpoint = at; at == "AWS" {
		u.aws.Endpoint = ""
	}
	if u.aws.AccessKeyID == "" {
		return nil
	}
	others, err := u.asks.yes(ctx, "Other keys?", false)
	if err == nil && others {
		return u.askKeys(ctx, "other keys")
	}
	return err
}
