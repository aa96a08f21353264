// Package story tells what a manifest knows of one recording: what has happened to it,
// with the receipts behind that, where its copy is, which holds cover it, what is wrong
// with it and what the next run would do. The command line prints it and the page draws
// it; both in the words that are here.
package story

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
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
)

// Manifest is what is asked.
type Manifest interface {
	pipeline.Foreseen
	manifest.Chain
	manifest.Troubles
}

// Story is what the manifest knows of one recording. Its JSON is a contract.
type Story struct {
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

	Copy     *Copy              `json:"copy,omitempty"` // where it lies, or lay
	Events   []Event            `json:"events"`         // in the order of time
	Failure  *overview.Failure  `json:"failure,omitempty"`
	Advice   string             `json:"advice,omitempty"` // about the failure
	Holds    []Hold             `json:"holds"`            // that cover it, in force
	Troubles []overview.Trouble `json:"troubles"`         // of its listing, or about it
	Next     pipeline.Outlook   `json:"next"`             // what the next run would do with it
	Covering []manifest.Hold    `json:"-"`                // the holds that cover it, those that have ended too
}

// Copy is where a recording's copy lies, and what it is.
type Copy struct {
	Audio      storage.Object  `json:"audio"`
	Sidecar    storage.Object  `json:"metadata"`
	Transcript *storage.Object `json:"transcript,omitempty"`
	Proven     bool            `json:"proven"` // the destination has confirmed it
}

// Event is something that has happened to a recording.
type Event struct {
	At      time.Time      `json:"at"`
	What    string         `json:"what"` // listed, stored, verified, failed, hold, hold-ended, or a receipt's type
	Text    string         `json:"text"`
	Receipt int64          `json:"receipt,omitempty"` // its number in the chain
	Digest  storage.Digest `json:"digest,omitzero"`   // of that entry
	Run     int64          `json:"run,omitempty"`
	Of      storage.Digest `json:"-"` // of a listening, or of a hold
}

// Of gathers what the manifest knows of one recording. It reads only.
func Of(ctx context.Context, m Manifest, row manifest.Row, now time.Time) (Story, error) {
	st := Story{Recording: row.Recording.String(), Kind: string(row.Kind), Owner: row.Owner, ID: row.ID, Start: row.Start, State: row.State,
		Means: Meaning[row.State], Unvouched: row.Unvouched, Displaced: row.Displaced, Damaged: row.Damaged}
	if row.Copy.Known() {
		st.Copy = &Copy{Audio: row.Copy.Audio, Sidecar: row.Copy.Sidecar, Proven: !row.Copy.ArchivedAt.IsZero()}
		if row.Copy.Transcript.Key != "" {
			st.Copy.Transcript = &row.Copy.Transcript
		}
	}
	if row.Failure.Reason != "" {
		f := overview.FailureOf(row)
		st.Failure, st.Advice = &f, Advice(f)
	}
	steps := []func() ([]Event, error){
		func() ([]Event, error) { return whenListed(ctx, m, row) },
		func() ([]Event, error) { return whatItsCopyTells(row), nil },
		func() ([]Event, error) { return receiptsOf(ctx, m, row) },
		func() ([]Event, error) { return st.holdsOver(ctx, m, row) },
		func() ([]Event, error) { return nil, st.troublesOf(ctx, m, row) },
	}
	st.Events = []Event{}
	for _, step := range steps {
		more, err := step()
		if err != nil {
			return Story{}, err
		}
		st.Events = append(st.Events, more...)
	}
	slices.SortStableFunc(st.Events, func(a, b Event) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Receipt, b.Receipt)) })
	var err error
	st.Next, err = pipeline.Foresee(ctx, m, row, now)
	return st, err
}

// allRuns is more runs than a manifest has.
const allRuns = 1 << 20

