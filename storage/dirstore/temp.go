package dirstore

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/vbcvault/vbcvault/storage"
)

// temporary is a file of the store's own, as long as it has no other name. It is
// kept open and locked, so that others who tidy up see that somebody lives who
// needs it. The system unlocks what a process had that has died.
type temporary struct {
	store *Store
	in    *os.Root // the directory that it is in, which stays open as long as it
	name  string   // there; "" once it is removed
	file  *os.File // nil where files aren't locked, once it is filled
	mark  string   // see markOf
}

const maxCreated = 10 // tries, against others who tidy up in the same moment

// create makes a new file with a name of its own.
func (s *Store) create(in *os.Root) (*temporary, error) {
	return s.createAs(in, func() string { return tempPrefix + uuid.NewString() })
}

// createAs makes a new file. The error is fs.ErrExist if the name is taken.
func (s *Store) createAs(in *os.Root, name func() string) (*temporary, error) {
	for try := 1; ; try++ {
		t := &temporary{store: s, in: in, name: name()}
		f, err := in.OpenFile(t.name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, filePerm)
		if err != nil {
			return nil, err
		}
		t.file, t.mark = f, markOf(f)
		lock(f)
		// Before it was locked, somebody may have taken it for a dead one's.
		if is(in, t.name, f) || try == maxCreated {
			return t, nil
		}
		f.Close()
	}
}

// is reports whether a name is that of an open file.
func is(in *os.Root, name string, f *os.File) bool {
	now, err := in.Lstat(name)
	info, e := f.Stat()
	return err == nil && e == nil && os.SameFile(now, info)
}

// fill writes and syncs the file.
func (t *temporary) fill(ctx context.Context, r io.Reader) (storage.Content, error) {
	h := sha256.New()
	w := &file{File: t.file}
	n, err := transfer(ctx, io.MultiWriter(w, h), r)
	if w.err != nil {
		err = t.store.failed(w.err)
	} else if err == nil {
		err = t.store.failed(t.file.Sync())
	}
	if !locks { // what is open can't be renamed there
		if e := t.close(); err == nil {
			err = t.store.failed(e)
		}
	}
	return contentOf(n, h), err
}

func (t *temporary) close() error {
	if t.file == nil {
		return nil
	}
	err := t.file.Close()
	t.file = nil
	return err
}

// identity is what the file is now; zero where it isn't open any more.
func (t *temporary) identity() identity {
	if t.file == nil {
		return identity{}
	}
	return identityOf(t.file)
}

// unlink removes the name, unless that was made another.
func (t *temporary) unlink() {
	if !locks {
		_ = t.close()
	}
	if t.name != "" {
		_ = t.in.Remove(t.name) // what can't be removed, Tidy will
		t.name = ""
	}
}

// remove removes the name, unless that was made another, and lets the file go:
// in this order, so that nobody else takes it for a dead one's meanwhile.
func (t *temporary) remove() {
	t.unlink()
	_ = t.close()
}

// orphanAge is how long nothing has become of a temporary file that nobody needs
// any more, where files can't be locked.
const orphanAge = 24 * time.Hour

// removeOrphan removes a temporary file, unless somebody lives who needs it.
func (s *Store) removeOrphan(name string) (removed bool, err error) {
	f, err := s.root.OpenFile(name, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrPermission) {
		f, err = s.root.Open(name)
	}
	if errors.Is(err, fs.ErrPermission) {
		return s.removeClosed(name) // another user's
	}
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // it was there a moment ago
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	switch tryLock(f) {
	case inUse:
		return false, nil
	case unknown:
		if info, err := f.Stat(); err != nil || time.Since(info.ModTime()) < orphanAge {
			return false, err
		}
	}
	if !is(s.root, name, f) {
		return false, nil // somebody has made it anew
	}
	if !locks {
		f.Close()
	}
	err = s.root.Remove(name)
	if err != nil && (errors.Is(err, fs.ErrNotExist) || !locks) {
		return false, nil // somebody was faster, or has it open
	}
	return err == nil, err
}

// removeClosed removes a temporary file that can't be opened, and so not locked, if
// it is old.
func (s *Store) removeClosed(name string) (removed bool, err error) {
	info, err := s.root.Lstat(name)
	if err == nil && time.Since(info.ModTime()) >= orphanAge {
		err = s.root.Remove(name)
		removed = err == nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return removed, err
}

// use says whether somebody needs a file.
type use int

const (
	unknown use = iota
	free
	inUse
)

// write makes a file of the store's own out of a text, for its Probe.
func (s *Store) write(ctx context.Context, text string) (*temporary, error) {
	t, err := s.create(s.root)
	if err != nil {
		return nil, s.failed(err)
	}
	if _, err = t.fill(ctx, strings.NewReader(text)); err != nil {
		t.remove()
		return nil, err
	}
	return t, nil
}
