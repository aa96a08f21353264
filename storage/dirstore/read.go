package dirstore

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/vbcvault/vbcvault/storage"
)

// Stat implements storage.Store: it reads and hashes the file. It also syncs
// it with its names, since a crash may have come between giving a file its name
// and syncing that, and nobody should take for safe what the next power cut
// would undo. Only what this very Store has synced, and nobody has touched since,
// isn't synced again: see synced.
func (s *Store) Stat(ctx context.Context, want storage.Object) (storage.Object, error) {
	in, f, err := s.open(want.Key)
	if err != nil {
		return storage.Object{}, fmt.Errorf("check %s: %w", want.Key, err)
	}
	defer in.Close()
	defer f.Close()
	before := identityOf(f)
	if want.Seen != "" && before.String() == want.Seen {
		return storage.Object{Key: want.Key, Content: want.Content, Proof: storage.ProofRead, Seen: want.Seen, Mark: markOf(f)}, nil
	}
	h := sha256.New()
	n, err := transfer(ctx, h, f)
	known := s.synced.has(want.Key, before)
	if err == nil && !known {
		err = s.syncFile(f)
	}
	if err == nil && !known {
		err = s.syncName(in, want.Key)
	}
	if err != nil {
		return storage.Object{}, fmt.Errorf("read back %s: %w", want.Key, err)
	}
	o := storage.Object{Key: want.Key, Content: contentOf(n, h), Proof: storage.ProofRead, Mark: markOf(f)}
	if identityOf(f) == before { // else it has changed while it was being read
		o.Seen = before.String()
		s.synced.add(want.Key, before)
	}
	return o, nil
}

// Reread implements storage.Store.
func (s *Store) Reread(ctx context.Context, want storage.Object) (storage.Object, error) {
	want.Seen = ""
	return s.Stat(ctx, want)
}

// Memory implements storage.Destination: file systems keep no checksums that one
// could ask for.
func (s *Store) Memory() storage.Memory { return storage.NoMemory }

// Open implements storage.Store.
func (s *Store) Open(_ context.Context, o storage.Object) (io.ReadCloser, error) {
	in, f, err := s.open(o.Key)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", o.Key, err)
	}
	in.Close()
	return f, nil
}

// OpenRange implements storage.Store. Files have no ETag: what is known of one is its
// size, and what Stat has seen of it.
func (s *Store) OpenRange(ctx context.Context, o storage.Object, off, n int64) (io.ReadCloser, error) {
	if off < 0 || n <= 0 {
		return nil, fmt.Errorf("open %s: %d bytes from %d on are no range", o.Key, n, off)
	}
	in, f, err := s.open(o.Key)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", o.Key, err)
	}
	in.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
	case o.Seen != "" && identityOf(f).String() != o.Seen:
		err = storage.ErrChanged
	case o.Proven() && info.Size() != o.Size:
		err = fmt.Errorf("%w: it has %d bytes, and had %d", storage.ErrChanged, info.Size(), o.Size)
	case off >= info.Size():
		err = fmt.Errorf("%w: it has %d bytes", storage.ErrRange, info.Size())
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", o.Key, err), f.Close())
	}
	n = min(n, info.Size()-off)
	return storage.Exactly(&section{&cancellable{ctx, io.NewSectionReader(f, off, n)}, f}, n), nil
}

// section is a part of a file.
type section struct {
	io.Reader
	io.Closer
}

// open opens a file, and the directory that it is in.
func (s *Store) open(key string) (in *os.Root, f *os.File, err error) {
	if err := storage.CheckKey(key); err != nil {
		return nil, nil, err
	}
	in, err = s.root.OpenRoot(path.Dir(key))
	if err == nil {
		if f, err = openRegular(in, path.Base(key)); err == nil {
			return in, f, nil
		}
		in.Close()
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, storage.ErrNotFound
	}
	return nil, nil, s.unreadable(err)
}

func openRegular(in *os.Root, name string) (*os.File, error) {
	info, err := in.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a regular file") // opening a pipe would hang
	}
	return in.Open(name)
}

// unreadable says that a file may not be read, which is likely to be so for all.
func (s *Store) unreadable(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w: %w; check that this user may read %s", storage.ErrRefused, cause(err), s.dir)
	}
	return err
}

// List implements storage.Store. Files of the store's own are not listed.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[storage.Object, error] {
	return func(yield func(storage.Object, error) bool) {
		err := s.walk(ctx, ".", prefix, func(name string, d fs.DirEntry) error {
			if strings.HasPrefix(d.Name(), storage.Reserved) || !strings.HasPrefix(name, prefix) {
				return nil
			}
			info, err := d.Info()
			if errors.Is(err, fs.ErrNotExist) {
				return nil // it was there a moment ago
			}
			if err != nil {
				return err
			}
			if !yield(storage.Object{Key: name, Content: storage.Content{Size: info.Size()}}, nil) {
				return fs.SkipAll
			}
			return nil
		})
		if err != nil && !errors.Is(err, fs.SkipAll) {
			yield(storage.Object{}, fmt.Errorf("list %s: %w", s, s.unreadable(err)))
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
