package check

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"path"
	"slices"
	"sync/atomic"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/evidence"
	"github.com/vbcvault/vbcvault/pipeline/flow"
	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/storage"
)

// DiffOptions says how manifest and archive are compared.
type DiffOptions struct {
	Workers int  // recordings looked at, so many at once; 0 = 8
	Fix     bool // mark in the manifest what isn't whole, as Verify does

	Tell func(Finding) // is told of each finding, one at a time; nil = nobody
	Seen *atomic.Int64 // counts recordings while they are looked at; nil = nobody asks
}

// DiffResult is what comparing has found. Its JSON is a contract.
type DiffResult struct {
	Checked int64 `json:"checked"` // copies that the manifest holds for proven
	Whole   int64 `json:"whole"`

	Lost    int64 `json:"lost"`    // not whole, and VBC has the recording no more
	Missing int64 `json:"missing"` // VBC may have it still
	Damaged int64 `json:"damaged"` // the same
	Unknown int64 `json:"unknown"` // objects that the manifest doesn't know
	Begun   int64 `json:"begun"`   // objects and uploads that were begun and not finished
	Beside  int64 `json:"beside"`  // further copies of recordings; no difference

	Remarks []string `json:"remarks,omitempty"`
	Seconds float64  `json:"seconds"`
}

// Same reports whether manifest and archive say the same.
func (d DiffResult) Same() bool { return d.Lost+d.Missing+d.Damaged+d.Unknown+d.Begun == 0 }

// differ is one comparison.
type differ struct {
	store    storage.Destination
	manifest Manifest
	account  string
	fix      bool
	found    *Findings

	seen           *atomic.Int64
	checked, whole atomic.Int64
}

// Diff compares a manifest with its archive, both ways: what the manifest holds
// for proven with what the store confirms, as Verify does, and what the store
// lists with what the manifest knows. It asks VBC nothing and touches no object.
// The manifest must be locked.
func Diff(ctx context.Context, store storage.Destination, m Manifest, o DiffOptions) (d DiffResult, err error) {
	begin := time.Now()
	bound, err := m.Binding(ctx)
	if err == nil {
		_, err = store.Probe(ctx, bound.Identity) // an empty mount point would miss everything
	}
	if err != nil {
		return d, err
	}
	if o.Workers <= 0 {
		o.Workers = 8
	}
	x := &differ{store: store, manifest: m, account: bound.Account, fix: o.Fix, found: NewFindings(o.Tell), seen: cmp.Or(o.Seen, &atomic.Int64{})}
	err = flow.Each(ctx, o.Workers, sideBySide(m.InOrder(ctx), layout.Grouped(store.List(ctx, layout.Recordings(bound.Account)))), x.compare)
	if err == nil {
		d.Remarks, err = x.unfinished(ctx)
	}
	n := x.found.Count
	d.Checked, d.Whole, d.Seconds = x.checked.Load(), x.whole.Load(), time.Since(begin).Round(time.Millisecond).Seconds()
	d.Lost, d.Missing, d.Damaged, d.Unknown, d.Begun, d.Beside = n[Lost], n[Missing], n[Damaged], n[Unknown], n[Begun], n[Beside]
	return d, err
}

// pair is what manifest and store have under one stem.
type pair struct {
	rows  []manifest.Row // none, where the manifest knows nothing of it; of one id in one second there may be several
	group layout.Group
}

// sideBySide brings rows and groups together. Both come in the order of their
// stems, so no more than one of each is in memory.
func sideBySide(rows iter.Seq2[manifest.Row, error], groups iter.Seq2[layout.Group, error]) iter.Seq2[pair, error] {
	return func(yield func(pair, error) bool) {
		nextRow, stopRows := iter.Pull2(byStem(rows))
		defer stopRows()
		nextGroup, stopGroups := iter.Pull2(groups)
		defer stopGroups()
		row, errRow, moreRows := nextRow()
		g, errGroup, moreGroups := nextGroup()
		for last := ""; moreRows || moreGroups; {
			if err := cmp.Or(errRow, errGroup); err != nil {
				yield(pair{}, err)
				return
			}
			if moreGroups && g.Stem != "" && g.Stem <= last {
				yield(pair{}, fmt.Errorf("the destination lists %s after %s: unless keys are sorted, they can't be compared", g.Stem, last))
				return
			}
			var p pair
			order := cmp.Compare(row.stem, g.Stem)
			switch {
			case !moreRows || moreGroups && g.Stem == "":
				order = 1
			case !moreGroups:
				order = -1
			}
			for at := row.stem; order <= 0 && moreRows && errRow == nil && row.stem == at; {
				p.rows = append(p.rows, row.Row)
				row, errRow, moreRows = nextRow()
			}
			if order >= 0 {
				p.group, last = g, cmp.Or(g.Stem, last)
				g, errGroup, moreGroups = nextGroup()
			}
			if !yield(p, nil) {
				return
			}
		}
	}
}

