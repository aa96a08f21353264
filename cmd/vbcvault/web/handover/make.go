package handover

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/proof"
	"github.com/vbcvault/vbcvault/pipeline/prove"
	"github.com/vbcvault/vbcvault/pipeline/refusal"
	"github.com/vbcvault/vbcvault/storage"
)

// Vault is an account whose recordings are handed over.
type Vault struct {
	Name     string
	Manifest prove.Manifest
	Store    storage.Store
}

// Item is a recording that is handed over, and what became of that. Its Row is there
// while the hand-over is made.
type Item struct {
	Vault string       `json:"vault"`
	Row   manifest.Row `json:"-"`

	Account   string    `json:"account"` // number
	Kind      string    `json:"kind"`
	Owner     string    `json:"owner,omitempty"`
	ID        int64     `json:"id"`
	Nth       int64     `json:"nth,omitempty"`
	Start     time.Time `json:"start"`
	Folder    string    `json:"folder"`          // in the ZIP, below its own
	Audio     string    `json:"audio,omitempty"` // the name of its file, "" = it isn't in the ZIP
	AudioSize int64     `json:"audio_size,omitempty"`
	SHA256    string    `json:"sha256,omitempty"`
	Receipts  int       `json:"receipts,omitempty"` // that prove it; 0 = there is no proof
	Problem   string    `json:"problem,omitempty"`  // in plain English: why something isn't in the ZIP; "" = all is
}

// Proven reports whether a recording is there with its proof.
func (i Item) Proven() bool { return i.Receipts > 0 }

// maker makes one hand-over.
type maker struct {
	ctx    context.Context //nolint:containedctx // of one call
	root   string          // the folder in the ZIP
	dir    string          // of the spool, for this one
	small  *os.File
	out    *bufio.Writer
	at     int64 // bytes in small
	plan   *Plan
	vaults map[string]*Vault
	told   func(done int)
}

// copyOf are the files of a recording's copy that there are.
func copyOf(c manifest.Copy) (all []storage.Object) {
	for _, o := range []storage.Object{c.Audio, c.Sidecar, c.Transcript} {
		if o.Key != "" {
			all = append(all, o)
		}
	}
	return all
}

// items makes what is about each recording, with the proofs of each account gathered
// once.
func (m *maker) items() error {
	byVault := map[string][]int{}
	var order []string
	for i, it := range m.plan.Items {
		if byVault[it.Vault] == nil {
			order = append(order, it.Vault)
		}
		byVault[it.Vault] = append(byVault[it.Vault], i)
	}
	done := 0
	for _, name := range order {
		v := m.vaults[name]
		var which []prove.Which
		for _, i := range byVault[name] {
			row := m.plan.Items[i].Row
			which = append(which, prove.Which{Key: row.Key(), Start: row.Start})
		}
		proofs, err := prove.Gather(m.ctx, v.Store, v.Manifest, which)
		for at, i := range byVault[name] {
			if err := m.item(v, i, func(o prove.Options) (prove.Result, error) {
				if err != nil {
					return prove.Result{}, err
				}
				o.Which = which[at]
				return proofs.Write(m.ctx, at, o)
			}); err != nil {
				return err
			}
			done++
			m.told(done)
		}
	}
	return m.ctx.Err()
}

// item adds one recording: with its proof or, if there is none, as the archive has it,
// and why. What isn't what it should be isn't added, and is said. An error is one of
// the spool.
func (m *maker) item(v *Vault, i int, write func(prove.Options) (prove.Result, error)) error {
	it := &m.plan.Items[i]
	mark, at := len(m.plan.Entries), m.at
	f := &folder{m: m, item: i, vault: v, copy: copyOf(it.Row.Copy)}
	r, err := write(prove.Options{Dir: filepath.Join(m.dir, "proof"), Program: m.plan.Program, Open: f.open})
	if removed := os.RemoveAll(filepath.Join(m.dir, "proof")); removed != nil {
		return removed
	}
	if f.failed != nil {
		return f.failed
	}
	if m.ctx.Err() != nil {
		return context.Cause(m.ctx)
	}
	if err == nil {
		it.Receipts = r.Receipts
		if r.Erased {
			it.Problem = "It was erased from the archive on request, so there is no audio. The receipts prove that."
		}
		return nil
	}
	if m.plan.Entries = m.plan.Entries[:mark]; m.at != at { // what the proof had written already
		if err := m.rewind(at); err != nil {
			return err
		}
	}
	it.Problem, it.Audio, it.AudioSize, it.SHA256 = why(err), "", 0, ""
	if isOf(err, code.Unvouched, code.ReceiptsDiffer) || errors.Is(err, prove.ErrUnvouched) {
		if err := m.unproven(v, i); err != nil {
			return err
		}
	}
	return m.text(i, path.Join(it.Folder, "READ-THIS.txt"), it.Problem+"\n")
}

// rewind forgets what the spool's file has behind a place.
func (m *maker) rewind(at int64) error {
	err := m.out.Flush()
	if err == nil {
		err = m.small.Truncate(at)
	}
	if err == nil {
		_, err = m.small.Seek(at, io.SeekStart)
	}
	m.at = at
	return err
}