// whenListed is when a listing has shown it last: earlier ones aren't kept.
func whenListed(ctx context.Context, m manifest.Runs, row manifest.Row) ([]Event, error) {
	runs, err := m.Runs(ctx, allRuns)
	i := slices.IndexFunc(runs, func(r manifest.Run) bool { return r.ID == row.SeenRun })
	if err != nil || i < 0 {
		return nil, err
	}
	return []Event{{At: runs[i].Started, What: "listed", Text: fmt.Sprintf("seen in VBC's listing, most recently in run %d", row.SeenRun), Run: row.SeenRun}}, nil
}

// whatItsCopyTells are the times that a row has.
func whatItsCopyTells(row manifest.Row) (all []Event) {
	if at := row.Copy.StoredAt; !at.IsZero() && row.Copy.Known() {
		all = append(all, Event{At: at, What: "stored", Text: "the copy was stored as " + row.Copy.Audio.Key})
	}
	if at := row.Copy.ArchivedAt; !at.IsZero() {
		all = append(all, Event{At: at, What: "verified", Text: "the destination confirmed the copy for the first time"})
	}
	if f := row.Failure; f.Reason != "" {
		all = append(all, Event{At: f.At, What: "failed", Text: fmt.Sprintf("%s%s (failed runs: %d)", Bracketed(f.Code), f.Reason, f.Attempts)})
	}
	return all
}

// receiptsOf are the entries of the chain about a recording. Those of earlier
// programs don't say which of several with one id: they are told of each.
func receiptsOf(ctx context.Context, m manifest.Chain, row manifest.Row) (all []Event, err error) {
	for line, err := range m.ReceiptsAbout(ctx, row.Key()) {
		if err != nil {
			return nil, err
		}
		if bytes.Contains(line, listenedMark) { // see Listened
			continue
		}
		var e receipt.Entry
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fmt.Errorf("read a receipt: %w", err)
		}
		if e.Start.IsZero() || e.Start.Equal(row.Start) {
			all = append(all, Event{At: e.At, What: string(e.Type), Text: ReceiptSays(e), Receipt: e.Seq, Digest: storage.SumOf(line), Run: e.Run, Of: e.Digest})
		}
	}
	return all, nil
}

// listenedMark is in the receipts of listenings.
var listenedMark = fmt.Appendf(nil, `"type":%q`, receipt.Listened)

// ReceiptSays is an entry in words.
func ReceiptSays(e receipt.Entry) string {
	switch e.Type {
	case receipt.Intent:
		return fmt.Sprintf("deletion at VBC started: the destination confirmed %s at %s", e.Audio.Key, e.Verified.UTC().Format(time.RFC3339))
	case receipt.Erasing:
		return "erasing from the archive started"
	case receipt.Erased:
		return "erased from the archive: " + e.Audio.Key
	case receipt.Listened:
		return "somebody listened to the copy in the archive, or read what was said; vbcvault listenings says who"
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
func (st *Story) holdsOver(ctx context.Context, m manifest.Holds, row manifest.Row) (all []Event, err error) {
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
			all = append(all, Event{At: h.At, What: "hold", Text: fmt.Sprintf("hold %d was added by %s: %s", h.Number, cmp.Or(h.By, "(none yet)"), h.Reason), Of: h.Digest})
		}
		if r := h.Removed; r != nil {
			all = append(all, Event{At: r.At, What: "hold-ended", Text: fmt.Sprintf("hold %d was removed by %s: %s", h.Number, cmp.Or(r.By, "(none yet)"), r.Reason), Of: h.Digest})
		}
	}
	st.Holds, st.Covering = Shown(manifest.InForce(holds)), holds
	return all, nil
}

// troublesOf notes the troubles about a recording, and those of its listing.
func (st *Story) troublesOf(ctx context.Context, m Manifest, row manifest.Row) error {
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

// WhyLeft is what can be done about what keeps a recording from being done.
func WhyLeft(o pipeline.Outlook) string {
	if e := code.About(code.HeldBack, o.Code); e.Advice != "" {
		return e.Advice
	}
	return code.About(code.LeftAlone, o.Code).Advice
}
