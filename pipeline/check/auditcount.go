package check

import (
	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/vbc"
)

// openIntents are deletions whose outcome isn't known yet: bytes of audio by
// recording and, in Unix seconds, its start, 0 if nobody knows it.
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
func (o openIntents) end(e receipt.Entry) (start, size int64, intended bool) {
	key := e.Key()
	start = startOf(e)
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
	return start, size, intended
}

func (o openIntents) count() (n int64) {
	for _, starts := range o {
		n += int64(len(starts))
	}
	return n
}

// startOf is the start of the recording that an entry is about, in Unix seconds.
// Entries of earlier programs have it in the name of the copy alone, or not at all: 0.
func startOf(e receipt.Entry) int64 {
	if !e.Start.IsZero() {
		return e.Start.Unix()
	}
	if e.Audio != nil {
		if rec, _, ok := layout.ParseKey(e.Audio.Key); ok {
			return rec.Start.Unix()
		}
	}
	return 0
}

// count takes one entry of the own log into the report.
func (a *AuditResult) count(e receipt.Entry, size int64, intended bool) {
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
	case receipt.Released:
		a.Released++
	case receipt.Erased:
		a.Erased++
	case receipt.Listened:
		a.Listened++
	case receipt.Result:
		a.countOutcome(e, size, intended)
	}
}

func (a *AuditResult) countOutcome(e receipt.Entry, size int64, intended bool) {
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
		a.wrong(code.NoIntent, e.Chain,
			"entry %d: %s is no longer at VBC, and no earlier entry records a verified copy", e.Seq, e.Recording())
	}
}
