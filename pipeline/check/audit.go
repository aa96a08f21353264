package check

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// AuditResult is what the receipts say, and whether they can be believed.
type AuditResult struct {
	At          time.Time      `json:"at"`
	Account     string         `json:"account"`
	Destination string         `json:"destination"`
	Chain       string         `json:"chain"`
	Entries     int64          `json:"entries"`
	Head        storage.Digest `json:"head"` // SHA-256 of the last entry
	First       time.Time      `json:"first,omitzero"`
	Last        time.Time      `json:"last,omitzero"`

	Deleted    int64 `json:"deleted"`     // VBC confirmed the DELETE
	NotThere   int64 `json:"not_there"`   // VBC had it no more
	StillThere int64 `json:"still_there"` // VBC kept it
	NotSent    int64 `json:"not_sent"`    // the DELETE was withdrawn before it was sent
	Open       int64 `json:"open"`        // intents whose outcome isn't known yet
	Bytes      int64 `json:"bytes"`       // of audio, no longer at VBC
	Held       int64 `json:"held"`        // legal holds that were made
	Released   int64 `json:"released"`    // and removed
	Erased     int64 `json:"erased"`      // recordings that were removed from the archive on request

	Stored  int64        `json:"stored"` // entries that the destination holds too; -1 = not looked at
	Others  []OtherChain `json:"other_chains,omitempty"`
	Breaks  []string     `json:"breaks,omitempty"`
	Remarks []string     `json:"remarks,omitempty"`

	there []entries // of the own chain, in the destination
}

// entries are a piece of a chain, the last one included.
type entries struct{ first, last int64 }

// without returns the pieces of the entries up to last that are in none of there.
func without(there []entries, last int64) (missing []entries) {
	slices.SortFunc(there, func(a, b entries) int { return cmp.Compare(a.first, b.first) })
	next := int64(1)
	for _, e := range append(there, entries{last + 1, last + 1}) {
		if end := min(e.first-1, last); end >= next {
			missing = append(missing, entries{next, end})
		}
		next = max(next, e.last+1)
	}
	return missing
}

// OtherChain is a chain in the destination that isn't this manifest's: of
// another machine, or of a manifest that was lost.
type OtherChain struct {
	Chain   string `json:"chain"`
	Entries int64  `json:"entries"`
}

// Intact reports whether nothing speaks against the receipts.
func (a AuditResult) Intact() bool { return len(a.Breaks) == 0 }

// openIntents are deletions whose outcome isn't known yet: bytes of audio by
// recording and, in Unix seconds, its start, 0 in entries of earlier versions.
type openIntents map[vbc.Key]map[int64]int64

func (o openIntents) open(e receipt.Entry) {
	key := e.Key()
	if o[key] == nil {
		o[key] = map[int64]int64{}
	}
	o[key][startOf(e)] = e.Audio.Size
}

// end returns the intent that an outcome goes with: that of the same start, or
// the only one where either entry has none.
func (o openIntents) end(e receipt.Entry) (size int64, intended bool) {
	key := e.Key()
	start := startOf(e)
	size, intended = o[key][start]
	if !intended && len(o[key]) == 1 {
		for other, bytes := range o[key] {
			if start == 0 || other == 0 {
				start, size, intended = other, bytes, true
			}
		}
	}
	if delete(o[key], start); len(o[key]) == 0 {
		delete(o, key)
	}
	return size, intended
}

func (o openIntents) count() (n int64) {
	for _, starts := range o {
		n += int64(len(starts))
	}
	return n
}

func startOf(e receipt.Entry) int64 {
	if e.Start.IsZero() {
		return 0
	}
	return e.Start.Unix()
}

// Audit checks the manifest's chain, and with a store also what lies
// there. It changes nothing. The error says that something couldn't be read;
// a broken chain is no error but a finding.
func Audit(ctx context.Context, m Manifest, store storage.Store) (AuditResult, error) {
	bound, err := m.Binding(ctx)
	if err != nil {
		return AuditResult{}, err
	}
	a := AuditResult{At: time.Now().UTC().Truncate(time.Second), Account: bound.Account, Destination: bound.Destination, Stored: -1}
	c, err := m.Chain(ctx)
	if err != nil {
		return a, err
	}
	a.Chain = c.ID
	c = receipt.Chain{ID: c.ID}
	intents := openIntents{}
	for line, err := range m.Receipts(ctx, 0) {
		if err != nil {
			return a, err
		}
		e, err := c.Next(line)
		if err != nil {
			a.Breaks = append(a.Breaks, "manifest: "+err.Error())
			break // what follows can't be judged
		}
		a.count(e, intents)
	}
	a.Entries, a.Head, a.Open = c.Last, c.Head, intents.count()
	if store == nil || a.Account == "" {
		return a, nil
	}
	return a, a.checkStored(ctx, m, store)
}

