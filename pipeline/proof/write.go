package proof

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/vbcvault/vbcvault/storage"
)

// Folder is where the files go.
type Folder interface {
	// Create makes a file with that time of change, and the directories on the way
	// to it. On nil it is whole and durable. It never overwrites.
	Create(ctx context.Context, name string, body storage.Body, modified time.Time) error
	Close() error
}

// DamagedError says that a copy isn't what its receipt says.
type DamagedError struct {
	Key       string
	Want, Has storage.Content
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("%s is damaged: it has %d bytes with SHA-256 %s, but its receipt says %d bytes and %s",
		e.Key, e.Has.Size, e.Has.SHA256, e.Want.Size, e.Want.SHA256)
}

// TakenError says that there is something where the proof was to be.
type TakenError struct{ Path, What string }

func (e *TakenError) Error() string { return e.Path + " " + e.What }

// Unfinished is where a proof is made before it has its name.
func Unfinished(dir string) string { return filepath.Clean(dir) + ".unfinished" }

// Write makes a proof in dir, which must not exist, or be empty: else the error is a
// *TakenError, and nothing is read. Each file of the copy is read and compared with
// what its receipt says: a *DamagedError says that one differs. On nil the directory
// is whole and durable; after an error, or a crash, there is none of that name, and
// what is left beside it the next call removes. open opens the place for the files. It
// returns how many there are and their bytes.
func Write(ctx context.Context, dir string, c Contents, open func(dir string) (Folder, error)) (files, size int64, err error) {
	if dir, err = filepath.Abs(dir); err != nil {
		return 0, 0, err
	}
	if err := free(dir); err != nil {
		return 0, 0, err
	}
	temp := Unfinished(dir)
	if err := sweep(temp); err != nil {
		return 0, 0, err
	}
	to, err := open(temp)
	if err != nil {
		return 0, 0, err
	}
	// A crash from here on leaves the unfinished directory.
	made, err := os.Lstat(temp)
	w := writer{ctx: ctx, to: to, sums: map[string]storage.Digest{}}
	if err == nil {
		err = w.all(c)
	}
	if err = errors.Join(err, to.Close()); err == nil {
		err = publish(temp, dir, made)
	}
	if err != nil {
		return 0, 0, errors.Join(err, sweep(temp))
	}
	return w.files, w.size, nil
}

// free refuses a place that is taken.
func free(dir string) error {
	info, err := os.Lstat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.IsDir():
		return &TakenError{dir, "already exists, and is not a directory"}
	}
	entries, err := os.ReadDir(dir)
	if err == nil && len(entries) > 0 {
		err = &TakenError{dir, "already exists, and is not empty"}
	}
	return err
}

// unfinishedForm are the names of what a crash may leave, besides the copy's: those of
// a store's temporary files begin with storage.Reserved.
var unfinishedForm = regexp.MustCompile(`^(index\.html|SHA256SUMS|receipts|receipts/[A-Z0-9-]+|receipts/[A-Z0-9-]+/[^/]+|(.*/)?\.vbcvault-[^/]+)$`)

// sweep removes what an earlier call has left, and only that.
func sweep(temp string) error {
	err := filepath.WalkDir(temp, func(p string, d fs.DirEntry, err error) error {
		if err != nil || p == temp && d.IsDir() {
			return err
		}
		name, err := filepath.Rel(temp, p)
		name = filepath.ToSlash(name)
		if err == nil && (!unfinishedForm.MatchString(name) && !copyForm.MatchString(name) || !d.IsDir() && !d.Type().IsRegular()) {
			err = &TakenError{p, "is not of an unfinished proof"}
		}
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return os.RemoveAll(temp)
}

// publish gives the directory its name, unless it is another than was made.
func publish(temp, dir string, made fs.FileInfo) error {
	now, err := os.Lstat(temp)
	if err != nil || !os.SameFile(now, made) {
		return errors.Join(err, &TakenError{temp, "was changed by somebody else"})
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) { // it was empty
		return err
	}
	if err := os.Rename(temp, dir); err != nil {
		return fmt.Errorf("name the new directory: %w", err)
	}
	if up, err := os.Open(filepath.Dir(dir)); err == nil {
		_ = up.Sync() // not every system can
		up.Close()
	}
	return nil
}

// writer writes one proof.
type writer struct {
	ctx         context.Context
	to          Folder
	sums        map[string]storage.Digest // of the files that are there, by their names
	files, size int64
}

func (w *writer) all(c Contents) error {
	for _, p := range c.Copy {
		if err := w.part(p, c.Recording.Start); err != nil {
			return err
		}
	}
	for _, l := range c.Logs {
		if err := w.log(l); err != nil {
			return err
		}
	}
	page, err := pageOf(c)
	if err == nil {
		err = w.file(pageName, page)
	}
	if err == nil {
		err = w.file(sumsName, sumsOf(w.sums))
	}
	return err
}

// part copies a file of the copy.
func (w *writer) part(p Part, start time.Time) error {
	if !copyForm.MatchString(p.Name()) {
		return fmt.Errorf("the receipts name %s, which is no name of a copy", p.Object.Key)
	}
	in, err := p.Open(w.ctx)
	if err != nil {
		return err
	}
	defer in.Close()
	return w.create(p.Name(), in, p.Object.Content, p.Object.Key, start)
}

func (w *writer) log(l Log) error {
	in := path.Join(receiptsName, l.Name)
	for _, line := range l.Lines {
		name := path.Join(in, line.name())
		if err := w.file(name+entryEnding, line.Text); err != nil {
			return err
		}
		if err := w.file(name+proofEnding, encodeProof(line.Proof, l.Checkpoint)); err != nil {
			return err
		}
	}
	if err := w.file(path.Join(in, checkpointName), l.Checkpoint); err != nil {
		return err
	}
	return w.file(path.Join(in, keyName), []byte(l.Verifier+"\n"))
}

func (w *writer) file(name string, text []byte) error {
	want := storage.Content{Size: int64(len(text)), SHA256: storage.SumOf(text)}
	return w.create(name, bytes.NewReader(text), want, name, time.Now())
}

// create makes a file of what must have this content, known as key.
func (w *writer) create(name string, in io.Reader, want storage.Content, key string, modified time.Time) error {
	body := storage.Body{Reader: in, Size: want.Size, Seal: func(has storage.Object) error {
		if has.Content != want {
			return &DamagedError{key, want, has.Content}
		}
		return nil
	}}
	if err := w.to.Create(w.ctx, name, body, modified); err != nil {
		return err
	}
	w.sums[name], w.files, w.size = want.SHA256, w.files+1, w.size+want.Size
	return nil
}

// sumsOf is what sha256sum -c reads.
func sumsOf(sums map[string]storage.Digest) []byte {
	var b bytes.Buffer
	for _, name := range sortedNames(sums) {
		fmt.Fprintf(&b, "%s  %s\n", sums[name], name)
	}
	return b.Bytes()
}

func sortedNames[V any](m map[string]V) (names []string) {
	for name := range m {
		names = append(names, name)
	}
	slices.SortFunc(names, strings.Compare)
	return names
}