// stemmed is a row with its stem.
type stemmed struct {
	manifest.Row
	stem string
}

// byStem puts in order what the manifest can't: recordings that start in the
// same second, whose ids are compared as text.
func byStem(rows iter.Seq2[manifest.Row, error]) iter.Seq2[stemmed, error] {
	return func(yield func(stemmed, error) bool) {
		var same []stemmed
		flush := func() bool {
			slices.SortFunc(same, func(a, b stemmed) int { return cmp.Compare(a.stem, b.stem) })
			for _, s := range same {
				if !yield(s, nil) {
					return false
				}
			}
			same = same[:0]
			return true
		}
		for row, err := range rows {
			s := stemmed{Row: row}
			if err == nil {
				s.stem, err = layout.Stem(row.Recording)
			}
			if err != nil {
				yield(stemmed{}, err)
				return
			}
			if n := len(same); n > 0 && (same[n-1].Kind != row.Kind || same[n-1].Owner != row.Owner || same[n-1].Start.Unix() != row.Start.Unix()) && !flush() {
				return
			}
			same = append(same, s)
		}
		flush()
	}
}

// compare compares what both have of one recording.
func (x *differ) compare(ctx context.Context, p pair) error {
	defer x.seen.Add(1)
	var known []string // keys of proven copies
	for _, row := range p.rows {
		if !row.Copy.Known() || row.Copy.ArchivedAt.IsZero() {
			continue
		}
		known = append(known, row.Copy.Keys()...)
		wrong, err := examine(ctx, x.store, false, row)
		if err != nil {
			return err
		}
		x.checked.Add(1)
		x.tell(row, wrong)
		if x.fix {
			if err := examined(ctx, x.manifest, row, wrong); err != nil {
				return err
			}
		}
	}
	for o := range p.group.Objects() {
		if !slices.Contains(known, o.Key) {
			what, means := p.surplus(known, o.Key)
			x.found.Add(what, o.Key, p.group.Recording, means)
		}
	}
	return nil
}

// tell says what is wrong with a copy, if anything is.
func (x *differ) tell(row manifest.Row, wrong *evidence.Mismatch) {
	if wrong == nil {
		x.whole.Add(1)
		return
	}
	what, fate := Damaged, "; VBC may still have the recording: with --fix the next run archives it again"
	if wrong.Missing {
		what = Missing
	}
	switch {
	case isLost(row):
		what, fate = Lost, "; VBC no longer has the recording: look for another version or a backup of the object"
	case x.fix:
		fate = "; the next run archives the recording again, if VBC still has it"
	}
	x.found.Add(what, wrong.Want.Key, row.Recording, wrong.Error()+fate)
}

// surplus says what an object is that isn't part of a copy that the manifest
// knows. Of several recordings in one place the last one counts.
func (p pair) surplus(known []string, key string) (Kind, string) {
	if p.group.Stem == "" {
		return Unknown, "vbcvault gives no such name; move it out of the archive"
	}
	if len(p.rows) == 0 {
		return Unknown, "the recording is not in the manifest; vbcvault rebuild creates a manifest that has it"
	}
	ext := path.Ext(key)
	switch state := p.rows[len(p.rows)-1].State; {
	case state == manifest.Erasing:
		return Begun, "the recording's erasure is unfinished; run vbcvault erase again"
	case state == manifest.Erased:
		return Unknown, "the recording was erased, but this object is here again"
	case state == manifest.Gone:
		return Unknown, "VBC no longer has the recording, and this is not a complete copy of it"
	case len(known) == 0:
		return Begun, "archiving the recording is unfinished; the next run resumes it"
	case layout.IsBeside(key), slices.ContainsFunc(known, func(known string) bool { return layout.IsBeside(known) && path.Ext(known) == ext }):
		return Beside, "it is beside another copy, which is in the manifest"
	}
	return Unknown, "the recording is in the manifest, but this object is not"
}

// unfinished finds uploads that nobody will finish any more.
func (x *differ) unfinished(ctx context.Context) (remarks []string, err error) {
	for name, err := range x.store.Unfinished(ctx, layout.Recordings(x.account)) {
		if errors.Is(err, storage.ErrHidden) {
			return []string{"unfinished uploads can't be listed: " + err.Error()}, nil
		}
		if err != nil {
			return nil, err
		}
		x.found.Add(Begun, name, None, "a run was interrupted while it stored this; it is not visible, and the next run removes it")
	}
	return nil, nil
}
