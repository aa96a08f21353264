package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vbcvault/vbcvault/pipeline/archive"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/place"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/dirstore"
	"github.com/vbcvault/vbcvault/storage/s3store"
)

// eraseFlags are the flags of erase.
type eraseFlags struct {
	path, kind, start string
	what              archive.Erasure
	yes, insecureHTTP bool
	protect           protectFlags
}

func newErase(s streams) *cobra.Command {
	var f eraseFlags
	cmd := &cobra.Command{
		Use:   "erase --id ID [--start TIME] --reason TEXT --by NAME",
		Short: "Remove one archived recording permanently, on request",
		Long: `Erase removes one recording from the archive permanently, for example for a
right-to-be-forgotten request: audio, metadata and every other object of it, in
all versions, and its entry in the catalogue: that month's file is erased with
all its versions and stored again. Nobody can recover the recording, so it must
have been deleted at VBC before. The manifest keeps its id, its start, and
sizes and checksums.

VBC may have corrected the start of a recording, so that it lies in several
places. Erase finds them all. For that it lists every object of the account's
company recordings, or of the user's, in all versions: 10 million recordings
take about an hour.

If VBC gave an id to several recordings, erase lists them and changes nothing.
Choose one with --start; any start that the recording has had will do. Where
nothing tells to which recording an object belongs, erase doesn't remove it: it
names the object, and --start with the time in its name chooses it.

Erase refuses a recording that is under a legal hold or locked in the bucket,
and then changes nothing. Reason and name are stored beside the archive under
erasures/; the chain of receipts gets entries without them.

It asks before it begins; --yes answers the question. You must remove the
recording yourself from files that export wrote, and from backups and older
copies of the manifest or of a directory.`,
		Example: `  vbcvault erase --id 193228 --reason "request 4713" --by "J. Doe"
  vbcvault erase --id 193229 --reason "request 4713" --by "J. Doe" --yes`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd, s) },
	}
	cmd.Flags().Int64Var(&f.what.ID, "id", 0, "the recording's `ID`")
	cmd.Flags().StringVar(&f.start, "start", "", "the `TIME` at which the recording starts, as list --json shows it, if several have the same id")
	cmd.Flags().Int64Var(&f.what.Bytes, "bytes", 0, "the `NUMBER` of bytes of its audio, if several with the same id start in the same second")
	cmd.Flags().StringVar(&f.kind, "kind", "company", "the recording's `KIND`: company or on-demand")
	cmd.Flags().StringVar(&f.what.Owner, "user", "", "the `NUMBER` of the recording's owner, if it is on-demand")
	cmd.Flags().StringVar(&f.what.Reason, "reason", "", "the reason, as a `TEXT` for your colleagues")
	cmd.Flags().StringVar(&f.what.By, "by", "", "the `NAME` of the person who decides")
	cmd.Flags().BoolVar(&f.yes, "yes", false, "don't ask")
	f.protect.registerRest(cmd.Flags())
	cmd.Flags().BoolVar(&f.insecureHTTP, "insecure-http", false, "allow plain http to the S3 server")
	manifestFlag(cmd, &f.path)
	return cmd
}

const findsRecordings = "vbcvault list --text finds recordings by name and number"

func (f *eraseFlags) run(cmd *cobra.Command, s streams) error {
	ctx := cmd.Context()
	if f.what.ID <= 0 || strings.TrimSpace(f.what.Reason) == "" || strings.TrimSpace(f.what.By) == "" {
		return usagef("see vbcvault erase --help", "--id, --reason and --by are required")
	}
	key, err := parseKey(f.kind, f.what.Owner, f.what.ID)
	if err != nil {
		return err
	}
	f.what.Kind = key.Kind
	if f.start != "" {
		if f.what.Start, err = parseMoment("start", f.start); err != nil {
			return err
		}
	}
	if f.path, err = theManifest(ctx, f.path); err != nil {
		return err
	}
	m, err := lockManifest(ctx, f.path)
	if errors.Is(err, manifest.ErrLocked) {
		return errors.Join(err, underWay(ctx, f.path))
	}
	if err != nil {
		return err
	}
	defer m.Close()
	if _, err := m.Get(ctx, f.what.Key()); err != nil && (f.start == "" || !errors.Is(err, manifest.ErrUnknown)) {
		return usagef(findsRecordings+"; --start chooses a recording that only the archive has", "%v", err)
	}
	store, eraser, err := f.open(ctx, m, cmd.Flags().Changed)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(s.err, nil))
	if err := learnSiblings(ctx, m, log); err != nil {
		return err
	}
	a, err := archive.Of(ctx, store, m, log) // holds and receipts that this manifest doesn't know come first
	if err != nil {
		return err
	}
	done, err := a.Erase(ctx, eraser, f.what, f.confirm(cmd.InOrStdin(), s.err))
	if errors.Is(err, manifest.ErrUnknown) {
		return usagef(findsRecordings, "%v, and nothing in the archive has this id", err)
	}
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(s.out, "%s recording %d is erased; objects and versions removed: %d\n", f.what.Kind, f.what.ID, done.Versions); err != nil {
		return err
	}
	return errors.Join(tellOfCopies(f.path, log), stays(done))
}

