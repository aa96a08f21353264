package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/proof"
	"github.com/vbcvault/vbcvault/pipeline/prove"
	"github.com/vbcvault/vbcvault/pipeline/refusal"
	"github.com/vbcvault/vbcvault/storage/dirstore"
)

// proveFlags are the flags of prove.
type proveFlags struct {
	path, kind, start    string
	what                 prove.Options
	insecureHTTP, asJSON bool
}

func newProve(s streams) *cobra.Command {
	var f proveFlags
	cmd := &cobra.Command{
		Use:   "prove --id ID [--start TIME] --out DIR",
		Short: "Write a directory that proves what became of one recording",
		Long: `Prove writes a new directory for somebody who trusts neither this machine nor
the archive: the copy of one recording (audio, metadata, transcript), the
receipts about it, for each receipt the proof that it is in the signed log, and
a page in plain English (index.html). vbcvault check-proof checks it on another
machine; the page says how to do that without vbcvault.

Whoever checks it needs the key of the log from you, and not out of the
directory: vbcvault audit --key prints it.

Prove sends VBC no request and may run at the same time as archive. It reads
every byte of the copy and compares it with the receipts; a copy that is damaged
or missing has no proof. If no receipt vouches for the copy yet, because the
recording is still at VBC, prove adds one to the manifest and stores it beside
the archive; this can't be done while another run is in progress. An erased
recording has a proof without audio.

The directory has the call's metadata and audio in it: protect it like the
recordings.`,
		Example: `  vbcvault prove --id 193228 --out case-4711
  vbcvault prove --kind on-demand --user 745249 --id 17 --out case-4712`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd.Context(), s) },
	}
	cmd.Flags().Int64Var(&f.what.Which.Key.ID, "id", 0, "the recording's `ID`")
	cmd.Flags().StringVar(&f.start, "start", "", "the `TIME` at which the recording starts, as list --json shows it, if several have the same id")
	cmd.Flags().StringVar(&f.kind, "kind", "company", "the recording's `KIND`: company or on-demand")
	cmd.Flags().StringVar(&f.what.Which.Key.Owner, "user", "", "the `NUMBER` of the recording's owner, if it is on-demand")
	cmd.Flags().StringVar(&f.what.Dir, "out", "", "the `DIR` to create; it must not exist, or be empty")
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "print one JSON object")
	cmd.Flags().BoolVar(&f.insecureHTTP, "insecure-http", false, "allow plain http to the S3 server")
	manifestFlag(cmd, &f.path)
	return cmd
}

func (f *proveFlags) run(ctx context.Context, s streams) error {
	r, err := f.prove(ctx, s)
	err = stopped(ctx.Err(), f.explain(err))
	if f.asJSON {
		return errors.Join(err, printJSON(s.out, r, err))
	}
	if err == nil {
		f.print(s, r)
	}
	return err
}

// prove writes the proof, and has a receipt added for it where there is none.
func (f *proveFlags) prove(ctx context.Context, s streams) (prove.Result, error) {
	if err := f.check(ctx); err != nil {
		return prove.Result{}, err
	}
	log := slog.New(slog.NewTextHandler(s.err, nil))
	r, err := f.write(ctx)
	if !errors.Is(err, prove.ErrUnvouched) {
		return r, err
	}
	log.Info("no signed receipt vouches for the copy yet; one is added")
	if err := f.vouch(ctx, log); err != nil {
		return r, err
	}
	return f.write(ctx)
}

// check checks the flags, before anything is touched.
func (f *proveFlags) check(ctx context.Context) error {
	if f.what.Which.Key.ID <= 0 || strings.TrimSpace(f.what.Dir) == "" {
		return usagef("see vbcvault prove --help", "--id and --out are required")
	}
	key := &f.what.Which.Key
	var err error
	if *key, err = parseKey(f.kind, key.Owner, key.ID); err != nil {
		return err
	}
	if f.start != "" {
		if f.what.Which.Start, err = parseMoment("start", f.start); err != nil {
			return err
		}
	}
	f.what.Program = programVersion()
	f.what.Open = func(dir string) (proof.Folder, error) {
		folder, err := dirstore.OpenFolder(dir)
		if err != nil {
			return nil, usagef("choose another --out: a new directory in a writable directory of your own", "--out: %v", err)
		}
		return folder, nil
	}
	f.path, err = theManifest(ctx, f.path)
	return err
}

func (f *proveFlags) write(ctx context.Context) (r prove.Result, err error) {
	err = withManifest(ctx, f.path, func(_ string, m manifest.Opened) error {
		d, err := boundTo(ctx, m)
		if err != nil {
			return err
		}
		store, err := d.open(ctx, 1, f.insecureHTTP, slog.New(slog.DiscardHandler))
		if err == nil {
			r, err = prove.Write(ctx, store, m, f.what)
		}
		return err
	})
	return r, err
}

// vouch adds a receipt about the copy.
func (f *proveFlags) vouch(ctx context.Context, log *slog.Logger) error {
	m, err := lockManifest(ctx, f.path)
	if errors.Is(err, manifest.ErrLocked) {
		return &refusal.Refusal{
			Code:   code.AnotherRun,
			Reason: "no signed receipt vouches for the copy yet, and another run of vbcvault is using the manifest, so none can be added now; nothing was written",
			Hint:   "run the same command again after that run; a run with --delete adds receipts about what it deletes",
		}
	}
	if err != nil {
		return err
	}
	defer m.Close()
	d, err := boundTo(ctx, m)
	if err != nil {
		return err
	}
	store, err := d.open(ctx, 1, f.insecureHTTP, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	return prove.Vouch(ctx, store, m, log, f.what.Which)
}

// explain gives errors their exit codes: what can't be proven is 1.
func (f *proveFlags) explain(err error) error {
	if taken, ok := errors.AsType[*proof.TakenError](err); ok {
		return usagef("choose another --out: a new directory", "--out: %v", taken)
	}
	if errors.Is(err, manifest.ErrUnknown) {
		return usagef("vbcvault list --text finds recordings by name and number", "%v", err)
	}
	switch refusal.Code(err) {
	case code.NotIntact, code.Cold, code.NotArchived, code.Unvouched, code.ReceiptsDiffer:
		return &exitError{code: exitIncomplete, err: err}
	}
	return err
}

func (f *proveFlags) print(s streams, r prove.Result) {
	without := ""
	if r.Erased {
		without = " It was erased from the archive, so there is no audio."
	}
	fmt.Fprintf(s.out, "The proof for %s is in %s: files: %s, %s; receipts: %d.%s\n",
		r.Recording, r.Directory, humanize.Comma(r.Files), humanize.IBytes(uint64(r.Bytes)), r.Receipts, without)
	for _, l := range r.Logs {
		fmt.Fprintf(s.out, "log  %s\nkey  %s\n", l.Checkpoint, l.Verifier)
	}
	fmt.Fprintf(s.out, "Give the key to whoever checks the proof, but in another way than the directory. %s/index.html says how to check it.\n", r.Directory)
}
