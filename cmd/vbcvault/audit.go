package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/vbcvault/vbcvault/pipeline/check"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
)

// auditFlags are the flags of audit.
type auditFlags struct {
	around                surroundings
	path                  string
	offline, json, key    bool
	expect                []string
	witness               string
	insecureHTTP, written bool
}

func newAudit(s streams) *cobra.Command {
	f := auditFlags{around: environment()}
	cmd := &cobra.Command{
		Use:   "audit [--offline] [--expect CHECKPOINT] [--witness FILE] | --key",
		Short: "Check the receipts of deleted recordings, and print a report",
		Long: `Audit checks the log of receipts: each entry contains the SHA-256 of the entry
before it, and the manifest's key has signed how far the log has come, so that
no entry can be changed, removed or inserted unnoticed. It compares the log
with the recordings and holds in the manifest, with what is beside the archive,
and with the logs of other machines there. It names everything that does not
agree, and prints a report to keep. It changes nothing. The exit code is 1 if
something is wrong. vbcvault help evidence explains each finding.

Somebody who can change both the manifest and the archive can still replace all
of it. To rule this out, keep a checkpoint elsewhere: the last line of each
run's log has one, and --witness writes one. --expect proves, also years later,
that the log still contains what a checkpoint says.

To check the copies themselves, use vbcvault verify.`,
		Example: `  vbcvault audit
  vbcvault audit --offline --json
  vbcvault audit --witness /mnt/elsewhere/checkpoint-2026-11-27
  vbcvault audit --expect /mnt/elsewhere/checkpoint-2026-11-27
  vbcvault audit --key`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd.Context(), s) },
	}
	fs := cmd.Flags()
	fs.BoolVar(&f.offline, "offline", false, "check only the manifest")
	fs.BoolVar(&f.json, "json", false, "print one JSON object")
	fs.BoolVar(&f.key, "key", false,
		"print the key with which everybody can check this manifest's signatures, and nothing else")
	fs.StringArrayVar(&f.expect, "expect", nil,
		"prove that the log still contains this `CHECKPOINT`: a file, or \"ORIGIN SIZE ROOT\" as a "+
			"run's log prints it; may be given several times")
	fs.StringVar(&f.witness, "witness", "",
		"if nothing is wrong, write the log's signed checkpoint to this new `FILE`, to be kept elsewhere")
	fs.BoolVar(&f.insecureHTTP, "insecure-http", false, "allow plain http to the S3 server")
	manifestFlag(cmd, &f.path)
	return cmd
}

func (f *auditFlags) run(ctx context.Context, s streams) error {
	expect, err := f.expected()
	if err != nil {
		return err
	}
	return f.around.withManifest(ctx, f.path, func(path string, m manifest.Opened) error {
		if f.key {
			return f.printKey(ctx, s.out, m)
		}
		store, err := f.open(ctx, m)
		if err != nil {
			return err
		}
		defer letGo(store)
		a, err := check.Audit(ctx, m, store, expect...)
		if err != nil {
			return err
		}
		if f.witness != "" && a.Intact() {
			if err := f.writeWitness(ctx, m, a); err != nil {
				return err
			}
		}
		if f.json {
			err = json.NewEncoder(s.out).Encode(a)
		} else {
			f.print(s.out, path, a)
		}
		if err == nil && !a.Intact() {
			err = &exitError{code: exitIncomplete, err: errors.New(
				"the receipts are not intact; the first problem: " + a.Breaks[0])}
		}
		return err
	})
}

// open opens the destination, nil if only the manifest is to be checked.
func (f *auditFlags) open(ctx context.Context, m manifest.Opened) (storage.Store, error) {
	bound, err := m.Binding(ctx)
	if err != nil || f.offline {
		return nil, err
	}
	d, err := parseDestination(bound.Destination)
	if err != nil {
		return nil, nil //nolint:nilerr // it is bound to none yet
	}
	store, err := d.openAs(ctx, f.around, 1, f.insecureHTTP, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	return store, sameBucket(ctx, m, store)
}

// expected are the texts of the checkpoints that were given, or of the files that have
// them.
func (f *auditFlags) expected() (texts []string, err error) {
	for _, given := range f.expect {
		if receipt.LooksSecret(given) {
			return nil, usagef("give a checkpoint, or a file with one", "--expect: this is a signing key, which must stay secret")
		}
		text := given
		if b, err := os.ReadFile(given); err == nil {
			text = string(b)
		}
		if _, err := receipt.ParseCheckpoint(text); err != nil {
			return nil, usagef("name a file that vbcvault audit --witness has written, "+
				`or give log, log_size and log_root of a run's last log line: --expect "ORIGIN SIZE ROOT"`,
				"--expect %.200q is no checkpoint and no file with one", given)
		}
		texts = append(texts, text)
	}
	return texts, nil
}

// printKey prints the manifest's verifier.
func (f *auditFlags) printKey(ctx context.Context, out io.Writer, m manifest.Opened) error {
	key, err := m.Verifier(ctx)
	if err != nil {
		return err
	}
	if key == "" {
		return usagef("run vbcvault archive once; it makes the key", "this manifest has no key yet")
	}
	if f.json {
		return json.NewEncoder(out).Encode(map[string]string{"key": key})
	}
	_, err = fmt.Fprintln(out, key)
	return err
}

// writeWitness writes a signed checkpoint of all of the log.
func (f *auditFlags) writeWitness(ctx context.Context, m manifest.Opened, a check.AuditResult) error {
	if a.Entries == 0 {
		return usagef(
			"run vbcvault archive --delete first, or remove --witness", "--witness: the log of this manifest is empty")
	}
	signed, err := m.Checkpoint(ctx)
	if err != nil {
		return err
	}
	if a.Signed != a.Entries {
		key, err := m.SigningKey()
		if err != nil {
			return usagef(
				"run vbcvault archive where the key is, which signs and stores the newest entries; then run "+
					"this command again",
				"--witness: the newest entries of the log are not signed yet, and %v", err)
		}
		if signed, err = key.Sign(receipt.Checkpoint{Origin: a.Origin, Size: a.Entries, Root: a.Root}); err != nil {
			return err
		}
	}
	err = newFileFor("--witness", f.witness, 0o644, func(w io.Writer) error {
		_, err := w.Write(signed)
		return err
	})
	f.written = err == nil
	return err
}
