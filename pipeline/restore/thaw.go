package restore

import (
	"context"
	"fmt"
	"time"

	"github.com/vbcvault/vbcvault/storage"
)

// thaw asks for a recording's objects in cold storage, or says that they lie there.
func (r *restorer) thaw(ctx context.Context, frozen []restored) error {
	thawer, ok := r.store.(storage.Thawer)
	if !ok {
		return fmt.Errorf("open %s: %w", frozen[0].object.Key, storage.ErrCold)
	}
	asked, waiting := false, true
	for _, f := range frozen {
		frost, err := thawer.Frost(ctx, f.object)
		if err != nil {
			return faultOf(err)
		}
		takes, known := frost.Takes[r.o.Tier]
		switch {
		case frost.Thawing:
			takes = longest(frost.Takes) // nobody says by which tier
		case r.o.Thaw:
			if !known {
				return &fault{fmt.Errorf("%s is in %s, which has no %s retrieval; choose another --tier", f.object.Key, frost.Class, r.o.Tier)}
			}
			if err := thawer.Thaw(ctx, f.object, frost, r.o.Tier, r.o.Days); err != nil {
				return faultOf(err)
			}
			asked = true
		default:
			waiting = false
		}
		r.mu.Lock()
		r.coldBytes += f.object.Size
		r.classes[frost.Class] = true
		r.wait = max(r.wait, takes)
		r.mu.Unlock()
	}
	switch { // each recording once
	case asked:
		r.asked.Add(1)
	case waiting:
		r.thawing.Add(1)
	default:
		r.cold.Add(1)
	}
	return nil
}

func longest(takes map[storage.Tier]time.Duration) (most time.Duration) {
	for _, d := range takes {
		most = max(most, d)
	}
	return most
}
