package archive

import (
	"context"
	"slices"

	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/storage"
)

// share says of each object in a place whose it is.
func (f *finder) share(ctx context.Context, p *place) error {
	there := f.inPlace(p)
	var unclear []string
	for _, key := range p.keys {
		owners := f.ownersOf(key)
		if len(owners) == 0 && len(there) > 1 {
			var err error
			if owners, err = f.bySize(ctx, p, key, there); err != nil {
				return err
			}
		}
		if len(owners) == 0 {
			unclear = append(unclear, key)
		}
		for _, of := range owners {
			f.all[of].keys = append(f.all[of].keys, key)
		}
	}
	if len(unclear) == 0 {
		return nil
	}
	// Where all others were erased, what is left is the one's that is not.
	if len(there) > 1 {
		there = slices.DeleteFunc(there, func(of int) bool { return f.all[of].over() })
	}
	if len(there) == 0 {
		there = f.saidAt(p)
	}
	if len(there) == 1 {
		f.all[there[0]].keys = append(f.all[there[0]].keys, unclear...)
		return nil
	}
	f.all = append(f.all, recordingOf{keys: unclear})
	return nil
}

// ownersOf are the recordings whose rows or metadata name an object. One that was
// erased has no claim to what another's copy is now.
func (f *finder) ownersOf(key string) (owners []int) {
	var erased []int
	for _, n := range f.nodes {
		switch {
		case n.from != key && (n.from != "" || !slices.Contains(n.row.Copy.Keys(), key)):
		case n.row.State == manifest.Erased:
			erased = append(erased, n.of)
		default:
			owners = append(owners, n.of)
		}
	}
	if len(owners) == 0 {
		owners = erased
	}
	slices.Sort(owners)
	return slices.Compact(owners)
}

// inPlace are the recordings that are known to lie in a place, or to have lain there.
func (f *finder) inPlace(p *place) (there []int) {
	for _, n := range f.nodes {
		if p.has(n.row) {
			there = append(there, n.of)
		}
	}
	slices.Sort(there)
	return slices.Compact(there)
}

// saidAt are the recordings of which VBC has once said that they start when a place's
// does.
func (f *finder) saidAt(p *place) (there []int) {
	for i, one := range f.all {
		if one.told && one.startsAt(p.at) {
			there = append(there, i)
		}
	}
	return there
}

// bySize is the one recording in a place that has as many bytes of audio as an object.
func (f *finder) bySize(ctx context.Context, p *place, key string, there []int) (owners []int, err error) {
	g := layout.Group{Stem: p.stem}
	if g.Add(storage.Object{Key: key}); len(g.Audios) == 0 {
		return nil, nil
	}
	versions, err := f.eraser.Versions(ctx, key)
	if err != nil {
		return nil, err
	}
	for _, v := range versions {
		for _, n := range f.nodes {
			if slices.Contains(there, n.of) && bytesOf(n.row) == v.Size {
				owners = append(owners, n.of)
			}
		}
	}
	slices.Sort(owners)
	if owners = slices.Compact(owners); len(owners) != 1 {
		return nil, nil
	}
	return owners, nil
}
