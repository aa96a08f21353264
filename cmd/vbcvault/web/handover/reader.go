package handover

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/vbcvault/vbcvault/storage"
)

// Source is where a ZIP's contents come from.
type Source struct {
	// Begin is called before the first byte of a recording is read: an error keeps it
	// back.
	Begin func(ctx context.Context, item int) error
	// Store is the archive of a recording.
	Store func(ctx context.Context, item int) (storage.Store, error)
	// Wrong is told of a recording that isn't what it was when the hand-over was made.
	Wrong func(ctx context.Context, item int, err error)
}

// Reader reads a ZIP, from wherever it is told to. What comes from the archive and passes
// by as a whole has the SHA-256 that it had; its last block is held back until that is
// known. It holds no more than that in memory. It is used by one goroutine.
type Reader struct {
	ctx   context.Context //nolint:containedctx // of the request that it answers
	z     *zipped
	small io.ReaderAt
	src   Source

	at   int64
	now  io.Reader // what comes at at, until left is 0
	left int64
	body io.Closer
	err  error // for good
}

const heldBack = 16 << 10

// Seek implements io.Seeker.
func (r *Reader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += r.at
	case io.SeekEnd:
		offset += r.z.size
	}
	if offset < 0 {
		return 0, errors.New("seek before the beginning")
	}
	if offset != r.at {
		r.Close()
		r.at = offset
	}
	return offset, nil
}

// Close lets go of what is open.
func (r *Reader) Close() error {
	if r.body != nil {
		r.body.Close()
	}
	r.body, r.now, r.left = nil, nil, 0
	return nil
}

// Err is what went wrong, nil if nothing did.
func (r *Reader) Err() error { return r.err }

// Read implements io.Reader.
func (r *Reader) Read(p []byte) (int, error) {
	for {
		switch {
		case r.err != nil:
			return 0, r.err
		case r.at >= r.z.size:
			return 0, io.EOF
		case len(p) == 0:
			return 0, nil
		case r.left == 0:
			r.Close()
			if err := r.open(); err != nil {
				return 0, r.fail(err)
			}
			continue
		}
		n, err := r.now.Read(p[:min(int64(len(p)), r.left)])
		r.at, r.left = r.at+int64(n), r.left-int64(n)
		switch {
		case n > 0:
			return n, nil
		case err == io.EOF:
			return 0, r.fail(io.ErrUnexpectedEOF)
		case err != nil:
			return 0, r.fail(err)
		}
	}
}

func (r *Reader) fail(err error) error {
	r.Close()
	r.err = err
	return err
}

// open opens what comes next.
func (r *Reader) open() error {
	if r.at >= r.z.at {
		return r.bytes(r.z.central, r.at-r.z.at)
	}
	i := r.z.find(r.at)
	e, in := r.z.entries[i], r.at-r.z.offsets[i]
	if e.Item >= 0 {
		if err := r.src.Begin(r.ctx, e.Item); err != nil {
			return err
		}
	}
	if size := r.z.headerSize(e); in < size {
		return r.bytes(r.z.header(e), in)
	} else if in -= size; e.Object == nil {
		r.now, r.left = io.NewSectionReader(r.small, e.At+in, e.Size-in), e.Size-in
		return nil
	}
	return r.object(i, in)
}

func (r *Reader) bytes(b []byte, from int64) error {
	r.now, r.left = bytes.NewReader(b[from:]), int64(len(b))-from
	return nil
}

// object opens an object in the archive, from a byte on.
func (r *Reader) object(i int, from int64) error {
	e := r.z.entries[i]
	store, err := r.src.Store(r.ctx, e.Item)
	if err != nil {
		return err
	}
	body, err := store.OpenRange(r.ctx, *e.Object, from, e.Size-from)
	if err != nil {
		r.wrong(e, err)
		return fmt.Errorf("read %s: %w", e.Object.Key, err)
	}
	r.body, r.now, r.left = body, body, e.Size-from
	if from == 0 {
		r.now = &whole{r: r, e: e, in: body, sum: sha256.New(), left: e.Size}
	}
	return nil
}

// wrong tells of an object that isn't there or isn't what it was.
func (r *Reader) wrong(e Entry, err error) {
	if r.ctx.Err() == nil {
		r.src.Wrong(r.ctx, e.Item, err)
	}
}

// whole is an object that passes by as a whole.
type whole struct {
	r    *Reader
	e    Entry
	in   io.Reader
	sum  hash.Hash
	left int64
	last *bytes.Reader // what was held back, once it is known to be right
}

func (o *whole) Read(p []byte) (int, error) {
	if o.last == nil && o.left > heldBack {
		n, err := o.in.Read(p[:min(int64(len(p)), o.left-heldBack)])
		o.sum.Write(p[:n])
		o.left -= int64(n)
		return n, err
	}
	if o.last == nil {
		b := make([]byte, o.left)
		if _, err := io.ReadFull(o.in, b); err != nil {
			return 0, fmt.Errorf("read %s: %w", o.e.Object.Key, err)
		}
		o.sum.Write(b)
		if has := storage.Digest(o.sum.Sum(nil)); has != o.e.Object.SHA256 {
			err := &ChangedError{o.e.Object.Key, o.e.Object.SHA256, has}
			o.r.wrong(o.e, err)
			return 0, err
		}
		o.last = bytes.NewReader(b)
	}
	return o.last.Read(p)
}

// ChangedError says that a copy isn't any more what it was when the hand-over was made.
type ChangedError struct {
	Key       string
	Want, Has storage.Digest
}

func (e *ChangedError) Error() string {
	return fmt.Sprintf("%s is damaged: its SHA-256 is %s, and was %s", e.Key, e.Has, e.Want)
}
