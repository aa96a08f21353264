package main

import (
	"context"
	"encoding/json"
	"time"

	"github.com/spf13/cobra"

	"github.com/vbcvault/vbcvault/pipeline"
	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
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
	Held     int64         `json:"held"`    // stay at VBC for a legal hold; not in Delete
	Compare  int64         `json:"compare"` // before their deletion: no signed receipt vouches for their copies
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
	if l.Compare, err = m.Unvouched(ctx); err != nil {
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
	holds, err := m.Holds(ctx)
	if err != nil {
		return l, err
	}
	for row, err := range m.Covered(ctx, manifest.InForce(holds), manifest.Listed, manifest.Stored, manifest.Failed, manifest.Verified, manifest.Purging) {
		if err != nil {
			return l, err
		}
		l.Held++
		if row.State == manifest.Failed && pipeline.OnlyDeletionFailed(row) { // so it is archived
			l.Archive, archived = l.Archive-1, archived+1
		}
	}
	st.Holds = len(manifest.InForce(holds))
	if len(st.Runs) > 0 {
		if last := st.Runs[0].Options; last != nil && last.Delete {
			l.Delete = l.Archive + archived - l.Held
		}
	}
	downloads := l.Archive
	if l.Delete > 0 {
		downloads += l.Compare
	}
	l.Requests, l.Interval = pipeline.CostOf(downloads, l.Delete, 0), known.Pace.Seconds()
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
