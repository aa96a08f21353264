// Package dirstore keeps objects as files in a directory, for destinations
// such as file:///mnt/archive.
//
// An object becomes visible in one step: its bytes go to a temporary file,
// that is synced, gets its name by a hard link, which fails where the name is
// taken, and the directories are synced. So a name that is there is whole, and
// was never anything else. What the store holds is always read back from the
// files: a file system keeps no checksums. Metadata is not kept.
package dirstore

import (
	"context"
	"fmt"
	"hash"
	"io"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/storage/mount"
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
	dir  string   // absolute
	root *os.Root // every access goes through it: no key leads out of the directory

	link    func(in *os.Root, old, new string) error // Link; tests have file systems without
	sync    func(*os.File) error                     // Sync, of what is there already; tests count
	linking sync.Mutex                               // see lockName
	durable sync.Map                                 // directories (string) whose own names are synced
	synced  synced                                   // files that are
}

var (
	_ storage.Destination = (*Store)(nil)
	_ storage.Mounted     = (*Store)(nil)
)

// Open opens an existing directory and changes nothing. One that isn't there
// is not created: where a disk isn't mounted, the root disk would fill up.
func Open(dir string) (*Store, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("%w: the directory %s: %w", storage.ErrRefused, dir, err)
	}
	root, err := os.OpenRoot(abs)
	if err != nil {
		return nil, fmt.Errorf("%w: the directory %s can't be opened (%w); check that the disk is mounted. vbcvault doesn't create the directory", storage.ErrRefused, abs, cause(err))
	}
	return newStore(abs, root), nil
}

func newStore(abs string, root *os.Root) *Store {
	return &Store{dir: abs, root: root, link: (*os.Root).Link, sync: (*os.File).Sync}
}

// Close lets go of the directory.
func (s *Store) Close() error { return s.root.Close() }

// Mount implements storage.Mounted, for the directory and all below it.
func (s *Store) Mount() (kind string, err error) { return mount.Within(s.dir) }

// String is the directory as a URL.
func (s *Store) String() string {
	p := filepath.ToSlash(s.dir)
	if !strings.HasPrefix(p, "/") {
		p = "/" + p // C:/archive
	}
	return (&url.URL{Scheme: "file", Path: p}).String()
}

// Put implements storage.Store. On nil, the file and the names of all
// directories on the way to it are synced.
func (s *Store) Put(ctx context.Context, key string, body storage.Body, attrs storage.Attrs) (storage.Object, error) {
	o, err := s.put(ctx, key, body, attrs)
	if err != nil {
		return storage.Object{}, fmt.Errorf("store %s: %w", key, err)
	}
	return o, nil
}

func (s *Store) put(ctx context.Context, key string, body storage.Body, attrs storage.Attrs) (storage.Object, error) {
	if err := storage.CheckKey(key); err != nil {
		return storage.Object{}, err
	}
	dir := path.Dir(key)
	if err := s.makeDirs(dir); err != nil {
		return storage.Object{}, s.failed(err)
	}
	// A crash until the file has its name leaves a temporary one, which
	// nobody takes for an object and Tidy removes.
	in, err := s.root.OpenRoot(dir)
	if err != nil {
		return storage.Object{}, s.failed(err)
	}
	defer in.Close()
	temp, err := s.create(in)
	if err != nil {
		return storage.Object{}, s.failed(err)
	}
	defer temp.remove()
	content, err := temp.fill(ctx, body.Reader)
	if err != nil {
		return storage.Object{}, err
	}
	if !attrs.Modified.IsZero() {
		// Not every file system has such times. The bytes matter more.
		_ = in.Chtimes(temp.name, time.Time{}, attrs.Modified)
	}
	before := temp.identity()
	o := storage.Object{Key: key, Content: content, Mark: temp.mark}
	if body.Seal != nil {
		if err := body.Seal(o); err != nil {
			return storage.Object{}, err
		}
	}
	if ctx.Err() != nil {
		return storage.Object{}, context.Cause(ctx)
	}
	if o, err = s.publish(ctx, temp, o, body.Occupied); err != nil {
		return storage.Object{}, err
	}
	if !o.Adopted {
		temp.unlink() // which is a change, too
		if now := temp.identity(); now.sameBytes(before) {
			s.synced.add(key, now)
		}
	}
	return o, nil
}

// file remembers its own error, so that it isn't taken for the reader's.
type file struct {
	*os.File
	err error
}

func (f *file) Write(p []byte) (n int, err error) {
	n, f.err = f.File.Write(p)
	return n, f.err
}

func contentOf(n int64, h hash.Hash) storage.Content {
	return storage.Content{Size: n, SHA256: storage.Digest(h.Sum(nil))}
}

var buffers = sync.Pool{New: func() any { b := make([]byte, 32<<10); return &b }}

// transfer is io.Copy, until its context ends, with a buffer that is used again.
func transfer(ctx context.Context, w io.Writer, r io.Reader) (int64, error) {
	b := buffers.Get().(*[]byte)
	defer buffers.Put(b)
	return io.CopyBuffer(w, &cancellable{ctx, r}, *b)
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
