// Package dirstore keeps objects as files in a directory, for destinations
// such as file:///mnt/archive.
//
// An object becomes visible in one step: its bytes go to a temporary file,
// that is synced, gets its name by a hard link, which fails where the name is
// taken, and the directories are synced. So a name that is there is whole, and
// was never anything else. What the store holds is always read back from the
// files: a file system keeps no checksums.
package dirstore

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"iter"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/vbcvault/vbcvault/storage"
)

const (
	tempPrefix = storage.Reserved + "tmp-"
	marker     = storage.Reserved + "destination" // holds the directory's identity
	dirPerm    = 0o700
	filePerm   = 0o600
)

// Store is a directory. Its methods may be called concurrently, also by
// several programs.
type Store struct {
	dir  string
	root *os.Root // every access goes through it: no key leads out of the directory
}

var _ storage.Destination = (*Store)(nil)

// Open opens an existing directory and changes nothing. One that isn't there
// is not created: a disk that isn't mounted would turn into files on the root
// disk.
func Open(dir string) (*Store, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("%w: the directory %s can't be opened (%w); is the disk mounted? vbcvault doesn't create it", storage.ErrRefused, dir, cause(err))
	}
	return &Store{dir: dir, root: root}, nil
}

// Close lets go of the directory.
func (s *Store) Close() error { return s.root.Close() }

// String is the directory as a URL.
func (s *Store) String() string {
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(s.dir)}).String()
}

// Put implements storage.Store. On nil, file and directories are synced.
func (s *Store) Put(ctx context.Context, key string, body storage.Body, _ storage.Attrs) (storage.Object, error) {
	fail := func(err error) (storage.Object, error) {
		return storage.Object{}, fmt.Errorf("store %s: %w", key, refused(err))
	}
	if err := storage.CheckKey(key); err != nil {
		return fail(err)
	}
	dir := path.Dir(key)
	if err := s.makeDirs(dir); err != nil {
		return fail(err)
	}
	temp := path.Join(dir, tempPrefix+uuid.NewString())
	content, err := s.write(ctx, temp, body.Reader)
	// A crash up to here, and until the link below, leaves a temporary file,
	// which nobody takes for an object and Tidy removes.
	defer s.root.Remove(temp)
	if err != nil {
		return fail(err)
	}
	o := storage.Object{Key: key, Content: content}
	if body.Seal != nil {
		if err := body.Seal(o); err != nil {
			return fail(err)
		}
	}
	if ctx.Err() != nil {
		return fail(context.Cause(ctx))
	}
	return s.publish(ctx, temp, o, body.Occupied)
}

// publish gives the written file its name, unless that is taken.
func (s *Store) publish(ctx context.Context, temp string, o storage.Object, occupied func(storage.Object) storage.Resolution) (storage.Object, error) {
	fail := func(err error) (storage.Object, error) {
		return storage.Object{}, fmt.Errorf("store %s: %w", o.Key, refused(err))
	}
	err := s.root.Link(temp, o.Key)
	if errors.Is(err, fs.ErrExist) {
		var occupant storage.Object
		if occupant, err = s.Stat(ctx, storage.Object{Key: o.Key}); err != nil {
			return fail(err)
		}
		resolution := storage.Refuse
		switch {
		case occupant.Content == o.Content:
			resolution = storage.Adopt
		case occupied != nil:
			resolution = occupied(occupant)
		}
		switch resolution {
		case storage.Adopt:
			o = occupant
		case storage.Replace:
			if now, err := s.Stat(ctx, storage.Object{Key: o.Key}); err != nil || now.Content != occupant.Content {
				return fail(errors.Join(err, &storage.OccupiedError{Occupant: now}))
			}
			// The occupant is damaged, and the new file is whole and synced:
			// whichever of the two a crash leaves, nothing is worse.
			err = s.root.Rename(temp, o.Key)
		default:
			err = &storage.OccupiedError{Occupant: occupant}
		}
	}
	if err != nil {
		return fail(err)
	}
	if err := s.syncDirs(path.Dir(o.Key)); err != nil {
		return fail(err)
	}
	return o, nil
}

