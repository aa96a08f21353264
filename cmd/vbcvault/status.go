package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/dustin/go-humanize/english"
	"github.com/spf13/cobra"

	"github.com/vbcvault/vbcvault/pipeline"
	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
	"github.com/vbcvault/vbcvault/vbc"
)

func newStatus(s streams) *cobra.Command {
	var path string
	var asJSON bool
	var which whichOne
	cmd := &cobra.Command{
		Use:   "status [--id ID] [--manifest FILE]",
		Short: "Show the state of the recordings in a manifest",
		Long: `Status reads a manifest, without locking it, also during a run: how many
recordings are in each state, the latest runs, and what failed and why. It
sends no request to VBC or to the destination.

With --id it shows everything about one recording: when it was listed, stored,
verified and deleted, its receipts, failures and holds, and what the next run
would do with it and why, if it gets the same options as the last one.`,
		Example: `  vbcvault status
  vbcvault status --id 193228
  vbcvault status --manifest /var/lib/vbcvault/acme.manifest --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			changed := cmd.Flags().Changed
			switch {
			case changed("id") && which.id > 0:
				return which.tell(cmd.Context(), s, path, asJSON)
			case changed("id"), changed("kind"), changed("user"):
				return usagef("as in vbcvault status --id 193228", "--id is the recording's number, and --kind and --user say whose it is")
			}
			path, err := theManifest(path)
			if err != nil {
				return err
			}
			st, err := readStatus(cmd.Context(), path)
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(s.out).Encode(st)
			}
			st.print(s)
			return nil
		},
	}
	cmd.Flags().Int64Var(&which.id, "id", 0, "show everything about the recording with this `ID`")
	cmd.Flags().StringVar(&which.kind, "kind", "company", "the recording's `KIND`: company or on-demand")
	cmd.Flags().StringVar(&which.user, "user", "", "the `NUMBER` of the recording's owner, if it is on-demand")
	manifestFlag(cmd, &path)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

func manifestFlag(cmd *cobra.Command, path *string) {
	cmd.Flags().StringVar(path, "manifest", "", "the manifest's `FILE` (default: the only one in the state directory)")
}

// theManifest is the manifest that is meant by --manifest, or by leaving it out.
func theManifest(path string) (string, error) {
	if path != "" {
		return path, nil
	}
	return onlyManifest()
}

// readManifest opens an existing manifest for reading, also while a run uses it.
func readManifest(ctx context.Context, path string) (*sqlite.Manifest, error) {
	m, err := sqlite.OpenReadOnly(ctx, path)
	if sqlite.Missing(err) {
		return nil, usagef("name an existing one with --manifest FILE", "there is no manifest %s", path)
	}
	return m, err
}

// withManifest opens an existing manifest for reading, for as long as do takes.
func withManifest(ctx context.Context, path string, do func(path string, m *sqlite.Manifest) error) error {
	path, err := theManifest(path)
	if err != nil {
		return err
	}
	m, err := readManifest(ctx, path)
	if err != nil {
		return err
	}
	return errors.Join(do(path, m), m.Close())
}

// lockManifest opens an existing manifest for changing.
func lockManifest(ctx context.Context, path string) (*sqlite.Manifest, error) {
	m, err := readManifest(ctx, path) // says so if there is none, and makes none
	if err != nil {
		return nil, err
	}
	if err := m.Close(); err != nil {
		return nil, err
	}
	return sqlite.Open(ctx, path)
}

// onlyManifest finds the manifest where there is just one.
func onlyManifest() (string, error) {
	dir, err := stateDir()
	if err != nil {
		return "", err
	}
	found, err := filepath.Glob(filepath.Join(dir, "*.manifest"))
	if err != nil {
		return "", err
	}
	switch len(found) {
	case 0:
		return "", usagef("name it with --manifest FILE; archive prints its name", "there is no manifest in %s", dir)
	case 1:
		return found[0], nil
	}
	return "", usagef("name one with --manifest FILE", "there are several manifests:\n  %s", strings.Join(found, "\n  "))
}

// status is what the command shows.
type status struct {
	Manifest    string           `json:"manifest"`
	Account     string           `json:"account"`
	Destination string           `json:"destination"`
	States      []manifest.Tally `json:"states"`
	Runs        []manifest.Run   `json:"runs"`
	Failures    []failure        `json:"failures"`
	Damaged     []failure        `json:"damaged"`  // copies of recordings that VBC has no more
	Troubles    []trouble        `json:"troubles"` // what keeps VBC's listings from being relied on
	Late        *manifest.Late   `json:"late,omitempty"`
	Left        left             `json:"left"`
	Holds       int              `json:"holds"` // legal holds in force
}

// left is what there is still to do, as far as the manifest knows.
type left struct {
	Archive  int64         `json:"archive"` // recordings
	Delete   int64         `json:"delete"`  // if the next run deletes as the last one did
	Requests pipeline.Cost `json:"requests"`
	Interval float64       `json:"seconds_per_request"` // 0 = VBC has taught none
}

// whatIsLeft sums up what the next run will find.
func whatIsLeft(ctx context.Context, m *sqlite.Manifest, st *status) (l left, err error) {
	if l.Archive, err = m.Ahead(ctx); err != nil {
		return l, err
	}
	known, err := m.Learned(ctx)
	if err != nil {
		return l, err
	}
	var archived int64
	for _, t := range st.States {
		switch t.State {
		case manifest.Listed, manifest.Stored, manifest.Failed:
			l.Archive += t.Recordings
		case manifest.Verified, manifest.Purging:
			archived += t.Recordings
		}
	}
	if len(st.Runs) > 0 {
		if last := st.Runs[0].Options; last != nil && last.Delete {
			l.Delete = l.Archive + archived
		}
	}
	l.Requests, l.Interval = pipeline.CostOf(l.Archive, l.Delete, 0), known.Pace.Seconds()
	return l, nil
}

// trouble is one thing that an account can't be said to be done for.
type trouble struct {
	Name   string    `json:"name"` // for acknowledge --trouble
	Code   string    `json:"code"`
	Kind   string    `json:"kind,omitempty"`  // of the collection
	Owner  string    `json:"owner,omitempty"` // of it
	Item   string    `json:"item,omitempty"`  // what it is about, "" = all of the collection
	Reason string    `json:"reason"`
	Since  time.Time `json:"since"`
	Last   time.Time `json:"last"`

	Acknowledged string `json:"acknowledged,omitempty"`
}

func troubleOf(t manifest.Trouble) trouble {
	return trouble{Name: t.Name(), Code: t.Code, Kind: string(t.Kind), Owner: t.Owner, Item: t.Item, Reason: t.Reason,
		Since: t.Since, Last: t.Last, Acknowledged: t.Acknowledged}
}

type failure struct {
	Recording string    `json:"recording"`
	Kind      string    `json:"kind"`
	Owner     string    `json:"owner,omitempty"`
	ID        int64     `json:"id"`
	Start     time.Time `json:"start"`
	Code      string    `json:"code,omitempty"` // "" = an earlier program wrote it
	Reason    string    `json:"reason"`
	Permanent bool      `json:"permanent"`
	Attempts  int       `json:"attempts"`
	Last      time.Time `json:"last"`

	Acknowledged string `json:"acknowledged,omitempty"`
}

func failureOf(r manifest.Row) failure {
	f := failure{Recording: r.Recording.String(), Kind: string(r.Kind), Owner: r.Owner, ID: r.ID, Start: r.Start, Code: r.Failure.Code, Reason: r.Failure.Reason,
		Permanent: r.Failure.Permanent, Attempts: r.Failure.Attempts, Last: r.Failure.At}
	if r.Failure.Known(r.Failure.Code, r.Failure.Reason) {
		f.Acknowledged = r.Failure.Acknowledged
	}
	return f
}

const shownFailures = 100

func readStatus(ctx context.Context, path string) (*status, error) {
	m, err := readManifest(ctx, path)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	b, err := m.Binding(ctx)
	if err != nil {
		return nil, err
	}
	st := &status{Manifest: path, Account: b.Account, Destination: b.Destination}
	if st.States, err = m.Tallies(ctx); err != nil {
		return nil, err
	}
	if st.Runs, err = m.Runs(ctx, 5); err != nil {
		return nil, err
	}
	if st.Left, err = whatIsLeft(ctx, m, st); err != nil {
		return nil, err
	}
	holds, err := m.Holds(ctx)
	if err != nil {
		return nil, err
	}
	st.Holds = len(manifest.InForce(holds))
	if err := st.readTroubles(ctx, m); err != nil {
		return nil, err
	}
	rows, err := m.Failures(ctx, shownFailures)
	if err != nil {
		return nil, err
	}
	st.Failures = make([]failure, len(rows))
	for i, r := range rows {
		st.Failures[i] = failureOf(r)
	}
	if rows, err = m.DamagedCopies(ctx, shownFailures); err != nil {
		return nil, err
	}
	st.Damaged = make([]failure, len(rows))
	for i, r := range rows {
		st.Damaged[i] = failureOf(r)
		st.Damaged[i].Code, st.Damaged[i].Reason = code.Mismatch, r.Damaged
	}
	return st, nil
}

func (st *status) readTroubles(ctx context.Context, m *sqlite.Manifest) error {
	all, err := m.Troubles(ctx)
	if err != nil {
		return err
	}
	st.Troubles = make([]trouble, len(all))
	for i, t := range all {
		st.Troubles[i] = troubleOf(t)
	}
	late, err := m.Late(ctx)
	if err == nil && late.By > 0 {
		st.Late = &late
	}
	return err
}

// meaning explains each state to somebody who hasn't read the design.
var meaning = map[manifest.State]string{
	manifest.Listed:   "seen at VBC, not archived yet",
	manifest.Stored:   "not verified yet, or found damaged or missing",
	manifest.Verified: "archived and verified, still at VBC",
	manifest.Purging:  "archived and verified; its deletion was started, and the next run checks the outcome",
	manifest.Purged:   "archived and verified, deleted at VBC",
	manifest.Failed:   "failed in the last run, still at VBC",
	manifest.Gone:     "missing at VBC before it was archived",
	manifest.Erasing:  "being erased from the archive; run vbcvault erase again to finish",
	manifest.Erased:   "erased from the archive on request, deleted at VBC",
}

func (st *status) print(s streams) {
	fmt.Fprintf(s.out, "manifest     %s\naccount      %s\ndestination  %s\n\n", st.Manifest, orNone(st.Account), orNone(st.Destination))
	w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	for _, t := range st.States {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s – %s\t%s\n", t.State, humanize.Comma(t.Recordings), humanize.IBytes(uint64(t.Bytes)),
			t.Oldest.Format(time.DateOnly), t.Newest.Format(time.DateOnly), meaning[t.State])
	}
	w.Flush()
	if st.Left.Archive+st.Left.Delete > 0 {
		fmt.Fprintf(s.out, "\nLeft: %s to archive, %s to delete; %s\n", humanize.Comma(st.Left.Archive), humanize.Comma(st.Left.Delete),
			estimate(st.Left.Requests, vbc.Quota{Interval: time.Duration(st.Left.Interval * float64(time.Second))}))
	}
	if st.Holds > 0 {
		fmt.Fprintf(s.out, "\nLegal holds in force: %d; recordings that they cover are not deleted at VBC (vbcvault hold list)\n", st.Holds)
	}
	if st.Late != nil {
		fmt.Fprintf(s.out, "\nLate at VBC: %s appeared %s after it should have been listed (the latest so far)\n", st.Late.Recording, days(st.Late.By))
	}
	st.printTroubles(s)
	for i, r := range st.Runs {
		if i == 0 {
			fmt.Fprintln(s.out, "\nLatest runs:")
		}
		end := "interrupted, or still in progress"
		if !r.Finished.IsZero() {
			end = "took " + r.Finished.Sub(r.Started).Round(time.Second).String() + describe(r.Summary)
		}
		fmt.Fprintf(s.out, "  %s  %s\n", r.Started.Format(time.RFC3339), end)
	}
	for i, f := range st.Failures {
		if i == 0 {
			fmt.Fprintln(s.out, "\nFailed (the next run retries; after three failed runs, once a day):")
		}
		fmt.Fprintf(s.out, "  %s of %s: %s%s\n    %s; failed in %s\n", f.Recording, f.Start.Format(time.RFC3339), bracketed(f.Code), f.Reason, advice(f),
			english.Plural(f.Attempts, "run", ""))
	}
	for i, f := range st.Damaged {
		if i == 0 {
			fmt.Fprintln(s.out, "\nLOST unless another copy exists (VBC no longer has these, and their copies are damaged or missing):")
		}
		fmt.Fprintf(s.out, "  %s of %s: %s\n", f.Recording, f.Start.Format(time.RFC3339), f.Reason)
	}
	if len(st.Failures) == shownFailures {
		fmt.Fprintf(s.out, "  There may be more: only the latest %d are shown\n", shownFailures)
	}
}

// printTroubles lists what keeps the account from being done for sure.
func (st *status) printTroubles(s streams) {
	for i, t := range st.Troubles {
		if i == 0 {
			fmt.Fprintln(s.out, "\nTrouble with VBC's listings (exit code 1 until it ends, or is acknowledged):")
		}
		if i == shownFailures {
			fmt.Fprintf(s.out, "  and %d more; --json lists all\n", len(st.Troubles)-i)
			return
		}
		what := "vbcvault acknowledge --trouble " + t.Name + " --reason …"
		if t.Acknowledged != "" {
			what = "acknowledged: " + t.Acknowledged
		} else if mend := code.About(code.Troubles, t.Code).Advice; mend != "" {
			what = mend + "; if you can't fix it, " + what
		}
		fmt.Fprintf(s.out, "  %s since %s: %s\n    %s\n", t.Name, t.Since.Format(time.RFC3339), t.Reason, what)
	}
}

// days says a long time for people.
func days(d time.Duration) string {
	if d < 48*time.Hour {
		return fmt.Sprintf("%.0f hours", d.Hours())
	}
	return fmt.Sprintf("%.0f days", d.Hours()/24)
}

// describe says in words what a run's summary says in JSON.
func describe(summary json.RawMessage) string {
	var s pipeline.Summary
	if json.Unmarshal(summary, &s) != nil {
		return ""
	}
	text := fmt.Sprintf(": listed %d, archived %d, deleted %d, held back %d, failed %d", s.Listed, s.Archived, s.Deleted, s.Skipped, s.Failed)
	if why := heldBack(s.HeldBackBy); why != "" {
		text += "\n    held back: " + why
	}
	if s.Stopped != "" {
		text += "\n    " + s.Stopped
	}
	return text
}

// advice says what to do about a failure.
func advice(f failure) string {
	switch about := code.About(code.Failures, f.Code); {
	case f.Acknowledged != "":
		return "acknowledged: " + f.Acknowledged
	case about.Advice != "":
		return about.Advice
	case f.Permanent:
		return fmt.Sprintf("this will probably not end by itself: check the recording in the VBC admin portal; if you can't fix it, vbcvault acknowledge --id %d --reason …", f.ID)
	}
	return "this may end by itself"
}

// bracketed is a code before a text.
func bracketed(code string) string {
	if code == "" {
		return ""
	}
	return "[" + code + "] "
}

func orNone(s string) string {
	if s == "" {
		return "(none yet)"
	}
	return s
}
