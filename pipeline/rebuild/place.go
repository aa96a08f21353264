package rebuild

import (
	"context"
	"slices"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/check"
	"github.com/vbcvault/vbcvault/pipeline/flow"
	"github.com/vbcvault/vbcvault/pipeline/layout"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// recordings finds the place in the manifest of everything that lies among the
// recordings.
func (b *rebuild) recordings(workers int) func(context.Context) error {
	return func(ctx context.Context) error {
		return flow.Each(ctx, workers, layout.Grouped(b.store.List(ctx, layout.Recordings(b.account))), b.place)
	}
}

// missing looks at what only receipts tell of.
func (b *rebuild) missing(workers int) func(context.Context) error {
	return func(ctx context.Context) error {
		for _, run := range []int64{toldOf, rumoured} {
			if err := flow.Each(ctx, workers, b.manifest.SeenBy(ctx, run), b.absent); err != nil {
				return err
			}
		}
		return nil
	}
}

// absent finds the place of what receipts tell of, and of which nothing is there.
func (b *rebuild) absent(ctx context.Context, told manifest.Row) error {
	rumour := told.SeenRun == rumoured
	told.SeenRun, told.Account = 0, b.account
	switch {
	case told.State == manifest.Erasing, told.State == manifest.Erased:
		return b.erased(ctx, told)
	case rumour && b.saidErased(told.Copy, time.Time{}):
		// Whoever has written that could as well have erased it. It is as if nothing
		// was known of it: if VBC has it, it is archived.
		return b.manifest.Drop(ctx, told.Recording)
	case told.State == manifest.Verified: // VBC had it still
		b.found.Add(check.Missing, told.Copy.Audio.Key, told.Recording, "receipts mention a copy, but it is missing; the next run archives the recording again, if VBC still has it")
		return b.manifest.Drop(ctx, told.Recording)
	}
	return b.unproven(ctx, told)
}

// saidErased reports whether receipts that no known key has signed call a copy
// erased, at a time or later.
func (b *rebuild) saidErased(c manifest.Copy, since time.Time) bool {
	_, stem, _ := layout.ParseKey(c.Audio.Key)
	at, said := b.erasures[place{stem, c.Audio.Size}]
	return said && !at.Before(since)
}

// place finds the place of one group.
func (b *rebuild) place(ctx context.Context, g layout.Group) error {
	if g.Stem == "" {
		for o := range g.Objects() {
			b.found.Add(check.Unknown, o.Key, check.None, "vbcvault gives no such name")
		}
		return nil
	}
	defer b.seen.Add(1)
	lock := &b.locks[g.Recording.ID%int64(len(b.locks))]
	lock.Lock()
	defer lock.Unlock()
	told, err := b.told(ctx, g)
	if err != nil {
		return err
	}
	texts := g.Transcripts
	if len(texts) > 0 {
		b.transcribed.Store(true)
	}
	all, err := g.Read(ctx, b.store)
	if err != nil {
		return err
	}
	for _, o := range texts {
		if !slices.ContainsFunc(g.Transcripts, func(r storage.Object) bool { return r.Key == o.Key }) {
			b.found.Add(check.Damaged, o.Key, g.Recording, "the transcript can't be read")
		}
	}
	b.contradictions(g, all, told)
	for _, f := range formsOf(g, all, told) {
		f.history = historyOf(all)
		if err := b.placeForm(ctx, f); err != nil {
			return err
		}
	}
	return nil
}

// form is one of the recordings that have had the same id and start, told apart
// by the number of their audio's bytes. There is one, unless VBC has changed it.
type form struct {
	layout.Group
	said []layout.Said
	told manifest.Row
	ok   bool // receipts have told of it

	history []vbc.Recording // what VBC has said of the call, as metadata has it, oldest first
}

// formsOf takes a group apart. What belongs to none in particular is left with
// the first.
func formsOf(g layout.Group, all []layout.Said, told []manifest.Row) (forms []form) {
	bytes := map[int64]int{} // → index in forms
	at := func(size int64) *form {
		if _, ok := bytes[size]; !ok {
			bytes[size] = len(forms)
			forms = append(forms, form{Group: layout.Group{Stem: g.Stem, Recording: g.Recording, Transcripts: g.Transcripts}})
		}
		return &forms[bytes[size]]
	}
	for _, t := range told {
		f := at(t.Copy.Audio.Size)
		f.told, f.ok = t, true
	}
	for _, s := range all {
		if s.Wrong == nil {
			f := at(s.Sidecar.Size)
			f.said = append(f.said, s)
		}
	}
	if len(forms) == 0 {
		return []form{{Group: g, said: all}}
	}
	first := &forms[0]
	for _, s := range all {
		if s.Wrong != nil {
			first.said = append(first.said, s)
			first.Sidecars = append(first.Sidecars, s.Object)
		}
	}
	for i := range forms {
		for _, s := range forms[i].said {
			if s.Wrong == nil {
				forms[i].Sidecars = append(forms[i].Sidecars, s.Object)
			}
		}
	}
	for _, a := range g.Audios {
		if i, ok := bytes[a.Size]; ok {
			forms[i].Audios = append(forms[i].Audios, a)
		} else {
			first.Audios = append(first.Audios, a)
		}
	}
	return forms
}

// placeForm finds the place of one recording.
func (b *rebuild) placeForm(ctx context.Context, f form) error {
	told, ok := f.told, f.ok
	told.Account = b.account
	switch {
	case told.State == manifest.Erasing:
		for _, s := range f.said {
			if s.Wrong == nil {
				told.Recording = s.Recording
			}
		}
		return b.erased(ctx, told)
	case told.State == manifest.Erased && !slices.ContainsFunc(f.said, func(s layout.Said) bool { return s.Wrong == nil && s.Sidecar.ArchivedAt.After(told.Copy.StoredAt) }):
		for o := range f.Objects() {
			b.found.Add(check.Unknown, o.Key, f.Recording, "its recording was erased from the archive, but this object is here again")
		}
		return nil // what receipts say stays, and is looked at with the missing
	case told.State == manifest.Erased: // and was archived anew since
		told, ok = manifest.Row{}, false
	}
	return b.prove(ctx, f, told, ok)
}
