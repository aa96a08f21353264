package dirstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/vbcvault/vbcvault/storage"
)

// Folder is a directory of the user's own, into which objects are taken out of
// an archive. A file in it comes into being as in a Store: in one step, synced,
// never in another's place. Its methods may be called concurrently.
type Folder struct {
	store   *Store
	lock    *os.File // shared with others that write here
	checked sync.Map // directories (string) that lead nowhere else
}

// OpenFolder opens a directory, and makes it if need be, for its owner only. It
// refuses a directory that is, or lies in, a destination of archives: what is
// there is never mixed with anything else.
func OpenFolder(dir string) (*Folder, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if archive, in := inArchive(abs); in {
		return nil, fmt.Errorf("%s is inside the archive %s", abs, archive)
	}
	if err := makePath(abs); err != nil {
		return nil, fmt.Errorf("%s can't be created: %w", abs, cause(err))
	}
	root, err := os.OpenRoot(abs)
	if err != nil {
		return nil, fmt.Errorf("%s can't be opened: %w", abs, cause(err))
	}
	f := &Folder{store: newStore(abs, root)}
	if err := f.store.tryWriting(context.Background()); err != nil {
		return nil, errors.Join(fmt.Errorf("%s can't be written: %w", abs, cause(err)), root.Close())
	}
	return f, nil
}

// inArchive finds the archive that a directory lies in, by its mark.
func inArchive(dir string) (archive string, in bool) {
	for {
		if real, err := filepath.EvalSymlinks(dir); err == nil {
			dir = real
		}
		if _, err := os.Lstat(filepath.Join(dir, marker)); err == nil {
			return dir, true
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", false
		}
		dir = up
	}
}

// makePath makes a directory and those above it, durably.
func makePath(dir string) error {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return nil // what it is, opening it tells
	}
	up := filepath.Dir(dir)
	if err := makePath(up); err != nil {
		return err
	}
	if err := os.Mkdir(dir, dirPerm); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	above, err := Open(up)
	if err != nil {
		return err
	}
	return errors.Join(above.syncDir(above.root, "."), above.Close())
}

// Close lets go of the directory.
func (f *Folder) Close() error {
	if f.lock != nil {
		f.lock.Close()
	}
	return f.store.Close()
}

// String is the directory's absolute path.
func (f *Folder) String() string { return f.store.dir }

// Tidy removes what others that were killed have left unfinished in these
// directories, unless somebody else is at work here now. It is called once,
// before anything is written.
func (f *Folder) Tidy(dirs []string) (removed int, err error) {
	lock, alone := lockDir(f.store.root)
	f.lock = lock
	if !alone {
		return 0, nil
	}
	defer shareDir(lock)
	for _, dir := range dirs {
		if f.leadsNowhereElse(dir) != nil {
			continue // whoever creates a file there is told
		}
		entries, err := fs.ReadDir(f.store.root.FS(), dir)
		if err != nil {
			continue
		}
		for _, e := range entries {
			if !e.Type().IsRegular() || !strings.HasPrefix(e.Name(), tempPrefix) {
				continue
			}
			if err := f.store.root.Remove(path.Join(dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return removed, fmt.Errorf("tidy %s: %w", f.path(dir), cause(err))
			}
			removed++
		}
	}
	return removed, nil
}

// TakenError says that something else has a name, and keeps it.
type TakenError struct {
	Path string // of what is there
	What string
}

func (e *TakenError) Error() string {
	return fmt.Sprintf("%s already exists, and is %s", e.Path, e.What)
}

// Is makes it fs.ErrExist.
func (e *TakenError) Is(target error) bool { return target == fs.ErrExist }

// Holds reports whether a file is there and has just this content. On true it
// is durable. Where something else has the name, the error is fs.ErrExist.
func (f *Folder) Holds(ctx context.Context, name string, want storage.Content) (bool, error) {
	if err := storage.CheckKey(name); err != nil {
		return false, err
	}
	if err := f.leadsNowhereElse(path.Dir(name)); err != nil {
		return false, err
	}
	info, err := f.store.root.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, f.store.failed(err)
	case !info.Mode().IsRegular():
		return false, &TakenError{f.path(name), "not a file"}
	case info.Size() != want.Size:
		return false, &TakenError{f.path(name), "a different file"}
	}
	has, err := f.store.Stat(ctx, storage.Object{Key: name})
	if err == nil && has.Content != want {
		err = &TakenError{f.path(name), "a different file"}
	}
	return err == nil, err
}

// Create makes a file, and the directories on the way to it. On nil it is whole
// and durable; before that nothing has the name. Something else that has it
// stays, and the error is fs.ErrExist.
func (f *Folder) Create(ctx context.Context, name string, body storage.Body, modified time.Time) error {
	if err := f.leadsNowhereElse(path.Dir(name)); err != nil {
		return err
	}
	_, err := f.store.Put(ctx, name, body, storage.Attrs{Modified: modified})
	if _, ok := errors.AsType[*storage.OccupiedError](err); ok {
		return &TakenError{f.path(name), "a different file"}
	}
	return err
}

// leadsNowhereElse refuses directories that are links, or archives.
func (f *Folder) leadsNowhereElse(dir string) error {
	if _, ok := f.checked.Load(dir); ok || dir == "." {
		return nil
	}
	if err := f.leadsNowhereElse(path.Dir(dir)); err != nil {
		return err
	}
	info, err := f.store.root.Lstat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil // it is about to be made
	case err != nil:
		return f.store.failed(err)
	case !info.IsDir():
		return &TakenError{f.path(dir), "not a directory"}
	}
	if _, err := f.store.root.Lstat(path.Join(dir, marker)); err == nil {
		return &TakenError{f.path(dir), "an archive"}
	}
	f.checked.Store(dir, true)
	return nil
}

func (f *Folder) path(name string) string {
	return filepath.Join(f.store.dir, filepath.FromSlash(name))
}
