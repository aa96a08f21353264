package place

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"reflect"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres"
)

// Move copies a manifest to another place, whole or not at all, and writes down in the
// old one that the new one has taken its place: from then on nobody can change the old
// one. Nobody may be using it: the error is manifest.ErrLocked (wrapped) if a run is. It
// is fs.ErrExist (wrapped) if something is at to, and fs.ErrNotExist if nothing is at
// from. All that the new one has is compared with the old one; proven is asked about the
// old one before anything is copied, and then about the new one.
//
// A crash, or a connection that breaks at the end, may leave the old one marked and no
// new one: the same call again makes it.
func Move(ctx context.Context, from, to string, o Options, proven func(manifest.Opened) error) (err error) {
	old, err := lockOld(ctx, from, to, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, old.Close()) }()
	if err := proven(old); err != nil {
		return err
	}
	source, ok := old.(manifest.Copied)
	if !ok {
		return fmt.Errorf("move manifest %s: it can't be copied", from)
	}
	marked := false
	err = Create(ctx, to, func(m Filled) error {
		if err := m.Fill(ctx, withoutSuccessor(source.Contents(ctx))); err != nil {
			return err
		}
		copied, ok := m.(manifest.Copied)
		if !ok {
			return errors.New("what was copied can't be read again")
		}
		if err := proven(m); err != nil {
			return err
		}
		marked = true
		if err := old.SetSuccessor(ctx, to); err != nil {
			return err
		}
		// Only now nobody can change the old one any more, as by adding a hold.
		if err := same(source.Contents(ctx), copied.Contents(ctx)); err != nil {
			return fmt.Errorf("the copy is not the same, perhaps because somebody changed the manifest meanwhile; nothing is copied, run the same command again: %w", err)
		}
		return nil
	}, o)
	if err != nil && marked {
		err = errors.Join(err, takeBack(ctx, old, to, o, errors.Is(err, fs.ErrExist)))
	}
	return err
}

// lockOld opens the manifest that is to be copied as for a run. One that was marked by a
// call before, which didn't come to its end, is open to this one.
func lockOld(ctx context.Context, from, to string, o Options) (manifest.Opened, error) {
	look, err := OpenReadOnly(ctx, from, o) // Open would make one
	if err == nil {
		err = look.Close()
	}
	if err != nil && !errors.Is(err, manifest.ErrOlder) {
		return nil, err
	}
	old, err := openForMove(ctx, from, o)
	if err != nil {
		return nil, err
	}
	is, err := old.Successor(ctx)
	if err == nil && is != "" && is != to {
		err = &manifest.MovedError{Path: from, To: is}
	}
	if err != nil {
		return nil, errors.Join(err, old.Close())
	}
	return old, nil
}

// errNothing ends the making of a manifest that is only begun to see whether that is
// possible.
var errNothing = errors.New("there is nothing yet")

// takeBack has the old manifest used again, if it is certain that the new one has not come
// into being, and can't any more. That is so where somebody else's lies in its place
// (taken), and where it could be begun anew: to look for it isn't enough, since a database
// may still be busy with what it was told.
func takeBack(ctx context.Context, old manifest.Opened, to string, o Options, taken bool) error {
	ctx = context.WithoutCancel(ctx)
	if taken {
		return old.SetSuccessor(ctx, "")
	}
	err := Create(ctx, to, func(Filled) error { return errNothing }, o)
	switch {
	case errors.Is(err, errNothing):
		return old.SetSuccessor(ctx, "")
	case errors.Is(err, fs.ErrExist):
		return nil
	}
	return fmt.Errorf("see whether there is a manifest at %s; run the same command again: %w", to, err)
}

// withoutSuccessor leaves out what a call before has marked.
func withoutSuccessor(contents iter.Seq2[manifest.Record, error]) iter.Seq2[manifest.Record, error] {
	return func(yield func(manifest.Record, error) bool) {
		for r, err := range contents {
			if err == nil && r.Table.Name == "meta" && r.Values[0] == "successor" {
				continue
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

// same says how what was copied differs from what it was copied from: nil = in nothing
// but characters that a database of PostgreSQL can't have.
func same(from, to iter.Seq2[manifest.Record, error]) error {
	next, stop := iter.Pull2(withoutSuccessor(to))
	defer stop()
	for was, err := range withoutSuccessor(from) {
		if err != nil {
			return err
		}
		is, err, ok := next()
		if err != nil {
			return err
		}
		if !ok || is.Table != was.Table {
			return fmt.Errorf("the copy lacks a row of table %s", was.Table.Name)
		}
		for i, c := range was.Table.Columns {
			if !equal(c.Form, was.Values[i], is.Values[i]) {
				return fmt.Errorf("the copy has something else in column %s of table %s", c.Name, was.Table.Name)
			}
		}
	}
	if is, err, ok := next(); ok {
		if err == nil {
			err = fmt.Errorf("the copy has a row of table %s that wasn't there", is.Table.Name)
		}
		return err
	}
	return nil
}

// equal reports whether two values of a column are the same.
func equal(form manifest.Form, a, b any) bool {
	switch form {
	case manifest.Text:
		x, _ := a.(string)
		y, _ := b.(string)
		return postgres.Storable(x) == postgres.Storable(y)
	case manifest.Bytes:
		x, _ := a.([]byte)
		y, _ := b.([]byte)
		return string(x) == string(y)
	case manifest.JSON:
		return reflect.DeepEqual(decoded(a), decoded(b))
	}
	return a == b
}

func decoded(value any) (v any) {
	b, _ := value.([]byte)
	if len(b) == 0 {
		return nil
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return string(b)
	}
	return v
}
