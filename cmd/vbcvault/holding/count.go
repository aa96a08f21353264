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
	Most int                     // recordings that are looked at in each manifest; 0 = all
	Show int                     // how many of the first are kept in First

	First []manifest.Row // the oldest that are covered

	gone, lack map[call]bool
	more       bool
}

// known are the states of recordings that are somewhere.
var known = []manifest.State{manifest.Listed, manifest.Stored, manifest.Verified, manifest.Purging, manifest.Failed, manifest.Purged}

// Add counts what a hold covers by one manifest.
func (c *Counting) Add(ctx context.Context, m Coverer, h manifest.Hold) error {
	if c.gone == nil {
		c.gone, c.lack = map[call]bool{}, map[call]bool{}
	}
	there := map[call]bool{}
	for row, err := range m.Covered(ctx, []manifest.Hold{h}, known...) {
		if err != nil {
			return err
		}
		if c.Sees != nil && !c.Sees(row) {
			continue
		}
		if c.Most > 0 && len(there) >= c.Most {
			c.more = true
			break
		}
		is := call{Key: row.Key(), id: row.CallID}
		if is.id == "" {
			is.start = row.Start.Unix()
		}
		if _, seen := there[is]; !seen && len(c.First) < c.Show {
			if _, seen := c.gone[is]; !seen {
				c.First = append(c.First, row)
			}
		}
		there[is] = there[is] || row.State != manifest.Purged && !row.Displaced
		known, seen := c.lack[is]
		c.lack[is] = h.ForLack(row) && (known || !seen)
	}
	for is, at := range there {
		c.gone[is] = c.gone[is] || !at
	}
	return nil
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
