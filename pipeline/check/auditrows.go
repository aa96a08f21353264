package check

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/vbcvault/vbcvault/pipeline/code"
)

// compareRows compares each row with what the logs say of it, and the other way
// round. Entries that a run has added meanwhile are read at the end: what was wrong
// without them, and isn't with them, wasn't.
func (a *auditor) compareRows(ctx context.Context) error {
	if !a.own.broken { // else it is named; nobody knows what the log says
		for row, err := range a.m.InOrder(ctx) {
			if err == nil {
				err = a.aside.row(row)
			}
			if err != nil {
				return err
			}
		}
		if err := a.catchUp(ctx); err != nil {
			return err
		}
	}
	var v verdict
	if err := a.aside.replay(&v); err != nil {
		return err
	}
	slices.Sort(v.unproven)
	for _, order := range v.unproven {
		a.count(a.aside.unproven[order], 0, false)
	}
	if a.own.broken {
		return nil
	}
	if v.unsigned > 0 {
		a.remark(code.UnsignedDeletion, "",
			"recordings that were deleted or erased, and whose receipts no known key has signed, as in the "+
				"logs of earlier versions: %d", v.unsigned)
	}
	if v.strange > 0 {
		a.remark(code.Unsettled, a.Chain,
			"recordings whose receipts were copied from the archive after a restore, or written by an "+
				"earlier version, and whose state in the manifest is older: %d; the next run with --delete "+
				"settles this", v.strange)
	}
	a.nameRows(&v)
	if v.relies {
		a.anotherLog()
	}
	return a.compareStories(ctx, &v)
}

// catchUp reads what was added to the own log since.
func (a *auditor) catchUp(ctx context.Context) error {
	own := a.own.Chain
	for line, err := range a.m.Receipts(ctx, own.Last) {
		if err != nil {
			return err
		}
		e, err := own.Next(line)
		if err != nil {
			a.wrong(code.LogChanged, own.ID, "manifest: %v", err)
			return nil
		}
		if err := a.take(e, true); err != nil {
			return err
		}
	}
	return nil
}

// namedRows is how many are named one by one of each kind; the rest is counted.
const namedRows = 10

// verdict is what rows and logs come to, side by side.
type verdict struct {
	unsigned, strange int64
	relies            bool     // on another log
	unproven          []uint64 // see told.unproven: those that nothing has proven

	wrong map[string]*firsts[suspect] // rows, by code

	missing firsts[identity] // recordings of which there should be a row, by the entry that says so
	unbegun firsts[identity] // whose erasure has an end and no beginning, by the entry of the end
}

// firsts counts things, and has those that come first.
type firsts[T any] struct {
	count int64
	first []ordered[T]
}

type ordered[T any] struct {
	order uint64
	is    T
}

// add takes one; order 0 is only counted.
func (f *firsts[T]) add(order uint64, is T) {
	f.count++
	if order == 0 {
		return
	}
	one := ordered[T]{order, is}
	i, _ := slices.BinarySearchFunc(f.first, one, func(x, y ordered[T]) int { return cmp.Compare(x.order, y.order) })
	if f.first = slices.Insert(f.first, i, one); len(f.first) > namedRows {
		f.first = f.first[:namedRows]
	}
}

// suspect is a row that speaks against the receipts, as it was when it was read.
type suspect struct {
	rowSaid
	code string
	why  string // what of the copy differs, or what the last receipt says
}

// String is what it means.
func (s suspect) String() string {
	switch s.code {
	case code.NoReceipt:
		return fmt.Sprintf("%s is %s in the manifest, and no receipt says so", s.key, s.state)
	case code.RowChanged:
		return fmt.Sprintf("the %s of %s in the manifest is not the one that its receipt names", s.why, s.key)
	}
	return fmt.Sprintf("%s is %s in the manifest, and the last receipt says that it %s", s.key, s.state, s.why)
}

// nameRows names the rows that are wrong.
func (a *auditor) nameRows(v *verdict) {
	if w := v.wrong[code.NoReceipt]; w != nil && a.store == nil && a.mayBeElsewhere() {
		a.remark(code.Elsewhere, "",
			"recordings whose receipts are in other logs, which --offline does not check: %d", w.count)
		delete(v.wrong, code.NoReceipt)
	}
	var named []ordered[suspect]
	for _, c := range []string{code.NoReceipt, code.RowChanged, code.RowState} {
		if v.wrong[c] != nil {
			named = append(named, v.wrong[c].first...)
		}
	}
	slices.SortStableFunc(named, func(x, y ordered[suspect]) int { return cmp.Compare(x.order, y.order) })
	for _, w := range named {
		a.wrong(w.is.code, a.Chain, "%s", w.is)
	}
	for _, c := range []string{code.NoReceipt, code.RowChanged, code.RowState} {
		if w := v.wrong[c]; w != nil && w.count > namedRows {
			a.wrong(c, a.Chain, "%s: %d more recordings", c, w.count-namedRows)
		}
	}
}

// mayBeElsewhere reports whether other manifests' logs may have receipts of this one's
// rows: it was rebuilt, or works on an archive with others.
func (a *auditor) mayBeElsewhere() bool { return !a.looked || len(a.tips) > 0 || len(a.seen) > 0 }

// anotherLog names a log on which rows rely, that this manifest's own key has signed,
// and of which the own log knows nothing: it was this manifest's. One that was rebuilt
// has confirmed all logs that it found; two machines may sign with one key, but rely on
// what is their own.
func (a *auditor) anotherLog() {
	if a.store == nil || a.Key == "" {
		return
	}
	told := map[string]bool{}
	for _, g := range a.logs.Logs {
		if _, known := a.covered[g.Chain]; known || g.Chain == a.Chain || g.Verifier != a.Key || told[g.Chain] {
			continue
		}
		told[g.Chain] = true
		a.wrong(code.AnotherLog, g.Chain,
			"destination: this manifest's key has signed the log %s (%d entries), which is not the "+
				"manifest's: its own log was replaced", g.Chain, g.Signed)
	}
}