// tellOfCopies names the copies of a manifest that were made before its format was
// upgraded, or before it was moved into a database.
func tellOfCopies(path string, log *slog.Logger) error {
	if place.InDatabase(path) {
		near, err := environment().near(path)
		if _, e := os.Lstat(near); err == nil && e == nil {
			log.Warn("this manifest was moved into the database, or has the name of one that was, and may still contain the call; remove it if nothing uses it", "file", near)
		}
		return nil
	}
	dir, name := filepath.Split(path)
	files, err := os.ReadDir(cmp.Or(dir, "."))
	if err != nil {
		return err
	}
	for _, file := range files {
		if strings.HasPrefix(file.Name(), name+".format") {
			log.Warn("this copy of the manifest was made before an upgrade and still contains the call; remove it", "file", filepath.Join(dir, file.Name()))
		}
	}
	return nil
}

// stays says what an erasure has left, and why.
func stays(done archive.Erased) error {
	var text strings.Builder
	if len(done.Unclear) > 0 {
		fmt.Fprintf(&text, "objects with this id are left, and nothing says whether they belong to the recording:\n  %s\n"+
			"to erase one that does, run vbcvault erase again with the time in its name as --start; remove yourself what has no such name",
			strings.Join(done.Unclear, "\n  "))
	}
	if len(done.Unfinished) > 0 {
		fmt.Fprintf(&text, "%sunfinished uploads of the recording are left, which no listing shows; allow s3:AbortMultipartUpload and run the same command again, or abort them:\n  %s",
			strings.Repeat("\n", min(text.Len(), 1)), strings.Join(done.Unfinished, "\n  "))
	}
	if text.Len() == 0 {
		return nil
	}
	return &exitError{code: exitIncomplete, err: errors.New(text.String())}
}

// underWay says how many deletions at VBC a run is at, nil if none.
func underWay(ctx context.Context, path string) error {
	m, err := place.OpenReadOnly(ctx, path, environment().unsigned())
	if err != nil {
		return err
	}
	n, err := m.UnderWay(ctx, manifest.Hold{}) // which covers everything
	if err == nil && n > 0 {
		err = fmt.Errorf("deletions at VBC are in progress (%d); run vbcvault erase after the other run has ended", n)
	}
	return errors.Join(err, m.Close())
}

// open opens the manifest's destination, for erasing too.
func (f *eraseFlags) open(ctx context.Context, m bound, changed func(string) bool) (storage.Destination, storage.Eraser, error) {
	d, err := boundTo(ctx, m)
	if err != nil {
		return nil, nil, err
	}
	if d.protection, err = f.protect.protection(d, changed); err != nil {
		return nil, nil, err
	}
	store, err := d.open(ctx, 1, f.insecureHTTP, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, nil, err
	}
	switch s := store.(type) {
	case *s3store.Store:
		return s, s3store.NewEraser(s), nil
	case *dirstore.Store:
		return s, dirstore.NewEraser(s), nil
	}
	return nil, nil, fmt.Errorf("%s can't erase", d)
}

// confirm shows what is about to be erased, and asks.
func (f *eraseFlags) confirm(in io.Reader, out io.Writer) func(archive.Erasable) error {
	return func(what archive.Erasable) error {
		fmt.Fprintf(out, "Erase permanently, with all versions: %s of", f.what.Key())
		for i, start := range what.Starts {
			fmt.Fprintf(out, "%s %s", strings.Repeat(" and", min(i, 1)), start.UTC().Format("2006-01-02 15:04:05 UTC"))
		}
		fmt.Fprintf(out, " (names looked at: %d)\n", what.Looked)
		for _, key := range what.Keys {
			fmt.Fprintf(out, "  %s\n", key)
		}
		for _, key := range what.Unclear {
			fmt.Fprintf(out, "  not erased, because nothing says to which recording it belongs: %s\n", key)
		}
		if f.yes {
			return nil
		}
		fmt.Fprintf(out, "Type %q to continue:\n", "erase")
		line, _ := bufio.NewReader(in).ReadString('\n') // none is no answer
		if strings.TrimSpace(line) != "erase" {
			return &exitError{code: exitIncomplete, err: errors.New("nothing was erased; type the word, or use --yes")}
		}
		return nil
	}
}
