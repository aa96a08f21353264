package prove

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/refusal"
	"github.com/vbcvault/vbcvault/vbc"
)

// Which says which recording is meant.
type Which struct {
	Key   vbc.Key
	Start time.Time // zero if only one recording has had the id
}

// pick finds the recording that is meant. alone says that no other has had its id.
func (w Which) pick(ctx context.Context, m interface {
	All(ctx context.Context, key vbc.Key) ([]manifest.Row, error)
},
) (row manifest.Row, alone bool, err error) {
	rows, err := m.All(ctx, w.Key)
	if err != nil {
		return row, false, err
	}
	if len(rows) == 0 {
		return row, false, fmt.Errorf("%s is %w", w.Key, manifest.ErrUnknown)
	}
	found := slices.DeleteFunc(slices.Clone(rows), func(r manifest.Row) bool { return !w.Start.IsZero() && !sameSecond(r.Start, w.Start) })
	if exact := slices.DeleteFunc(slices.Clone(found), func(r manifest.Row) bool { return !r.Start.Equal(w.Start) }); len(exact) == 1 {
		found = exact
	}
	if len(found) == 1 {
		return found[0], len(rows) == 1, nil
	}
	var starts []string
	for _, r := range rows {
		starts = append(starts, r.Start.UTC().Format(time.RFC3339Nano))
	}
	return row, false, &refusal.Refusal{
		Code:   code.WhichOne,
		Reason: fmt.Sprintf("several recordings have the id %d, or none starts at that time; they start at %s", w.Key.ID, strings.Join(starts, ", ")),
		Hint:   "choose one with --start; nothing was written",
	}
}

func sameSecond(a, b time.Time) bool { return a.Truncate(time.Second).Equal(b.Truncate(time.Second)) }
