package archive

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/storage"
)

// orphans are rows for what lies under stems that no row of a recording knows: what is
// erased there has to be known as erased, too.
func (f *finder) orphans(ctx context.Context, one recordingOf) (rows []manifest.Row, err error) {
	for _, p := range f.places {
		keys := slices.DeleteFunc(slices.Clone(one.keys), func(key string) bool { return !p.contains(key) })
		if len(keys) == 0 || slices.ContainsFunc(one.rows, p.has) {
			continue
		}
		row := f.bare(p, keys)
		for _, said := range one.said { // the latest
			if p.has(said) && !said.Copy.StoredAt.Before(row.Copy.StoredAt) {
				row = said
			}
		}
		if row.Raw == nil {
			if err := f.measure(ctx, &row); err != nil {
				return nil, err
			}
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// bare is a row of which no more is known than what lies there.
func (f *finder) bare(p *place, keys []string) (row manifest.Row) {
	g := layout.Group{Stem: p.stem}
	for _, key := range keys {
		g.Add(storage.Object{Key: key})
	}
	row.Recording, _, _ = layout.ParseKey(p.stem + ".")
	row.Copy.Audio.Key = audioOf(g, storage.Digest{})
	row.Copy.Sidecar.Key = p.stem + ".json"
	if len(g.Sidecars) > 0 {
		row.Copy.Sidecar.Key = g.Sidecars[0].Key
	}
	return row
}

// measure finds out how much audio there is.
func (f *finder) measure(ctx context.Context, row *manifest.Row) error {
	versions, err := f.eraser.Versions(ctx, row.Copy.Audio.Key)
	if err != nil {
		return err
	}
	if len(versions) > 0 {
		row.Copy.Audio.Size = versions[0].Size
		row.Size = cmp.Or(versions[0].Size, -1)
	}
	row.Raw = manifest.Bare(row.ID, row.Start, row.Size)
	return nil
}

// audioOf is the key under which audio with a digest lies in a group, or would.
func audioOf(g layout.Group, sum storage.Digest) (key string) {
	for _, o := range g.Audios {
		digits := layout.DigitsIn(o.Key)
		if digits != "" && strings.HasPrefix(sum.String(), digits) {
			return o.Key
		}
		if digits == "" || key == "" {
			key = o.Key
		}
	}
	return cmp.Or(key, g.Stem+".mp3")
}
