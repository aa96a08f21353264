package holding

import (
	"context"
	"iter"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/vbc"
)

// Count says how many recordings a hold covers.
type Count struct {
	Known, AtVBC int
	Lack         int  // covered because VBC doesn't say who called, or whom
	More         bool // these are not all: there are more than were looked at
}

// call is what tells one call from others: a recording that has had two starts is one.
type call struct {
	vbc.Key
	id    string // VBC's id of the call, or
	start int64
}

// Coverer finds what holds cover, as a manifest does.
type Coverer interface {
	Covered(ctx context.Context, holds []manifest.Hold, states ...manifest.State) iter.Seq2[manifest.Row, error]
}

// Counting counts what a hold covers, each recording once, however many manifests know
// it. It is at VBC as long as none knows better.
type Counting struct {
	Sees func(manifest.Row) bool // nil = all recordings; else those that count
	Most int                     // recordings that are counted in each manifest; 0 = all
	Show int                     // how many of the first are kept in First

	First []manifest.Row // the oldest that are covered
	Named bool           // one of them has all that the hold asks for, and isn't held in case it matches

	there, gone, lack map[call]bool
	more              bool
}

// known are the states of recordings that are somewhere.
var known = []manifest.State{manifest.Listed, manifest.Stored, manifest.Verified, manifest.Purging, manifest.Failed, manifest.Purged}

// Add counts what a hold covers by one manifest.
func (c *Counting) Add(ctx context.Context, m Coverer, h manifest.Hold) error {
	return Each(ctx, m, []manifest.Hold{h}, []*Counting{c})
}

// Each counts what each of the holds covers by one manifest, all in one go: where it
// fails, what was counted until then is counted.
func Each(ctx context.Context, m Coverer, holds []manifest.Hold, counts []*Counting) (err error) {
	for row, e := range m.Covered(ctx, holds, known...) {
		if err = e; err != nil {
			break
		}
		full := true
		for i, h := range holds {
			if h.Covers(row) {
				counts[i].take(h, row)
			}
			full = full && counts[i].more
		}
		if full {
			break
		}
	}
	for _, c := range counts {
		c.close()
		c.more = c.more || err != nil
	}
	return err
}

// take counts a recording that the hold covers.
func (c *Counting) take(h manifest.Hold, row manifest.Row) {
	if c.there == nil {
		c.there = map[call]bool{}
	}
	if c.gone == nil {
		c.gone, c.lack = map[call]bool{}, map[call]bool{}
	}
	if c.Sees != nil && !c.Sees(row) {
		return
	}
	if c.Most > 0 && len(c.there) >= c.Most {
		c.more = true
		return
	}
	is := call{Key: row.Key(), id: row.CallID}
	if is.id == "" {
		is.start = row.Start.Unix()
	}
	_, here := c.there[is]
	if _, before := c.gone[is]; !here && !before && len(c.First) < c.Show {
		c.First = append(c.First, row)
	}
	c.there[is] = c.there[is] || row.State != manifest.Purged && !row.Displaced
	lacks := h.ForLack(row)
	known, seen := c.lack[is]
	c.lack[is] = lacks && (known || !seen)
	c.Named = c.Named || !lacks
}

// close ends what one manifest knows.
func (c *Counting) close() {
	for is, at := range c.there {
		c.gone[is] = c.gone[is] || !at
	}
	c.there = nil
}

// Count is what was counted.
func (c *Counting) Count() (n Count) {
	n.Known, n.More = len(c.gone), c.more
	for is, gone := range c.gone {
		if !gone {
			n.AtVBC++
		}
		if c.lack[is] {
			n.Lack++
		}
	}
	return n
}
