// Package overview tells how one account stands, as its manifest has it: for status,
// metrics, notifications and reports. It reads, also during a run, and asks neither
// VBC nor the destination.
package overview

import (
	"context"
	"time"

	"github.com/vbcvault/vbcvault/pipeline"
	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

// Overview is how one manifest stands. Its JSON is that of vbcvault status.
type Overview struct {
	Manifest    string           `json:"manifest"`
	Account     string           `json:"account"`
	Destination string           `json:"destination"`
	States      []manifest.Tally `json:"states"`
	Runs        []manifest.Run   `json:"runs"`
	Failures    []Failure        `json:"failures"`
	Damaged     []Failure        `json:"damaged"`  // copies of recordings that VBC has no more
	Troubles    []Trouble        `json:"troubles"` // what keeps VBC's listings from being relied on
	Late        *manifest.Late   `json:"late,omitempty"`
	Left        Left             `json:"left"`
	Holds       int              `json:"holds"` // legal holds in force
	InForce     []int64          `json:"-"`     // their numbers
	Figures
}

// Left is what there is still to do, as far as the manifest knows.
type Left struct {
	Archive  int64         `json:"archive"` // recordings
	Delete   int64         `json:"delete"`  // if the next run deletes as the last one did
	Held     int64         `json:"held"`    // stay at VBC for a legal hold; not in Delete
	Compare  int64         `json:"compare"` // before their deletion: no signed receipt vouches for their copies
	Requests pipeline.Cost `json:"requests"`
	Interval float64       `json:"seconds_per_request"` // 0 = VBC has taught none
}

// whatIsLeft sums up what the next run will find.
func whatIsLeft(ctx context.Context, m manifest.Opened, st *Overview) (l Left, err error) {
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

// Trouble is one thing that an account can't be said to be done for.
type Trouble struct {
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

// TroubleOf is a trouble as it is shown.
func TroubleOf(t manifest.Trouble) Trouble {
	return Trouble{Name: t.Name(), Code: t.Code, Kind: string(t.Kind), Owner: t.Owner, Item: t.Item, Reason: t.Reason,
		Since: t.Since, Last: t.Last, Acknowledged: t.Acknowledged}
}

// Failure is one recording whose last run failed, or whose copy is damaged.
type Failure struct {
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

// FailureOf is what a row says of a failure.
func FailureOf(r manifest.Row) Failure {
	f := Failure{Recording: r.Recording.String(), Kind: string(r.Kind), Owner: r.Owner, ID: r.ID, Start: r.Start, Code: r.Failure.Code, Reason: r.Failure.Reason,
		Permanent: r.Failure.Permanent, Attempts: r.Failure.Attempts, Last: r.Failure.At}
	if r.Failure.Known(r.Failure.Code, r.Failure.Reason) {
		f.Acknowledged = r.Failure.Acknowledged
	}
	return f
}

// Shown is how many failures, and how many damaged copies, are read.
const Shown = 100

// Of reads an open manifest.
func Of(ctx context.Context, m manifest.Opened) (*Overview, error) {
	st, err := Brief(ctx, m)
	if err != nil {
		return nil, err
	}
	if st.Left, err = whatIsLeft(ctx, m, st); err != nil {
		return nil, err
	}
	rows, err := m.Failures(ctx, Shown)
	if err != nil {
		return nil, err
	}
	st.Failures = make([]Failure, len(rows))
	for i, r := range rows {
		st.Failures[i] = FailureOf(r)
	}
	if rows, err = m.DamagedCopies(ctx, Shown); err != nil {
		return nil, err
	}
	st.Damaged = make([]Failure, len(rows))
	for i, r := range rows {
		st.Damaged[i] = FailureOf(r)
		st.Damaged[i].Code, st.Damaged[i].Reason = code.Mismatch, r.Damaged
	}
	return st, nil
}

func (st *Overview) readTroubles(ctx context.Context, m manifest.Opened) error {
	all, err := m.Troubles(ctx)
	if err != nil {
		return err
	}
	st.Troubles = make([]Trouble, len(all))
	for i, t := range all {
		st.Troubles[i] = TroubleOf(t)
	}
	late, err := m.Late(ctx)
	if err == nil && late.By > 0 {
		st.Late = &late
	}
	return err
}