// count takes one entry into the report.
func (a *AuditResult) count(e receipt.Entry, intents openIntents) {
	// A hold has the time when it was added, and its entry comes with the next run.
	if a.First.IsZero() || e.At.Before(a.First) {
		a.First = e.At
	}
	if e.At.After(a.Last) {
		a.Last = e.At
	}
	switch e.Type {
	case receipt.Held:
		a.Held++
		return
	case receipt.Released:
		a.Released++
		return
	case receipt.Erasing, receipt.Archived, receipt.Seen, receipt.Signing:
		return
	case receipt.Erased:
		a.Erased++
		return
	}
	if e.Type == receipt.Intent {
		intents.open(e)
		return
	}
	size, intended := intents.end(e)
	if e.Audio != nil {
		size, intended = e.Audio.Size, true // it brings its own proof
	}
	switch e.Outcome {
	case receipt.Deleted:
		a.Deleted++
		a.Bytes += size
	case receipt.NotThere:
		a.NotThere++
		a.Bytes += size
	case receipt.StillThere:
		a.StillThere++
		return // needs no intent: a listing may have shown it
	case receipt.NotSent:
		a.NotSent++
	}
	if !intended {
		a.Breaks = append(a.Breaks, fmt.Sprintf("entry %d: %s is no longer at VBC, and no earlier entry records a verified copy", e.Seq, e.Recording()))
	}
}

// checkStored compares the destination's receipts with the manifest's.
func (a *AuditResult) checkStored(ctx context.Context, m Manifest, store storage.Store) error {
	a.Stored = 0
	others := map[string]*receipt.Chain{}
	for o, err := range store.List(ctx, layout.Receipts(a.Account)) {
		if err != nil {
			return fmt.Errorf("list receipts: %w", err)
		}
		b, ok := layout.ParseBundle(o)
		if !ok {
			a.Remarks = append(a.Remarks, fmt.Sprintf("%s is not a receipts file", o.Key))
			continue
		}
		lines, _, err := b.Read(ctx, store)
		if _, broken := errors.AsType[*receipt.Break](err); broken {
			a.Breaks = append(a.Breaks, "destination: "+err.Error())
			continue
		}
		if err != nil {
			return err
		}
		if b.Chain == a.Chain {
			err = a.compare(ctx, m, b, lines)
		} else {
			a.follow(others, b, lines)
		}
		if err != nil {
			return err
		}
	}
	stored, err := m.ReceiptsStored(ctx)
	if err != nil {
		return err
	}
	for _, e := range without(a.there, stored) {
		a.Breaks = append(a.Breaks, fmt.Sprintf("destination: entries %d to %d were stored there but are missing now", e.first, e.last))
	}
	for _, id := range slices.Sorted(maps.Keys(others)) {
		a.Others = append(a.Others, OtherChain{id, others[id].Last})
	}
	return nil
}

// compare holds an object of our own chain against the manifest, which has
// been checked.
func (a *AuditResult) compare(ctx context.Context, m Manifest, b layout.Bundle, lines []byte) error {
	theirs, stop := iter.Pull(bytes.Lines(lines))
	defer stop()
	seq := b.First
	for ours, err := range m.Receipts(ctx, b.First-1) {
		if err != nil {
			return err
		}
		line, more := theirs()
		if !more {
			break
		}
		if !bytes.Equal(ours, bytes.TrimSuffix(line, []byte("\n"))) {
			a.Breaks = append(a.Breaks, fmt.Sprintf("entry %d in %s differs from the one in the manifest", seq, b.Object.Key))
			return nil
		}
		seq++
	}
	if seq <= b.Last {
		a.Breaks = append(a.Breaks, fmt.Sprintf("destination: it has entries from %d on that the manifest lacks: either the manifest was restored from a backup (the next run that has something to do repairs this), or entries were removed from it", seq))
		return nil
	}
	a.there = append(a.there, entries{b.First, b.Last})
	if b.First <= a.Stored+1 {
		a.Stored = max(a.Stored, b.Last)
	}
	return nil
}

// follow checks a chain that is only in the destination.
func (a *AuditResult) follow(others map[string]*receipt.Chain, b layout.Bundle, lines []byte) {
	c := others[b.Chain]
	if c == nil {
		c = &receipt.Chain{ID: b.Chain}
		others[b.Chain] = c
	}
	for line := range bytes.Lines(layout.Behind(lines, max(0, c.Last-b.First+1))) {
		if _, err := c.Next(bytes.TrimSuffix(line, []byte("\n"))); err != nil {
			a.Breaks = append(a.Breaks, "destination: "+err.Error())
			return
		}
	}
}
