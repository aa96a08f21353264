package archive

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// One recording may be known under several starts, since VBC corrects them, and so
// has several rows and lies under several stems; some of these no row may know, after
// the manifest was lost, restored or another machine's. And one id may have been
// given to several recordings. What belongs to which is found in four ways, and what
// none of them tells belongs to nobody:
//
//   - a row's copy names an object;
//   - metadata that lies there says which recording it describes, also an older
//     version of it where the current one can't be read;
//   - one recording alone is known to have this start, or VBC has said so of it
//     before;
//   - where several have the same start, the number of bytes is one's alone.

// recordingOf is one recording that has had an id, or what lies under a stem of which
// nobody knows whose it is.
type recordingOf struct {
	rows []manifest.Row // in the manifest
	said []manifest.Row // as metadata says of which the manifest doesn't know; they have no State
	keys []string       // of its objects, with those of which older versions alone are left
	told bool           // something says whose the objects are
}

// over reports whether it was erased and nothing of it is there.
func (r recordingOf) over() bool {
	return len(r.keys) == 0 && r.told && !r.stands(manifest.Erased)
}

// stands reports whether it has a row in another state than these.
func (r recordingOf) stands(but ...manifest.State) bool {
	return slices.ContainsFunc(r.rows, func(row manifest.Row) bool { return !slices.Contains(but, row.State) })
}

// startsAt reports whether it is known to have had a start, to the second.
func (r recordingOf) startsAt(at time.Time) bool {
	return slices.ContainsFunc(r.starts(), func(has time.Time) bool { return has.Unix() == at.Unix() })
}

// begun reports whether its erasure was begun and isn't ended.
func (r recordingOf) begun() bool {
	return slices.ContainsFunc(r.rows, func(row manifest.Row) bool { return row.State == manifest.Erasing })
}

// starts are all that it is known to have had, as its stems have them too.
func (r recordingOf) starts() (all []time.Time) {
	for _, row := range slices.Concat(r.rows, r.said) {
		all = append(all, row.Starts()...)
	}
	for _, key := range r.keys {
		if at, _, ok := layout.ParseKey(key); ok {
			all = append(all, at.Start)
		}
	}
	slices.SortFunc(all, time.Time.Compare)
	return slices.CompactFunc(all, func(a, b time.Time) bool { return a.Unix() == b.Unix() })
}

