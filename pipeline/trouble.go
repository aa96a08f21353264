package pipeline

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"sync"

	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/refusal"
	"github.com/vbcvault/vbcvault/vbc"
)

// report is what keeps a run from saying that all is done, beside single
// recordings. Any goroutine may add to it.
type report struct {
	mu       sync.Mutex
	problems []string // in words, for people
	lacking  int64    // recordings that VBC counted and didn't show

	// Troubles: VBC contradicts itself, or shows what nobody can read. Each is
	// written down at once, so that it isn't forgotten, and counts until it is over
	// or somebody acknowledges it.
	known map[string]manifest.Trouble // that earlier runs have met, by name
	met   map[string]bool             // by this run; true if it counts
}

// add adds a problem.
func (t *report) add(problem string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.problems = append(t.problems, problem)
}

// said are the problems so far.
func (t *report) said() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.problems)
}

// lack notes that VBC doesn't show so many recordings more that it counts; where
// it will be asked again, so many fewer.
func (t *report) lack(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lacking += int64(n)
}

func (t *report) notListed() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.lacking
}

// recallTroubles reads what earlier runs have met.
func (r *run) recallTroubles(ctx context.Context) error {
	if r.reads == nil {
		return nil
	}
	all, err := r.reads.Troubles(ctx)
	if err != nil {
		return err
	}
	r.report.mu.Lock()
	defer r.report.mu.Unlock()
	r.report.known = map[string]manifest.Trouble{}
	for _, t := range all {
		r.report.known[t.Name()] = t
	}
	return nil
}

// acknowledged says why somebody takes this very trouble for granted, "" if
// nobody does.
func (t *report) acknowledged(is manifest.Trouble) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if known := t.known[is.Name()]; known.Reason == is.Reason {
		return known.Acknowledged
	}
	return ""
}

// meet notes a trouble, and reports whether this run hadn't met it before.
func (t *report) meet(is manifest.Trouble, counts bool) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, again := t.met[is.Name()]; again {
		return false
	}
	if t.met == nil {
		t.met = map[string]bool{}
	}
	t.met[is.Name()] = counts
	return true
}

// counts reports whether this run has met a trouble that counts.
func (t *report) counts(is manifest.Trouble) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.met[is.Name()]
}

// count is how many troubles that count this run has met.
func (t *report) count() (n int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, counts := range t.met {
		if counts {
			n++
		}
	}
	return n
}

// trouble notes troubles of one kind, and reports whether any of them counts.
// say says what there is to say of each in the log.
func (r *run) trouble(say string, all ...manifest.Trouble) (counts bool) {
	var fresh []manifest.Trouble
	for _, t := range all {
		why := r.report.acknowledged(t)
		counts = counts || why == ""
		if !r.report.meet(t, why == "") {
			continue
		}
		fresh = append(fresh, t)
		if why != "" {
			r.stats.Acknowledged.Add(1)
			r.log.Info("the listing has acknowledged trouble", "trouble", t.Name(), "reason", t.Reason, "acknowledged", why)
			continue
		}
		if t.Code != manifest.Unreadable { // they are counted, and may be many
			r.report.add(t.Reason)
		}
		r.log.Warn(say, "trouble", t.Name(), "reason", t.Reason)
	}
	if r.manifest == nil || len(fresh) == 0 {
		return counts
	}
	if err := r.manifest.SetTroubles(context.WithoutCancel(r.work), r.id, fresh...); err != nil {
		r.log.Warn("trouble could not be saved, so status doesn't show it", "reason", err)
	}
	return counts
}

// problem notes what a listing lacks, for a reason that has no code of its own.
// It is over when a run about the same kinds of recordings ends without it.
func (r *run) problem(text string) {
	sum := sha256.Sum256([]byte(text))
	r.trouble("the listing is incomplete", manifest.Trouble{Code: manifest.Other, Item: hex.EncodeToString(sum[:4]), Reason: text})
}

