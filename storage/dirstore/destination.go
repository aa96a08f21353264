package dirstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"syscall"

	"github.com/google/uuid"

	"github.com/vbcvault/vbcvault/storage"
)

// Probe implements storage.Destination. The directory's identity is in a file
// of its own, which Probe writes into a directory that is new to vbcvault. A
// directory whose identity is missing or another one is refused: it may be the
// empty place where a disk should be mounted.
func (s *Store) Probe(ctx context.Context, known string) (string, error) {
	r, err := s.root.Open(marker)
	if errors.Is(err, fs.ErrNotExist) {
		if known != "" {
			return "", fmt.Errorf("%w: %s is not the directory that this manifest was used with: its file %s is missing. Is the disk mounted?",
				storage.ErrRefused, s.dir, marker)
		}
		return s.mark(ctx)
	}
	if err != nil {
		return "", fmt.Errorf("%w: %s: %w", storage.ErrRefused, s.dir, cause(err))
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, 1024))
	id := strings.TrimSpace(string(b))
	switch {
	case err != nil:
		return "", fmt.Errorf("%w: %s: %w", storage.ErrRefused, s.dir, err)
	case uuid.Validate(id) != nil:
		return "", fmt.Errorf("%w: the file %s in %s doesn't hold an identity", storage.ErrRefused, marker, s.dir)
	case known != "" && id != known:
		return "", fmt.Errorf("%w: %s is not the directory that this manifest was used with (its identity is %s, not %s). Is the right disk mounted?",
			storage.ErrRefused, s.dir, id, known)
	}
	return id, s.tryWriting(ctx)
}

// mark gives a new directory its identity.
func (s *Store) mark(ctx context.Context) (string, error) {
	id := uuid.NewString()
	temp := tempPrefix + uuid.NewString()
	defer s.root.Remove(temp)
	_, err := s.write(ctx, temp, strings.NewReader(id+"\n"))
	if err == nil {
		err = s.root.Link(temp, marker)
	}
	if err == nil {
		err = s.syncDirs(".")
	}
	if err != nil {
		return "", fmt.Errorf("%w: can't write to %s: %w", storage.ErrRefused, s.dir, cause(err))
	}
	return id, nil
}

// tryWriting proves that files can be created.
func (s *Store) tryWriting(ctx context.Context) error {
	temp := tempPrefix + uuid.NewString()
	defer s.root.Remove(temp)
	if _, err := s.write(ctx, temp, strings.NewReader("probe\n")); err != nil {
		return fmt.Errorf("%w: can't write to %s: %w", storage.ErrRefused, s.dir, cause(err))
	}
	return nil
}

// Tidy implements storage.Destination: it removes temporary files.
func (s *Store) Tidy(ctx context.Context, prefix string) (removed int, err error) {
	err = s.walk(ctx, ".", prefix, func(name string, _ fs.DirEntry) error {
		if !strings.HasPrefix(path.Base(name), tempPrefix) {
			return nil
		}
		if err := s.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		removed++
		return nil
	})
	if err != nil {
		return removed, fmt.Errorf("tidy %s: %w", s, cause(err))
	}
	return removed, nil
}

// makeDirs creates the directories of a key and syncs those it adds a name to.
func (s *Store) makeDirs(dir string) error {
	if dir == "." {
		return nil
	}
	if info, err := s.root.Stat(dir); err == nil && info.IsDir() {
		return nil
	}
	if err := s.makeDirs(path.Dir(dir)); err != nil {
		return err
	}
	if err := s.root.Mkdir(dir, dirPerm); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return s.syncDirs(path.Dir(dir))
}

// refused marks errors that concern the whole destination.
func refused(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EROFS) || errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w: %w", storage.ErrRefused, cause(err))
	}
	return err
}