// bytes are the sizes of audio that it is known to have.
func (r recordingOf) bytes() (all []int64) {
	for _, row := range slices.Concat(r.rows, r.said) {
		if n := bytesOf(row); n >= 0 {
			all = append(all, n)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func bytesOf(row manifest.Row) int64 {
	if row.Copy.Known() {
		return row.Copy.Audio.Size
	}
	return row.Size
}

// finder looks for everything that has had one id.
type finder struct {
	*Archive
	eraser storage.Eraser
	key    vbc.Key

	looked  int64 // names
	strange []string
	places  []*place
	nodes   []node // what is known, by rows and by metadata
	all     []recordingOf
}

// place is what lies under one stem.
type place struct {
	stem string
	at   time.Time // as the stem has it
	keys []string
}

// has reports whether a row's recording lies there, or would.
func (p *place) has(row manifest.Row) bool {
	stem, err := layout.Stem(row.Recording)
	return err == nil && stem == p.stem || slices.ContainsFunc(row.Copy.Keys(), p.contains)
}

// contains reports whether a key is one of the place's.
func (p *place) contains(key string) bool { return layout.IsOf(p.stem, key) }

// node is one row, or one metadata file, and which recording it is of.
type node struct {
	row  manifest.Row // without a State it was made of metadata
	from string       // the key of that
	of   int          // index in finder.all
}

// find finds all recordings that have had the id. Every name in the collection is
// looked at, since a start isn't known.
func (f *finder) find(ctx context.Context) error {
	rows, err := f.manifest.All(ctx, f.key)
	if err != nil {
		return err
	}
	for _, row := range rows {
		f.nodes = append(f.nodes, node{row: row})
	}
	if err := f.look(ctx); err != nil {
		return err
	}
	for _, p := range f.places {
		if err := f.readAt(ctx, p); err != nil {
			return err
		}
	}
	f.bring()
	for _, p := range f.places {
		if err := f.share(ctx, p); err != nil {
			return err
		}
	}
	for i := range f.all {
		slices.Sort(f.all[i].keys)
		f.all[i].keys = slices.Compact(f.all[i].keys)
	}
	return nil
}

const tellEvery = 200_000 // names

// look lists the collection, and puts in places what bears the id.
func (f *finder) look(ctx context.Context) error {
	under := layout.Collection(f.account, f.key.Kind, f.key.Owner)
	keys, err := f.eraser.Keys(ctx, under, func(key string) bool {
		if f.looked++; f.looked%tellEvery == 0 {
			f.log.Info("still looking for every object of the recording", "names", f.looked)
		}
		return layout.BearsID(key, f.key.ID)
	})
	if err != nil {
		return err
	}
	for _, n := range f.nodes {
		if n.row.State != manifest.Erased { // the store need not list them at once
			keys = append(keys, n.row.Copy.Keys()...)
		}
	}
	slices.Sort(keys)
	at := map[string]*place{}
	for _, key := range slices.Compact(keys) {
		rec, stem, ok := layout.ParseKey(key)
		if !ok || rec.Account != f.account || rec.Key() != f.key {
			f.strange = append(f.strange, key)
			continue
		}
		if at[stem] == nil {
			at[stem] = &place{stem: stem, at: rec.Start}
			f.places = append(f.places, at[stem])
		}
		at[stem].keys = append(at[stem].keys, key)
	}
	return nil
}

// readAt reads the metadata in a place that no row knows. Of what can't be read, an
// older version may say the same.
func (f *finder) readAt(ctx context.Context, p *place) error {
	g := layout.Group{Stem: p.stem}
	for _, key := range p.keys {
		if !f.named(key) {
			g.Add(storage.Object{Key: key})
		}
	}
	for _, o := range g.Sidecars {
		versions, err := f.eraser.Versions(ctx, o.Key)
		if err != nil {
			return err
		}
		for _, version := range versions {
			said, err := layout.ReadSidecar(ctx, f.store, p.stem, version)
			if errors.Is(err, storage.ErrCold) {
				continue // it says nothing now
			}
			if err != nil {
				return err
			}
			if said.Wrong != nil {
				continue
			}
			row := manifest.Row{Recording: said.Recording}
			row.Copy.Sidecar, row.Copy.StoredAt = said.Object, said.Sidecar.ArchivedAt
			row.Copy.Audio.Content = storage.Content{Size: said.Sidecar.Size, SHA256: said.Sidecar.SHA256}
			row.Copy.Audio.Key = audioOf(g, said.Sidecar.SHA256)
			f.nodes = append(f.nodes, node{row: row, from: o.Key})
			break
		}
	}
	return nil
}

// named reports whether a row's copy names an object.
func (f *finder) named(key string) bool {
	return slices.ContainsFunc(f.nodes, func(n node) bool {
		return n.from == "" && slices.Contains(n.row.Copy.Keys(), key)
	})
}

// bring brings together what is of one recording.
func (f *finder) bring() {
	for i := range f.nodes {
		f.nodes[i].of = i
	}
	for i := range f.nodes {
		for j := range i {
			from, to := f.nodes[i].of, f.nodes[j].of
			if from == to || !manifest.OneCall(f.nodes[i].row, f.nodes[j].row) {
				continue
			}
			for k := range f.nodes {
				if f.nodes[k].of == from {
					f.nodes[k].of = to
				}
			}
		}
	}
	index := map[int]int{}
	for i := range f.nodes {
		n := &f.nodes[i]
		if _, ok := index[n.of]; !ok {
			index[n.of] = len(f.all)
			f.all = append(f.all, recordingOf{told: true})
		}
		n.of = index[n.of]
		one := &f.all[n.of]
		if n.from == "" {
			one.rows = append(one.rows, n.row)
		} else {
			one.said = append(one.said, n.row)
		}
	}
}
