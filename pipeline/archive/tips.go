package archive

import (
	"context"
	"maps"
	"slices"

	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
)

// lookAtTips compares the ends of the other manifests' logs with those that were seen
// before, by their names, and remembers what is new. Logs that a known key has signed
// must be there for ever. That another one is gone is said once: anybody may have put it
// there, and somebody may have removed it for that.
func (a *Archive) lookAtTips(ctx context.Context, own string, all []layout.Bundle, moved bool) error {
	known, looked, err := a.manifest.Tips(ctx)
	if err != nil {
		return err
	}
	keys, err := Keys(ctx, a.manifest)
	if err != nil {
		return err
	}
	seen := TipsOf(all)
	delete(seen, own) // which the manifest has itself
	var changed []string
	var tips []manifest.Tip // of those
	gone := func(t manifest.Tip) bool { return !hasTip(all, t) }
	for _, t := range known {
		switch {
		case !gone(t):
			continue
		case moved:
			a.log.Warn("a log of receipts of another manifest did not move along with the archive; it is forgotten", "log", t.Chain, "entries", t.Last)
		case t.Known:
			a.doubt("the log of receipts %s of another manifest has become shorter: the file with its entry %d was beside the archive and is gone", t.Chain, t.Last)
			delete(seen, t.Chain) // what is known of it stays known
			tips = append(tips, t)
			continue
		default:
			a.doubt("receipts of the log %s, which no known key has signed, were beside the archive and are gone (its entry %d); this is said once", t.Chain, t.Last)
		}
		changed = append(changed, t.Chain) // it is forgotten
	}
	for _, chain := range slices.Sorted(maps.Keys(seen)) {
		before := ofChain(known, chain)
		isNew := func(t manifest.Tip) bool {
			return !slices.ContainsFunc(before, func(b manifest.Tip) bool { return sameTip(b, t) })
		}
		if !slices.ContainsFunc(seen[chain], isNew) && !slices.Contains(changed, chain) {
			continue
		}
		changed = append(changed, chain)
		for _, t := range seen[chain] {
			t.First = !looked
			if t.Known, err = a.isKnown(ctx, keys, all, t); err != nil {
				return err
			}
			tips = append(tips, t)
		}
		// Whatever lies behind it that nobody has signed, an end that a known key has
		// signed must stay.
		if !slices.ContainsFunc(tips, func(t manifest.Tip) bool { return t.Chain == chain && t.Known }) {
			tips = append(tips, slices.DeleteFunc(before, func(t manifest.Tip) bool { return !t.Known || gone(t) })...)
		}
	}
	if looked && len(changed) == 0 {
		return nil
	}
	return a.manifest.SeeTips(ctx, changed, slices.DeleteFunc(tips, func(t manifest.Tip) bool { return !slices.Contains(changed, t.Chain) }))
}

// isKnown reports whether a known key has signed the end of a log. What can't be read is
// looked at again when the log has become longer.
func (a *Archive) isKnown(ctx context.Context, keys receipt.Keys, all []layout.Bundle, t manifest.Tip) (bool, error) {
	i := slices.IndexFunc(all, func(b layout.Bundle) bool { return b.Chain == t.Chain && b.Last == t.Last && b.Head == t.Head })
	_, checkpoint, err := all[i].Read(ctx, a.store)
	if isStrange(err) || denied(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	c, _, err := keys.Open(checkpoint)
	return err == nil && c.Chain() == t.Chain && c.Size == t.Last, nil
}

// ofChain are the tips of one chain.
func ofChain(all []manifest.Tip, chain string) (tips []manifest.Tip) {
	for _, t := range all {
		if t.Chain == chain {
			tips = append(tips, t)
		}
	}
	return tips
}

func sameTip(a, b manifest.Tip) bool {
	return a.Chain == b.Chain && a.Head == b.Head && a.Last == b.Last
}

func hasTip(all []layout.Bundle, t manifest.Tip) bool {
	return slices.ContainsFunc(all, func(b layout.Bundle) bool { return b.Chain == t.Chain && b.Last == t.Last && b.Head == t.Head })
}

// TipsOf are the ends of the logs that have these bundles, as their names say them.
func TipsOf(all []layout.Bundle) map[string][]manifest.Tip {
	tips := map[string][]manifest.Tip{}
	for _, b := range all {
		t := manifest.Tip{Chain: b.Chain, Last: b.Last, Head: b.Head}
		switch has := tips[b.Chain]; {
		case len(has) == 0 || has[0].Last < t.Last:
			tips[b.Chain] = []manifest.Tip{t}
		case has[0].Last == t.Last && !slices.ContainsFunc(has, func(h manifest.Tip) bool { return sameTip(h, t) }):
			tips[b.Chain] = append(has, t)
		}
	}
	return tips
}