// troubled is problem with a code: of all recordings of a kind.
func (r *run) troubled(kind vbc.Kind, code, text string) {
	r.trouble("the listing is incomplete", manifest.Trouble{Kind: kind, Code: code, Reason: text})
}

// oddity is a recording that can't be read, as a trouble.
func oddity(c collection, rec vbc.Recording) manifest.Trouble {
	item := strconv.FormatInt(rec.ID, 10)
	if rec.ID <= 0 { // by what it is
		sum := sha256.Sum256(rec.Raw)
		item = "sha256-" + hex.EncodeToString(sum[:6])
	}
	return manifest.Trouble{Kind: c.kind, Owner: c.user, Code: manifest.Unreadable, Item: item, Reason: rec.Unreadable}
}

// cantRead notes recordings that a listing has shown and nobody can read. They
// are left alone, and no mark says that what was listed with them is done.
func (l *lister) cantRead(page []vbc.Recording) {
	var all []manifest.Trouble
	for _, rec := range page {
		if rec.Unreadable != "" {
			all = append(all, l.about(oddity(l.collection, rec)))
		}
	}
	for _, t := range all {
		if !l.odd[t.Item] {
			l.stats.Unreadable.Add(1)
			l.odd[t.Item] = true
		}
	}
	if l.trouble("a recording can't be read and is skipped", all...) {
		l.marks.close()
	}
}

// about adds to a trouble which listing has met it.
func (l *lister) about(t manifest.Trouble) manifest.Trouble {
	t.Kind, t.Owner = l.kind, l.user
	t.Filter, t.Begins, t.Ends = manifest.FilterName(l.policy.Filter.String()), l.begun, l.policy.Cutoff
	return t
}

// standing are the troubles that earlier listings of this collection have met.
func (l *lister) standing() (all []manifest.Trouble) {
	l.report.mu.Lock()
	defer l.report.mu.Unlock()
	for _, t := range l.report.known {
		if t.OfListing() && t.Kind == l.kind && t.Owner == l.user {
			all = append(all, t)
		}
	}
	return all
}

// unsettled are those of them that nobody has acknowledged, and that this
// listing can settle if it begins early enough.
func (l *lister) unsettled() []manifest.Trouble {
	filter := manifest.FilterName(l.policy.Filter.String())
	return slices.DeleteFunc(l.standing(), func(t manifest.Trouble) bool {
		return t.Acknowledged != "" || filter != "" && t.Filter != filter
	})
}

// fewOdd is how many unreadable recordings it takes: fewer may be single ones.
const fewOdd = 10

// refuseForm ends a run where most of what is listed can't be read: then it is
// VBC's form that has changed, and not single recordings.
func (l *lister) refuseForm(odd []vbc.Recording, all int) error {
	var example *vbc.Recording
	n := 0
	for i, rec := range odd {
		// Whose a recording is says nothing about its form.
		why := vbc.ParseRecording(l.kind, "self", rec.Raw).Unreadable
		if why == "" || l.report.acknowledged(oddity(l.collection, rec)) != "" {
			continue
		}
		if n++; example == nil {
			example = &odd[i]
		}
	}
	if n < fewOdd || 2*n <= all {
		return nil
	}
	return &refusal.Refusal{
		Code:   code.FormChanged,
		Reason: fmt.Sprintf("VBC lists %d %s, but %d of them can't be read, such as number %d: %s", all, l, n, example.ID, example.Unreadable),
		Hint:   "the format of VBC's answers has changed: look for a newer vbcvault. Nothing is lost, and nothing more was deleted",
	}
}

// brokenOff notes that a listing could not be read to its end.
func (l *lister) brokenOff(err error) {
	l.marks.close()
	l.trouble("the listing is incomplete", l.about(manifest.Trouble{Code: manifest.Unlisted, Reason: fmt.Sprintf("the listing of %s could not be read completely: %v", l, err)}))
}
