package dirstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/vbcvault/vbcvault/storage"
)

// Probe implements storage.Destination. The directory's identity is in a file
// of its own, which Probe writes into a directory that is new to vbcvault. A
// directory whose identity is missing or another one is refused: it may be the
// empty place where a disk should be mounted.
func (s *Store) Probe(ctx context.Context, known string) (string, error) {
	id, err := s.identity()
	if errors.Is(err, fs.ErrNotExist) && known == "" {
		err = s.mark(ctx)
		if err == nil || errors.Is(err, fs.ErrExist) { // somebody was faster
			id, err = s.identity()
		}
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = fmt.Errorf("it is not the directory that this manifest was used with: its file %s is missing (check that the disk is mounted)", marker)
	case err == nil && known != "" && id != known:
		err = fmt.Errorf("it is not the directory that this manifest was used with: its identity is %s, not %s (check that the right disk is mounted)", id, known)
	case err == nil:
		err = s.tryWriting(ctx)
	}
	if err == nil {
		return id, nil
	}
	if ctx.Err() == nil && !errors.Is(err, storage.ErrRefused) {
		return "", fmt.Errorf("%w: %s: %w", storage.ErrRefused, s.dir, cause(err))
	}
	return "", fmt.Errorf("%s: %w", s.dir, err)
}

// Identify says, by reading, whether this is the directory that has an identity.
// Like Probe it refuses another one; unlike it, it changes nothing.
func (s *Store) Identify(known string) error {
	id, err := s.identity()
	if err == nil && id != known {
		err = fmt.Errorf("its identity is %s, not %s", id, known)
	}
	if err != nil && known != "" {
		return fmt.Errorf("%w: %s is not the directory that this manifest was used with (check that the right disk is mounted): %w", storage.ErrRefused, s.dir, cause(err))
	}
	return nil
}

// identity reads the directory's identity.
func (s *Store) identity() (string, error) {
	f, err := s.root.Open(marker)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 1024))
	if err != nil {
		return "", err
	}
	id := strings.TrimSpace(string(b))
	if uuid.Validate(id) != nil {
		return "", fmt.Errorf("its file %s contains no identity", marker)
	}
	return id, nil
}

// mark gives a new directory its identity, durably. The error is fs.ErrExist
// if it has one.
func (s *Store) mark(ctx context.Context) error {
	temp, err := s.write(ctx, uuid.NewString()+"\n")
	if err != nil {
		return err
	}
	defer temp.remove()
	if err := s.claim(temp, marker); err != nil {
		return err
	}
	return s.syncName(s.root, marker)
}

// tryWriting proves that files can be created, and leaves none.
func (s *Store) tryWriting(ctx context.Context) error {
	temp, err := s.write(ctx, "probe\n")
	if err == nil {
		temp.remove()
	}
	return err
}

// Identity implements storage.Explorer.
func (s *Store) Identity(context.Context) (string, error) {
	id, err := s.identity()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", nil
	case err != nil:
		return "", fmt.Errorf("%w: %s: %w", storage.ErrRefused, s.dir, cause(err))
	}
	return id, nil
}

// Names implements storage.Explorer. A directory may be empty, and is a name all
// the same.
func (s *Store) Names(_ context.Context, prefix string) (names []string, err error) {
	at, begin := ".", prefix
	if i := strings.LastIndexByte(prefix, '/'); i >= 0 {
		at, begin = prefix[:i], prefix[i+1:]
	}
	entries, err := fs.ReadDir(s.root.FS(), at)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list %s: %w", s, s.unreadable(err))
	}
	for _, d := range entries {
		switch name := strings.TrimPrefix(at+"/"+d.Name(), "./"); {
		case strings.HasPrefix(d.Name(), storage.Reserved), !strings.HasPrefix(d.Name(), begin):
		case d.IsDir():
			names = append(names, name+"/")
		case d.Type().IsRegular():
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// leftovers visits the temporary files in the directories of the prefix and on
// the way there, where a probe leaves them.
func (s *Store) leftovers(ctx context.Context, prefix string, visit func(name string) error) error {
	return s.walk(ctx, ".", prefix, func(name string, d fs.DirEntry) error {
		if !strings.HasPrefix(d.Name(), tempPrefix) {
			return nil
		}
		return visit(name)
	})
}

// Unfinished implements storage.Explorer.
func (s *Store) Unfinished(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		err := s.leftovers(ctx, prefix, func(name string) error {
			if !yield(name, nil) {
				return fs.SkipAll
			}
			return nil
		})
		if err != nil && !errors.Is(err, fs.SkipAll) {
			yield("", fmt.Errorf("list %s: %w", s, s.unreadable(err)))
		}
	}
}

// Tidy implements storage.Destination. What another process is at work on stays,
// be it a file or a lock. What can't be removed is said once all else is gone, and
// is no reason not to write there: such an error is never ErrRefused.
func (s *Store) Tidy(ctx context.Context, prefix string) (removed int, err error) {
	var stays error
	err = s.leftovers(ctx, prefix, func(name string) error {
		gone, err := s.removeOrphan(name)
		if gone {
			removed++
		}
		if err != nil && stays == nil {
			stays = err
		}
		return nil
	})
	if err == nil {
		err = stays
	} else {
		err = s.failed(err)
	}
	if err != nil {
		return removed, fmt.Errorf("tidy %s: %w", s, err)
	}
	return removed, nil
}
