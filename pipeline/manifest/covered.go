package manifest

import (
	"context"
	"errors"
	"iter"
	"slices"

	"github.com/vbcvault/vbcvault/vbc"
)

// Unended are holds as if none of them had ended.
func Unended(holds []Hold) []Hold {
	holds = slices.Clone(holds)
	for i := range holds {
		holds[i].Removed = nil
	}
	return holds
}

// Covered puts together what Holds.Covered yields: of those that present names, for what
// VBC says of them now or because only a look tells, the rows that are covered; then all
// of former, which are covered for what VBC has said before.
func Covered(ctx context.Context, m Rows, holds []Hold, states []State, present iter.Seq2[vbc.Recording, error], former iter.Seq2[Row, error]) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		if len(holds) == 0 {
			return
		}
		for c, err := range present {
			row := Row{}
			if err == nil {
				row, err = m.Row(ctx, c.Key(), c.Nth)
			}
			if errors.Is(err, ErrUnknown) {
				continue // it is no more
			}
			if _, held := Covering(holds, row); err == nil && (!held || !slices.Contains(states, row.State)) {
				continue
			}
			if !yield(row, err) || err != nil {
				return
			}
		}
		for row, err := range former {
			if !yield(row, err) || err != nil {
				return
			}
		}
	}
}
