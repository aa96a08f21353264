// Package spool keeps on disk what VBC has packed, until it is in the store.
package spool

import (
	"archive/zip"
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

// Unusable says that exports aren't what they are taken for.
type Unusable struct{ Why string }

func (e *Unusable) Error() string { return e.Why }

// DiskError says that the disk failed, and not what was to come onto it.
type DiskError struct{ err error }

func (e *DiskError) Error() string { return e.err.Error() }
func (e *DiskError) Unwrap() error { return e.err }

// Spool is a directory in which ZIPs wait until their recordings are in the
// store. It belongs to one manifest, whose lock keeps others out, and nothing
// in it is worth anything to a later run.
type Spool struct {
	dir string

	mu   sync.Mutex
	open map[*File]bool
}

// Open says where the spool is, and removes what a run that was killed has
// left there. The directory is made when it is needed. Without dir it is beside the
// manifest; for one in a database, where the system keeps temporary files.
func Open(dir, manifestPath string) (*Spool, error) {
	inDatabase := strings.Contains(manifestPath, "://")
	if inDatabase && dir == "" {
		dir = os.TempDir()
	}
	if dir == "" {
		dir = manifestPath + ".spool"
	} else {
		abs, err := filepath.Abs(manifestPath)
		if inDatabase {
			abs, err = manifestPath, nil
		}
		if err != nil {
			return nil, fmt.Errorf("spool directory: %w", err)
		}
		// Several manifests may share it, and each removes its own only.
		dir = filepath.Join(dir, fmt.Sprintf("vbcvault-%x", sha256.Sum256([]byte(abs)))[:len("vbcvault-")+12])
	}
	return &Spool{dir: dir, open: map[*File]bool{}}, removeSpool(dir)
}

func removeSpool(dir string) error {
	left, err := filepath.Glob(filepath.Join(dir, "*.zip"))
	for _, name := range left {
		err = errors.Join(err, os.Remove(name))
	}
	if e := os.Remove(dir); e != nil && !errors.Is(e, fs.ErrNotExist) && len(left) > 0 {
		err = errors.Join(err, e)
	}
	if err != nil {
		return fmt.Errorf("remove unfinished files of an interrupted run from the spool directory: %w", err)
	}
	return nil
}

// Close removes whatever is still in the spool.
func (s *Spool) Close() error {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for f := range s.open {
		f.file.Close()
	}
	s.open = map[*File]bool{}
	return removeSpool(s.dir)
}

const spareRoom = 256 << 20 // bytes to be left on the disk

// MostZIP is how large a ZIP of so many bytes of audio may be. Larger ones are
// not what was asked for.
func MostZIP(audio int64) int64 { return audio + audio/10 + 64<<20 }

// Room fails if the disk hasn't got room for a ZIP of so many bytes of audio.
func (s *Spool) Room(audio int64) error {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return fmt.Errorf("create the spool directory: %w", err)
	}
	free, err := FreeBytes(s.dir)
	if err != nil {
		return fmt.Errorf("check the free space of the spool directory: %w", err)
	}
	if need := MostZIP(audio) + spareRoom; free < uint64(need) {
		return fmt.Errorf("the spool directory %s has %d MiB of free space, but an export of %d MiB needs %d; free some space, or choose another directory with --spool-dir",
			s.dir, free>>20, audio>>20, need>>20)
	}
	return nil
}

// File is one ZIP in the spool.
type File struct {
	spool *Spool
	file  *os.File
	size  int64
	ZIP   *zip.Reader

	// What comes out of it isn't believed any more; and what has.
	mu    sync.Mutex
	wrong bool
	taken []manifest.Row
}

// Take notes that a recording's audio comes out of the ZIP, unless that isn't
// believed any more. Whoever takes it looks again when it is written down.
func (f *File) Take(r manifest.Row) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.wrong {
		f.taken = append(f.taken, r)
	}
	return !f.wrong
}

// Distrust has nothing more taken out of the ZIP. It returns what was taken
// before, to whoever is the first to say so.
func (f *File) Distrust() (taken []manifest.Row, first bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	first, f.wrong = !f.wrong, true
	return f.taken, first
}

// Distrusted reports whether somebody has called distrust.
func (f *File) Distrusted() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.wrong
}

// Keep writes a ZIP into a new file of the spool. Longer ones than most bytes
// are refused.
func (s *Spool) Keep(r io.Reader, most int64, count func(int)) (*File, error) {
	file, err := os.CreateTemp(s.dir, "export-*.zip") // 0600
	if err != nil {
		return nil, &DiskError{fmt.Errorf("spool: %w", err)}
	}
	f := &File{spool: s, file: file}
	s.mu.Lock()
	s.open[f] = true
	s.mu.Unlock()
	src := &sender{r: bufio.NewReaderSize(r, 256<<10), count: count}
	f.size, err = io.Copy(file, io.LimitReader(src, most+1))
	switch {
	case src.err != nil:
		err = fmt.Errorf("download an export: %w", src.err)
	case err != nil:
		err = &DiskError{fmt.Errorf("spool: %w", err)}
	case f.size > most:
		err = &Unusable{Why: fmt.Sprintf("the ZIP is larger than %d MiB, which is more than the requested recordings can be", most>>20)}
	}
	if err != nil {
		f.Remove()
		return nil, err
	}
	return f, nil
}

// sender is who the ZIP comes from: it remembers its own error, so that it can be
// told from the disk's.
type sender struct {
	r     io.Reader
	count func(int) // told of every byte that has arrived
	err   error
}

func (s *sender) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.count(n)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// Remove removes the file. It may be called more than once.
func (f *File) Remove() {
	f.spool.mu.Lock()
	defer f.spool.mu.Unlock()
	if !f.spool.open[f] {
		return
	}
	delete(f.spool.open, f)
	f.file.Close()
	_ = os.Remove(f.file.Name()) // what is left, close removes
}

// Open reads the ZIP's directory, which may be as large as one of so many
// recordings is at most: the number that its header claims is not believed.
func (f *File) Open(recordings int) error {
	limited := &budget{ReaderAt: f.file, left: int64(recordings)*4096 + 8<<20}
	var err error
	if f.ZIP, err = zip.NewReader(limited, f.size); err != nil {
		return fmt.Errorf("the export that VBC sent is not a readable ZIP: %w", err)
	}
	limited.lifted = true
	return nil
}

// budget lets so many bytes be read, until it is lifted.
type budget struct {
	io.ReaderAt
	left   int64
	lifted bool
}

func (b *budget) ReadAt(p []byte, at int64) (int, error) {
	if !b.lifted {
		if b.left -= int64(len(p)); b.left < 0 {
			return 0, errors.New("its directory is too large for the requested recordings")
		}
	}
	return b.ReaderAt.ReadAt(p, at)
}
