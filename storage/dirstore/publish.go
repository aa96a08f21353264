package dirstore

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"

	"github.com/vbcvault/vbcvault/storage"
)

// publish gives the written file its name, unless that is taken.
func (s *Store) publish(ctx context.Context, temp *temporary, o storage.Object, occupied func(storage.Object) storage.Resolution) (storage.Object, error) {
	// A crash from here on leaves nothing or the whole object.
	err := s.claim(temp, o.Key)
	if errors.Is(err, fs.ErrExist) {
		return s.settle(ctx, temp, o, occupied)
	}
	if err == nil { // else it has a name, and not the one that is looked for
		err = s.inPlace(temp.in, path.Dir(o.Key))
	}
	if err == nil {
		err = s.syncName(temp.in, o.Key)
	}
	if err != nil {
		return storage.Object{}, s.failed(err)
	}
	return o, nil
}

// settle decides about the object that has the name. What it adopts is as
// durable as what it writes: Stat sees to that.
func (s *Store) settle(ctx context.Context, temp *temporary, o storage.Object, occupied func(storage.Object) storage.Resolution) (storage.Object, error) {
	occupant, err := s.Stat(ctx, storage.Object{Key: o.Key})
	if err != nil {
		return storage.Object{}, err
	}
	occupant.Adopted = true
	if occupant.Content == o.Content {
		return occupant, nil
	}
	occupant.Own = occupant.Bears(o)
	resolution := storage.Refuse
	if occupied != nil {
		resolution = occupied(occupant)
	}
	switch resolution {
	case storage.Adopt:
		return occupant, nil
	case storage.Replace:
		return o, s.replace(ctx, temp, o, occupant)
	}
	return storage.Object{}, &storage.OccupiedError{Occupant: occupant}
}

// replace overwrites exactly this occupant.
func (s *Store) replace(ctx context.Context, temp *temporary, o, occupant storage.Object) error {
	unlock, err := s.lockName(temp.in, o.Key)
	if err != nil {
		return s.failed(err)
	}
	defer unlock()
	now, err := s.Stat(ctx, storage.Object{Key: o.Key})
	if err != nil {
		return err
	}
	if now.Content != occupant.Content {
		return &storage.OccupiedError{Occupant: now}
	}
	// What lies in the directory that was opened is not what was looked at if somebody
	// has moved it meanwhile.
	if err := s.inPlace(temp.in, path.Dir(o.Key)); err != nil {
		return s.failed(err)
	}
	// The occupant is damaged or derived, the new file is whole and synced:
	// whichever of the two a crash leaves, nothing is worse than before.
	if err := temp.in.Rename(temp.name, path.Base(o.Key)); err != nil {
		return s.failed(err)
	}
	return s.failed(s.syncName(temp.in, o.Key))
}

// inPlace is an error if an open directory is no longer the one of a name.
func (s *Store) inPlace(in *os.Root, dir string) error {
	open, err := in.Stat(".")
	if err != nil {
		return err
	}
	now, err := s.root.Stat(dir)
	if err == nil && !os.SameFile(open, now) {
		err = fmt.Errorf("the directory %s was moved while it was written to", dir)
	}
	return err
}

// claim gives a file its name if nobody has it: the error is fs.ErrExist then.
func (s *Store) claim(temp *temporary, key string) error {
	in, name := temp.in, path.Base(key)
	err := s.link(in, temp.name, name)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	if !noLinks(err) {
		return err
	}
	// exFAT and some network file systems have no hard links, and a rename
	// overwrites. So the name is looked at under a lock that all writers of
	// vbcvault take.
	unlock, err := s.lockName(in, key)
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := in.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
		if err == nil {
			err = fs.ErrExist
		}
		return err
	}
	return in.Rename(temp.name, name)
}

// lockName keeps other writers from giving or taking the same name, those of this
// process by waiting, those of others by failing. A crash leaves a temporary
// file that Tidy removes.
func (s *Store) lockName(in *os.Root, key string) (unlock func(), err error) {
	s.linking.Lock()
	sum := storage.SumOf([]byte(key))
	lock := tempPrefix + "lock-" + hex.EncodeToString(sum[:8])
	t, err := s.createAs(in, func() string { return lock })
	if err != nil {
		s.linking.Unlock()
		if errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("another vbcvault is writing it, or one that crashed left %s, which the next run removes", path.Join(path.Dir(key), lock))
		}
		return nil, err
	}
	return func() {
		t.remove()
		s.linking.Unlock()
	}, nil
}
