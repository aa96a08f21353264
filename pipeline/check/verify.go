package check

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/archive"
	"github.com/vbcvault/vbcvault/pipeline/evidence"
	"github.com/vbcvault/vbcvault/pipeline/flow"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/storage"
)

// VerifyResult is what looking at the archive has found.
type VerifyResult struct {
	Checked int64 `json:"checked"`
	Whole   int64 `json:"whole"`
	Bytes   int64 `json:"bytes"`   // of audio, whole
	Damaged int64 `json:"damaged"` // VBC may still have the recording: the next archive run stores it anew
	Lost    int64 `json:"lost"`    // VBC has it no more

	Seconds float64 `json:"seconds"`
}

// VerifyOptions says what to look at.
type VerifyOptions struct {
	Workers int  // copies looked at, so many at once; 0 = 8
	Deep    bool // read and hash every byte, whatever checksum the store keeps

	// Of Of parts of the archive, look at Parts, other ones every day. Zero is everything.
	Parts, Of int
	Now       time.Time // says which day it is
}

// parts says which parts are due today.
func (o VerifyOptions) parts() (due []int) {
	day := int(o.Now.UTC().Unix() / (24 * 60 * 60))
	for i := range o.Parts {
		due = append(due, (day*o.Parts+i)%o.Of)
	}
	return due
}

// Verify asks the store for every copy that the manifest holds for proven. It
// asks VBC nothing. A copy that isn't what it should be is marked: it is
// archived anew by the next run, or, where VBC has the recording no more,
// listed as lost until it is found whole.
func Verify(ctx context.Context, store storage.Destination, m Manifest, log *slog.Logger, o VerifyOptions) (VerifyResult, error) {
	var checked, whole, size, damaged, lost atomic.Int64
	begin := time.Now()
	if o.Workers <= 0 {
		o.Workers = 8
	}
	bound, err := m.Binding(ctx)
	if err == nil {
		_, err = store.Probe(ctx, bound.Identity)
	}
	if err != nil {
		return VerifyResult{}, err
	}
	err = flow.Each(ctx, o.Workers, m.Copies(ctx, o.Of, o.parts()), func(ctx context.Context, row manifest.Row) error {
		wrong, err := examine(ctx, store, o.Deep, row)
		if err != nil {
			return err // the store can't be asked; nothing is known
		}
		checked.Add(1)
		switch {
		case wrong == nil:
			whole.Add(1)
			size.Add(row.Copy.Audio.Size)
		case isLost(row):
			lost.Add(1)
			log.Error("LOST: VBC no longer has this recording, and its copy is damaged or missing", "recording", row.Recording.String(), "reason", wrong)
		default:
			damaged.Add(1)
			log.Warn("a copy is damaged or missing; the next run of archive stores it again", "recording", row.Recording.String(), "reason", wrong)
		}
		return examined(ctx, m, row, wrong)
	})
	return VerifyResult{
		Checked: checked.Load(), Whole: whole.Load(), Bytes: size.Load(), Damaged: damaged.Load(), Lost: lost.Load(),
		Seconds: time.Since(begin).Round(time.Millisecond).Seconds(),
	}, err
}

// examine asks the store for a copy that was proven; deep, or where a reading has
// found it wrong, by reading it. What it returns says how it differs, nil if it is
// whole.
func examine(ctx context.Context, store storage.Store, deep bool, row manifest.Row) (*evidence.Mismatch, error) {
	_, err := archive.Prove(ctx, archive.Look(store, deep || row.Refuted), row)
	if wrong, ok := errors.AsType[*evidence.Mismatch](err); ok {
		return wrong, nil
	}
	return nil, err
}

// isLost reports whether a copy that isn't whole can't be had from VBC again.
func isLost(row manifest.Row) bool { return row.State == manifest.Purged || row.Displaced }

// examined writes down what examine has found.
func examined(ctx context.Context, m Manifest, row manifest.Row, wrong *evidence.Mismatch) error {
	switch {
	case wrong == nil && (row.Damaged != "" || row.Refuted): // and it was read
		return m.Damaged(ctx, row.Recording, "")
	case wrong != nil && isLost(row):
		return m.Damaged(ctx, row.Recording, wrong.Error())
	case wrong != nil:
		return m.Doubt(ctx, row.Recording)
	}
	return nil
}

// Refute writes down that a copy was read, and is not what was archived: from now on
// nothing that the store remembers of it proves it, the next run archives it anew,
// if VBC has the recording still, and status lists it if not. was is the row by which it
// was read: beside a run the recording may have another copy by now, and then nothing is
// written, or be deleted at VBC, and then it is damage that nobody can mend.
func Refute(ctx context.Context, m Refuted, was manifest.Row, why error) error {
	row, err := m.Row(ctx, was.Key(), was.Nth)
	same := func(was, is storage.Object) bool {
		return was.Key == "" || was.Key == is.Key && was.Content == is.Content
	}
	switch {
	case err != nil, !same(was.Copy.Audio, row.Copy.Audio), !same(was.Copy.Transcript, row.Copy.Transcript):
		return err
	case isLost(row) && row.Damaged == "":
		return m.Damaged(ctx, row.Recording, why.Error())
	case isLost(row), row.Refuted:
		return nil
	}
	return m.Doubt(ctx, row.Recording)
}
