package pipeline

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
	"sync"
	"sync/atomic"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/vbc"
)

// spool is a directory in which ZIPs wait until their recordings are in the
// store. It belongs to one manifest, whose lock keeps others out, and nothing
// in it is worth anything to a later run.
type spool struct {
	dir string

	mu   sync.Mutex
	open map[*spooled]bool
}

// newSpool says where the spool is, and removes what a run that was killed has
// left there. The directory is made when it is needed.
func newSpool(dir, manifestPath string) (*spool, error) {
	if dir == "" {
		dir = manifestPath + ".spool"
	} else {
		abs, err := filepath.Abs(manifestPath)
		if err != nil {
			return nil, fmt.Errorf("spool directory: %w", err)
		}
		// Several manifests may share it, and each removes its own only.
		dir = filepath.Join(dir, fmt.Sprintf("vbcvault-%x", sha256.Sum256([]byte(abs)))[:len("vbcvault-")+12])
	}
	return &spool{dir: dir, open: map[*spooled]bool{}}, removeSpool(dir)
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

// close removes whatever is still in the spool.
func (s *spool) close() error {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for f := range s.open {
		f.file.Close()
	}
	s.open = map[*spooled]bool{}
	return removeSpool(s.dir)
}

const spareRoom = 256 << 20 // bytes to be left on the disk

// mostZIP is how large a ZIP of so many bytes of audio may be. Larger ones are
// not what was asked for.
func mostZIP(audio int64) int64 { return audio + audio/10 + 64<<20 }

// room fails if the disk hasn't got room for a ZIP of so many bytes of audio.
func (s *spool) room(audio int64) error {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return fmt.Errorf("create the spool directory: %w", err)
	}
	free, err := FreeBytes(s.dir)
	if err != nil {
		return fmt.Errorf("check the free space of the spool directory: %w", err)
	}
	if need := mostZIP(audio) + spareRoom; free < uint64(need) {
		return fmt.Errorf("the spool directory %s has %d MiB of free space, but an export of %d MiB needs %d; free some space, or choose another directory with --spool-dir",
			s.dir, free>>20, audio>>20, need>>20)
	}
	return nil
}

// spooled is one ZIP in the spool.
type spooled struct {
	spool *spool
	file  *os.File
	size  int64
	zip   *zip.Reader

	// What comes out of it isn't believed any more; and what has.
	distrusted atomic.Bool
	mu         sync.Mutex
	taken      []manifest.Row
}

// take notes that a recording's audio comes out of the ZIP, unless that isn't
// believed any more. Whoever takes it looks again when it is written down.
func (f *spooled) take(r manifest.Row) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.distrusted.Load() {
		f.taken = append(f.taken, r)
	}
	return !f.distrusted.Load()
}

// keep writes a ZIP into a new file of the spool. Longer ones than most bytes
// are refused.
func (s *spool) keep(r io.Reader, most int64, count func(int)) (*spooled, error) {
	file, err := os.CreateTemp(s.dir, "export-*.zip") // 0600
	if err != nil {
		return nil, &storeError{fmt.Errorf("spool: %w", err)}
	}
	f := &spooled{spool: s, file: file}
	s.mu.Lock()
	s.open[f] = true
	s.mu.Unlock()
	src := &source{r: bufio.NewReaderSize(r, 256<<10), count: count}
	f.size, err = io.Copy(file, io.LimitReader(src, most+1))
	switch {
	case src.err != nil:
		err = fmt.Errorf("download an export: %w", src.err)
	case err != nil:
		err = &storeError{fmt.Errorf("spool: %w", err)}
	case f.size > most:
		err = &unusable{fmt.Sprintf("the ZIP is larger than %d MiB, which is more than the requested recordings can be", most>>20)}
	}
	if err != nil {
		f.remove()
		return nil, err
	}
	return f, nil
}

// remove removes the file. It may be called more than once.
func (f *spooled) remove() {
	f.spool.mu.Lock()
	defer f.spool.mu.Unlock()
	if !f.spool.open[f] {
		return
	}
	delete(f.spool.open, f)
	f.file.Close()
	_ = os.Remove(f.file.Name()) // what is left, close removes
}

// open reads the ZIP's directory, which may be as large as one of so many
// recordings is at most: the number that its header claims is not believed.
func (f *spooled) open(recordings int) error {
	limited := &budget{ReaderAt: f.file, left: int64(recordings)*4096 + 8<<20}
	var err error
	if f.zip, err = zip.NewReader(limited, f.size); err != nil {
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

// openEntry reads an entry's audio. One that is longer than its header says
// ends with an error where it should end, and match has compared that with
// what the listing declares.
func openEntry(e *packed) (*vbc.Audio, error) {
	r, err := e.Open()
	if err != nil {
		return nil, fmt.Errorf("read %q from an export: %w", e.Name, err)
	}
	return &vbc.Audio{ReadCloser: r, Length: int64(e.UncompressedSize64)}, nil
}