// unproven adds a copy that no receipt vouches for, once it was read and is what the
// manifest says.
func (m *maker) unproven(v *Vault, i int) error {
	it := &m.plan.Items[i]
	mark := len(m.plan.Entries)
	f := &folder{m: m, item: i, vault: v, copy: copyOf(it.Row.Copy)}
	for _, o := range f.copy {
		in, err := v.Store.Open(m.ctx, o)
		if err == nil {
			err = errors.Join(f.part(path.Base(o.Key), storage.Body{Reader: in, Seal: func(has storage.Object) error {
				if has.Content != o.Content {
					return &proof.DamagedError{Key: o.Key, Want: o.Content, Has: has.Content}
				}
				return nil
			}}, o), in.Close())
		}
		if err != nil {
			m.plan.Entries = m.plan.Entries[:mark]
			it.Audio, it.AudioSize, it.SHA256 = "", 0, ""
			it.Problem += " " + why(err)
			return nil
		}
	}
	return nil
}

// text adds a file of our own about a recording, or about none.
func (m *maker) text(i int, name, text string) error {
	return m.write(i, name, strings.NewReader(text), int64(len(text)))
}

func (m *maker) write(i int, name string, in io.Reader, size int64) error {
	sum := crc32.NewIEEE()
	n, err := io.Copy(m.out, io.TeeReader(in, sum))
	if err != nil {
		return err
	}
	if size >= 0 && n != size {
		return fmt.Errorf("%s: %w", name, io.ErrUnexpectedEOF)
	}
	m.plan.Entries = append(m.plan.Entries, Entry{Name: path.Join(m.root, name), Size: n, CRC: sum.Sum32(), Item: i, At: m.at})
	m.at += n
	return nil
}

// why says, for somebody who never saw a shell, why a recording isn't there, or not
// with its proof.
func why(err error) string {
	_, damaged := errors.AsType[*proof.DamagedError](err)
	switch {
	case damaged, errors.Is(err, storage.ErrNotFound), isOf(err, code.NotIntact):
		return "The copy in the archive is damaged or missing, so it is not in here. Whoever looks after vbcvault should run vbcvault verify."
	case errors.Is(err, storage.ErrCold), isOf(err, code.Cold):
		return "The copy is in cold storage and has to be brought back first, so it is not in here."
	case isOf(err, code.NotArchived):
		return "There is no copy in the archive, so it is not in here."
	case isOf(err, code.ReceiptsDiffer):
		return "The receipts do not agree with the copy, so there is no proof. Whoever looks after vbcvault should run vbcvault audit."
	case isOf(err, code.Unvouched), errors.Is(err, prove.ErrUnvouched):
		return "No signed receipt vouches for the copy yet, so there is no proof. vbcvault prove adds one, if nothing speaks against it."
	case errors.Is(err, manifest.ErrUnknown), isOf(err, code.WhichOne):
		return "It could not be told which recording is meant, so it is not in here."
	}
	return "It could not be read from the archive, so it is not in here. Ask for it again later."
}

func isOf(err error, codes ...string) bool {
	for _, c := range codes {
		if refusal.Code(err) == c {
			return true
		}
	}
	return false
}

// folder takes the files of a proof: what comes out of the archive is read, and left
// there; the rest goes into the spool.
type folder struct {
	m      *maker
	item   int
	vault  *Vault
	copy   []storage.Object
	failed error // of the spool
}

// open makes the directory that a proof needs, which stays empty.
func (f *folder) open(dir string) (proof.Folder, error) {
	return f, os.Mkdir(dir, 0o700)
}

func (f *folder) Close() error { return nil }

// Create implements proof.Folder.
func (f *folder) Create(_ context.Context, name string, body storage.Body, _ time.Time) error {
	for _, o := range f.copy {
		if path.Base(o.Key) == name {
			return f.part(name, body, o)
		}
	}
	it, sum, at := &f.m.plan.Items[f.item], sha256.New(), f.m.at
	if err := f.m.write(f.item, path.Join(it.Folder, name), io.TeeReader(body.Reader, sum), -1); err != nil {
		f.failed = err
		return err
	}
	has := storage.Content{Size: f.m.at - at, SHA256: storage.Digest(sum.Sum(nil))}
	if ext := path.Ext(name); !strings.Contains(name, "/") && ext != ".json" && ext != ".txt" && ext != ".html" && ext != "" {
		it.Audio, it.AudioSize, it.SHA256 = name, has.Size, has.SHA256.String() // by another name than the manifest has
	}
	return body.Seal(storage.Object{Content: has})
}

// part reads a file of the copy, and notes it.
func (f *folder) part(name string, body storage.Body, o storage.Object) error {
	crc, sum := crc32.NewIEEE(), sha256.New()
	n, err := io.Copy(io.MultiWriter(crc, sum), body.Reader)
	if err != nil {
		return fmt.Errorf("read %s: %w", o.Key, err)
	}
	has := storage.Content{Size: n, SHA256: storage.Digest(sum.Sum(nil))}
	if err := body.Seal(storage.Object{Content: has}); err != nil {
		return err
	}
	it := &f.m.plan.Items[f.item]
	if o.Key == it.Row.Copy.Audio.Key {
		it.Audio, it.AudioSize, it.SHA256 = name, n, has.SHA256.String()
	}
	is := storage.Object{Key: o.Key, Content: has, ETag: o.ETag, VersionID: o.VersionID}
	f.m.plan.Entries = append(f.m.plan.Entries, Entry{Name: path.Join(f.m.root, it.Folder, name), Size: n, CRC: crc.Sum32(), Item: f.item, Object: &is})
	return nil
}
