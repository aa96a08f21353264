package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/overview"
	"github.com/vbcvault/vbcvault/pipeline"
	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
)

// whichOne says which recording status is about.
type whichOne struct {
	id         int64
	kind, user string
}

// stories are those of all recordings that have had an id. Its JSON is a contract.
type stories struct {
	Manifest    string  `json:"manifest"`
	Account     string  `json:"account"`
	Destination string  `json:"destination"`
	Recordings  []story `json:"recordings"` // the one that VBC showed last at the end
}

// story is what the manifest knows of one recording.
type story struct {
	Recording string         `json:"recording"`
	Kind      string         `json:"kind"`
	Owner     string         `json:"owner,omitempty"`
	ID        int64          `json:"id"`
	Start     time.Time      `json:"start"`
	State     manifest.State `json:"state"`
	Means     string         `json:"means"` // the state in words

	Unvouched bool   `json:"unvouched,omitempty"` // no signed receipt vouches for its copy, which was found in the archive
	Displaced bool   `json:"displaced,omitempty"` // VBC shows another recording under its id
	Damaged   string `json:"damaged,omitempty"`   // what is wrong with the copy of what VBC has no more

	Copy     *copyOf            `json:"copy,omitempty"` // where it lies, or lay
	Events   []event            `json:"events"`         // in the order of time
	Failure  *overview.Failure  `json:"failure,omitempty"`
	Advice   string             `json:"advice,omitempty"` // about the failure
	Holds    []shownHold        `json:"holds"`            // that cover it, in force
	Troubles []overview.Trouble `json:"troubles"`         // of its listing, or about it
	Next     pipeline.Outlook   `json:"next"`             // what the next run would do with it
}

// copyOf is where a recording's copy lies, and what it is.
type copyOf struct {
	Audio      storage.Object  `json:"audio"`
	Sidecar    storage.Object  `json:"metadata"`
	Transcript *storage.Object `json:"transcript,omitempty"`
	Proven     bool            `json:"proven"` // the destination has confirmed it
}

// event is something that has happened to a recording.
type event struct {
	At      time.Time `json:"at"`
	What    string    `json:"what"` // listed, stored, verified, failed, hold, hold-ended, or a receipt's type
	Text    string    `json:"text"`
	Receipt int64     `json:"receipt,omitempty"` // its number in the chain
	Run     int64     `json:"run,omitempty"`
}

// tell shows the stories of the recordings that have had an id.
func (which whichOne) tell(ctx context.Context, s streams, path string, asJSON bool) error {
	key, err := parseKey(which.kind, which.user, which.id)
	if err != nil {
		return err
	}
	return withManifest(ctx, path, func(path string, m *sqlite.Manifest) error {
		rows, err := m.All(ctx, key)
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			return usagef("vbcvault list --text finds recordings by name and number", "%s recording %d is %v", key.Kind, key.ID, manifest.ErrUnknown)
		}
		b, err := m.Binding(ctx)
		if err != nil {
			return err
		}
		all := stories{Manifest: path, Account: b.Account, Destination: b.Destination}
		for _, row := range rows {
			one, err := tellOne(ctx, m, row)
			if err != nil {
				return err
			}
			all.Recordings = append(all.Recordings, one)
		}
		if asJSON {
			return json.NewEncoder(s.out).Encode(all)
		}
		all.print(s)
		return nil
	})
}

// tellOne gathers what the manifest knows of one recording.
func tellOne(ctx context.Context, m *sqlite.Manifest, row manifest.Row) (story, error) {
	st := story{Recording: row.Recording.String(), Kind: string(row.Kind), Owner: row.Owner, ID: row.ID, Start: row.Start, State: row.State,
		Means: meaning[row.State], Unvouched: row.Unvouched, Displaced: row.Displaced, Damaged: row.Damaged}
	if row.Copy.Known() {
		st.Copy = &copyOf{Audio: row.Copy.Audio, Sidecar: row.Copy.Sidecar, Proven: !row.Copy.ArchivedAt.IsZero()}
		if row.Copy.Transcript.Key != "" {
			st.Copy.Transcript = &row.Copy.Transcript
		}
	}
	if row.Failure.Reason != "" {
		f := overview.FailureOf(row)
		st.Failure, st.Advice = &f, advice(f)
	}
	steps := []func() ([]event, error){
		func() ([]event, error) { return whenListed(ctx, m, row) },
		func() ([]event, error) { return whatItsCopyTells(row), nil },
		func() ([]event, error) { return receiptsOf(ctx, m, row) },
		func() ([]event, error) { return st.holdsOver(ctx, m, row) },
		func() ([]event, error) { return nil, st.troublesOf(ctx, m, row) },
	}
	st.Events = []event{}
	for _, step := range steps {
		more, err := step()
		if err != nil {
			return story{}, err
		}
		st.Events = append(st.Events, more...)
	}
	slices.SortStableFunc(st.Events, func(a, b event) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Receipt, b.Receipt)) })
	var err error
	st.Next, err = pipeline.Foresee(ctx, m, row, time.Now())
	return st, err
}

// allRuns is more runs than a manifest has.
const allRuns = 1 << 20