// write writes and syncs a temporary file.
func (s *Store) write(ctx context.Context, temp string, r io.Reader) (storage.Content, error) {
	f, err := s.root.OpenFile(temp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, filePerm)
	if err != nil {
		return storage.Content{}, err
	}
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(f, h), &cancellable{ctx, r})
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	return contentOf(n, h), err
}

func contentOf(n int64, h hash.Hash) storage.Content {
	return storage.Content{Size: n, SHA256: storage.Digest(h.Sum(nil))}
}

// cancellable is a reader that ends with its context.
type cancellable struct {
	ctx context.Context
	r   io.Reader
}

func (c *cancellable) Read(p []byte) (int, error) {
	if c.ctx.Err() != nil {
		return 0, context.Cause(c.ctx)
	}
	return c.r.Read(p)
}

// Stat implements storage.Store: it reads and hashes the file.
func (s *Store) Stat(ctx context.Context, want storage.Object) (storage.Object, error) {
	r, err := s.Open(ctx, want)
	if err != nil {
		return storage.Object{}, err
	}
	defer r.Close()
	h := sha256.New()
	n, err := io.Copy(h, &cancellable{ctx, r})
	if err != nil {
		return storage.Object{}, fmt.Errorf("read back %s: %w", want.Key, err)
	}
	return storage.Object{Key: want.Key, Content: contentOf(n, h)}, nil
}

// Open implements storage.Store.
func (s *Store) Open(_ context.Context, o storage.Object) (io.ReadCloser, error) {
	if err := storage.CheckKey(o.Key); err != nil {
		return nil, fmt.Errorf("open %s: %w", o.Key, err)
	}
	f, err := s.root.Open(o.Key)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open %s: %w", o.Key, storage.ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", o.Key, cause(err))
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is not a regular file")
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("open %s: %w", o.Key, err)
	}
	return f, nil
}

// List implements storage.Store. Files of the store's own are not listed.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[storage.Object, error] {
	return func(yield func(storage.Object, error) bool) {
		err := s.walk(ctx, ".", prefix, func(name string, d fs.DirEntry) error {
			if !strings.HasPrefix(name, prefix) || own(name) {
				return nil
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			if !yield(storage.Object{Key: name, Content: storage.Content{Size: info.Size()}}, nil) {
				return fs.SkipAll
			}
			return nil
		})
		if err != nil && !errors.Is(err, fs.SkipAll) {
			yield(storage.Object{}, fmt.Errorf("list %s: %w", s, cause(err)))
		}
	}
}

// walk visits the regular files below dir that may have the prefix, in the
// order of their keys. (fs.WalkDir's order is another one: it has "b/1" before
// "b-1".)
func (s *Store) walk(ctx context.Context, dir, prefix string, visit func(name string, d fs.DirEntry) error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	entries, err := fs.ReadDir(s.root.FS(), dir)
	if err != nil {
		return err
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(sortName(a), sortName(b)) })
	for _, d := range entries {
		name := path.Join(dir, d.Name())
		switch {
		case d.IsDir() && leadsTo(name, prefix):
			err = s.walk(ctx, name, prefix, visit)
		case d.Type().IsRegular():
			err = visit(name, d)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func sortName(d fs.DirEntry) string {
	if d.IsDir() {
		return d.Name() + "/"
	}
	return d.Name()
}

// leadsTo reports whether a directory can hold keys with the prefix.
func leadsTo(dir, prefix string) bool {
	return strings.HasPrefix(dir+"/", prefix) || strings.HasPrefix(prefix, dir+"/")
}

func own(name string) bool {
	return strings.HasPrefix(path.Base(name), storage.Reserved)
}

// cause leaves the path out of an error that is about to name it anyway.
func cause(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err
	}
	return err
}
