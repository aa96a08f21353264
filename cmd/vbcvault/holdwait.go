package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
	"github.com/vbcvault/vbcvault/vbc"
)

// awaitDeletions waits until it is known what has become of the deletions, of
// recordings that a hold covers, that had been begun when it was made. A run sends
// none any more of which it hears that it is held; those that were sent before
// are answered within a minute. What a run that was interrupted has begun stays
// open until the next one.
func (a *holdAdd) awaitDeletions(ctx context.Context, p holdPlace, until time.Time) error {
	m, err := readManifest(ctx, p.path)
	if err != nil {
		return err
	}
	return errors.Join(awaitDeletions(ctx, m, p.holds[len(p.holds)-1], time.Until(until), a.err), m.Close())
}

func awaitDeletions(ctx context.Context, m *sqlite.Manifest, h manifest.Hold, wait time.Duration, out io.Writer) error {
	end := time.NewTimer(wait)
	defer end.Stop()
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	for first := true; ; first = false {
		n, err := m.UnderWay(ctx, h)
		if err != nil || n == 0 {
			return err
		}
		used, err := sqlite.InUse(m.Path())
		if err != nil {
			return err
		}
		open := func(why string) error {
			return &exitError{code: exitIncomplete, err: fmt.Errorf("hold %d is in force, but deletions of recordings that it covers were already in progress (%d), and their outcome is unknown: %s. "+
				"Each recording has a verified copy in the archive. The next run of vbcvault archive finds out, and deletes none that VBC still has", h.Number, n, why)}
		}
		if !used {
			return open("the run that started them was interrupted")
		}
		if first {
			fmt.Fprintf(out, "waiting for deletions in progress: %d\n", n)
		}
		select {
		case <-look.C:
		case <-end.C:
			return open("the run that started them has not finished them in time")
		case <-ctx.Done():
			return open("the wait was interrupted")
		}
	}
}

// heldCount says how many recordings a hold covers.
type heldCount struct {
	known, atVBC int
	lack         int // covered because VBC doesn't say who called, or whom
}

// heldCall is what tells one call from others: a recording that has had two starts
// is one.
type heldCall struct {
	vbc.Key
	id    string // VBC's id of the call, or
	start int64
}

// countHeld counts what the last hold of each place covers, each recording once,
// however many manifests know it. It is at VBC as long as none knows better.
func countHeld(ctx context.Context, places []holdPlace) (n heldCount, err error) {
	gone, lack := map[heldCall]bool{}, map[heldCall]bool{}
	for _, p := range places {
		m, err := readManifest(ctx, p.path)
		if err != nil {
			return n, err
		}
		there, err := callsUnder(ctx, m, p.holds[len(p.holds)-1], lack)
		if err = errors.Join(err, m.Close()); err != nil {
			return n, err
		}
		for c, is := range there {
			gone[c] = gone[c] || !is
		}
	}
	n.known = len(gone)
	for c, is := range gone {
		if !is {
			n.atVBC++
		}
		if lack[c] {
			n.lack++
		}
	}
	return n, nil
}

// callsUnder are the calls under a hold, and whether VBC has them, as far as a
// manifest knows. It notes those that are held for lack of a caller or an extension.
func callsUnder(ctx context.Context, m *sqlite.Manifest, h manifest.Hold, lack map[heldCall]bool) (there map[heldCall]bool, err error) {
	there = map[heldCall]bool{}
	for row, err := range m.Covered(ctx, []manifest.Hold{h}, manifest.Listed, manifest.Stored, manifest.Verified, manifest.Purging, manifest.Failed, manifest.Purged) {
		if err != nil {
			return nil, err
		}
		c := heldCall{Key: row.Key(), id: row.CallID}
		if c.id == "" {
			c.start = row.Start.Unix()
		}
		there[c] = there[c] || row.State != manifest.Purged && !row.Displaced
		known, seen := lack[c]
		lack[c] = h.ForLack(row) && (known || !seen)
	}
	return there, nil
}