// whenListed is when a listing has shown it last: earlier ones aren't kept.
func whenListed(ctx context.Context, m manifest.Runs, row manifest.Row) ([]event, error) {
	runs, err := m.Runs(ctx, allRuns)
	i := slices.IndexFunc(runs, func(r manifest.Run) bool { return r.ID == row.SeenRun })
	if err != nil || i < 0 {
		return nil, err
	}
	return []event{{At: runs[i].Started, What: "listed", Text: fmt.Sprintf("seen in VBC's listing, most recently in run %d", row.SeenRun), Run: row.SeenRun}}, nil
}

// whatItsCopyTells are the times that a row has.
func whatItsCopyTells(row manifest.Row) (all []event) {
	if at := row.Copy.StoredAt; !at.IsZero() && row.Copy.Known() {
		all = append(all, event{At: at, What: "stored", Text: "the copy was stored as " + row.Copy.Audio.Key})
	}
	if at := row.Copy.ArchivedAt; !at.IsZero() {
		all = append(all, event{At: at, What: "verified", Text: "the destination confirmed the copy for the first time"})
	}
	if f := row.Failure; f.Reason != "" {
		all = append(all, event{At: f.At, What: "failed", Text: fmt.Sprintf("%s%s (failed runs: %d)", bracketed(f.Code), f.Reason, f.Attempts)})
	}
	return all
}

// receiptsOf are the entries of the chain about a recording. Those of earlier
// programs don't say which of several with one id: they are told of each.
func receiptsOf(ctx context.Context, m manifest.Chain, row manifest.Row) (all []event, err error) {
	id := []byte(`"id":` + strconv.FormatInt(row.ID, 10))
	for line, err := range m.Receipts(ctx, 0) {
		if err != nil {
			return nil, err
		}
		if !bytes.Contains(line, id) {
			continue
		}
		var e receipt.Entry
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fmt.Errorf("read a receipt: %w", err)
		}
		if e.Kind == row.Kind && e.Owner == row.Owner && e.ID == row.ID && (e.Start.IsZero() || e.Start.Equal(row.Start)) {
			all = append(all, event{At: e.At, What: string(e.Type), Text: receiptSays(e), Receipt: e.Seq, Run: e.Run})
		}
	}
	return all, nil
}

// receiptSays is an entry in words.
func receiptSays(e receipt.Entry) string {
	switch e.Type {
	case receipt.Intent:
		return fmt.Sprintf("deletion at VBC started: the destination confirmed %s at %s", e.Audio.Key, e.Verified.UTC().Format(time.RFC3339))
	case receipt.Erasing:
		return "erasing from the archive started"
	case receipt.Erased:
		return "erased from the archive: " + e.Audio.Key
	case receipt.Result:
	default:
		return string(e.Type)
	}
	text := map[receipt.Outcome]string{
		receipt.Deleted:    "VBC confirmed the deletion",
		receipt.NotThere:   "VBC no longer has it",
		receipt.StillThere: "VBC still has it",
		receipt.NotSent:    "the deletion was not sent",
	}[e.Outcome]
	if e.Status != 0 {
		text += fmt.Sprintf(" (HTTP %d)", e.Status)
	}
	return text
}

// holdsOver notes the holds that cover a recording, and tells of those that did.
func (st *story) holdsOver(ctx context.Context, m manifest.Holds, row manifest.Row) (all []event, err error) {
	holds, err := m.Holds(ctx)
	if err != nil {
		return nil, err
	}
	// Of an erased recording nobody knows the caller any more, so every hold on a
	// caller would cover it.
	holds = slices.DeleteFunc(holds, func(h manifest.Hold) bool {
		return row.State == manifest.Erased || !h.Covers(row)
	})
	for _, h := range holds {
		if !h.Lost {
			all = append(all, event{At: h.At, What: "hold", Text: fmt.Sprintf("hold %d was added by %s: %s", h.Number, orNone(h.By), h.Reason)})
		}
		if r := h.Removed; r != nil {
			all = append(all, event{At: r.At, What: "hold-ended", Text: fmt.Sprintf("hold %d was removed by %s: %s", h.Number, orNone(r.By), r.Reason)})
		}
	}
	st.Holds = shown(manifest.InForce(holds))
	return all, nil
}

// troublesOf notes the troubles about a recording, and those of its listing.
func (st *story) troublesOf(ctx context.Context, m *sqlite.Manifest, row manifest.Row) error {
	all, err := m.Troubles(ctx)
	if err != nil {
		return err
	}
	self, err := m.Self(ctx)
	if err != nil {
		return err
	}
	st.Troubles = []overview.Trouble{}
	for _, t := range all {
		owner := t.Owner
		if owner == "self" {
			owner = self
		}
		if t.Kind != "" && (t.Kind != row.Kind || owner != "" && owner != row.Owner) || t.Code == manifest.Unreadable && t.Item != strconv.FormatInt(row.ID, 10) {
			continue
		}
		st.Troubles = append(st.Troubles, overview.TroubleOf(t))
	}
	return nil
}

// whyLeft is what can be done about what keeps a recording from being done.
func whyLeft(o pipeline.Outlook) string {
	if e := code.About(code.HeldBack, o.Code); e.Advice != "" {
		return e.Advice
	}
	return code.About(code.LeftAlone, o.Code).Advice
}
