// Package handover makes what is handed to somebody else: a ZIP of recordings with their
// metadata, transcripts and proofs (packages prove and proof). What comes out of the
// archive is read once when the hand-over is made, and again each time that it is sent:
// only small files are kept meanwhile, in a directory of the spool, so that the same
// ZIP is the same bytes as long as it lasts, and a transfer that broke off goes on.
//
//	SPOOL/ID/plan.json   what is in it; its name comes last, when all is there
//	SPOOL/ID/files       receipts, pages and lists, one behind the other
//
// A crash leaves a directory without a plan, which Tidy removes.
package handover

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/vbcvault/vbcvault/storage"
)

// Lasts is how long a hand-over can be got once it is made.
const Lasts = 24 * time.Hour

// Most is how many recordings one may have.
const Most = 1000

// Plan is a hand-over that is made.
type Plan struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"` // of the ZIP, without its ending
	Who     string    `json:"who"`
	Role    string    `json:"role"` // digest: whoever has another role by now gets nothing
	Reason  string    `json:"reason"`
	At      time.Time `json:"at"`
	Expires time.Time `json:"expires"`
	Program string    `json:"program"`
	Items   []Item    `json:"items"`
	Entries []Entry   `json:"entries"`
}

// Spool is a directory of hand-overs. Its methods may be called concurrently.
type Spool struct{ Dir string }

var idForm = regexp.MustCompile(`^[A-Z2-7]{26}$`)

// ErrNone says that there is no such hand-over, or none any more.
var ErrNone = errors.New("there is no such hand-over")

func (s Spool) of(id string) (string, error) {
	if s.Dir == "" || !idForm.MatchString(id) {
		return "", ErrNone
	}
	return filepath.Join(s.Dir, id), nil
}

// Make makes a hand-over of p.Items, and says how many are done. Every byte of each
// copy is read. A recording that isn't there, or has no proof, is one with a Problem,
// and the hand-over says so; an error is one of the spool, or the context's, and
// nothing is left then. On nil it is durable.
func (s Spool) Make(ctx context.Context, p *Plan, vaults map[string]*Vault, told func(done int)) (err error) {
	dir, err := s.of(p.ID)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	small, err := os.OpenFile(filepath.Join(dir, "files"), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer small.Close()
	m := &maker{ctx: ctx, root: p.Name, dir: dir, small: small, out: bufio.NewWriterSize(small, 64<<10), plan: p, vaults: vaults, told: told}
	for i := range p.Items {
		p.Items[i].describe(i)
	}
	if err := m.items(); err != nil {
		return err
	}
	if err := m.lists(); err != nil {
		return err
	}
	if err := errors.Join(m.out.Flush(), small.Sync()); err != nil {
		return err
	}
	return p.write(dir)
}

// describe fills in what is known of a recording from the first.
func (i *Item) describe(at int) {
	r := i.Row
	i.Account, i.Kind, i.Owner, i.ID, i.Nth, i.Start = r.Account, string(r.Kind), r.Owner, r.ID, r.Nth, r.Start.UTC()
	i.Folder = fmt.Sprintf("%04d-%s-%d", at+1, i.Start.Format("20060102T150405Z"), r.ID)
}

// write makes the plan, whose name says that all is there.
func (p *Plan) write(dir string) error {
	if err := checkNames(p.Entries); err != nil {
		return err
	}
	b, err := json.Marshal(p)
	if err != nil {
		return err
	}
	temp := filepath.Join(dir, "plan.new")
	f, err := os.OpenFile(temp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(temp, filepath.Join(dir, "plan.json"))
}

// Plan is a hand-over that can be got; ErrNone (wrapped) if there is none.
func (s Spool) Plan(id string, now time.Time) (*Plan, error) {
	dir, err := s.of(id)
	if err != nil {
		return nil, err
	}
	b, err := os.ReadFile(filepath.Join(dir, "plan.json"))
	if errors.Is(err, fs.ErrNotExist) {
		err = ErrNone
	}
	if err != nil {
		return nil, err
	}
	p := &Plan{}
	if err := json.Unmarshal(b, p); err != nil {
		return nil, fmt.Errorf("read a hand-over: %w", err)
	}
	if !now.Before(p.Expires) {
		return nil, ErrNone
	}
	return p, nil
}

// File is a ZIP that can be read.
type File struct {
	*Reader
	ETag string
	Size int64
	f    *os.File
}

// Close lets go of it.
func (f *File) Close() error { return errors.Join(f.Reader.Close(), f.f.Close()) }

// Open opens a hand-over's ZIP for reading.
func (s Spool) Open(ctx context.Context, p *Plan, src Source) (*File, error) {
	dir, err := s.of(p.ID)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(filepath.Join(dir, "files"))
	if err != nil {
		return nil, err
	}
	z := newZip(p.Entries, p.At)
	sum := storage.SumOf(z.central) // it has the names, sizes and sums of all
	return &File{&Reader{ctx: ctx, z: z, small: f, src: src}, `"` + sum.String()[:32] + `"`, z.size, f}, nil
}

// Size is how many bytes a plan's ZIP has.
func (p *Plan) Size() int64 { return newZip(p.Entries, p.At).size }

// Drop removes a hand-over.
func (s Spool) Drop(id string) error {
	dir, err := s.of(id)
	if err != nil {
		return nil //nolint:nilerr // there is none
	}
	return os.RemoveAll(dir)
}

// Tidy removes hand-overs that have expired, and what a crash has left of others. making
// are those that are being made now.
func (s Spool) Tidy(now time.Time, making map[string]bool) error {
	entries, err := os.ReadDir(s.Dir)
	if s.Dir == "" || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		if !e.IsDir() || !idForm.MatchString(e.Name()) || making[e.Name()] {
			continue
		}
		if _, old := s.Plan(e.Name(), now); old != nil {
			err = errors.Join(err, os.RemoveAll(filepath.Join(s.Dir, e.Name())))
		}
	}
	return err
}
