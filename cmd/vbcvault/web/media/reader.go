package media

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"

	"github.com/vbcvault/vbcvault/storage"
)

const (
	// heldBack is how many bytes of an object that passes by as a whole aren't given
	// away before its digest is known, or all, if there are fewer.
	heldBack = 16 << 10

	// resumes is how often a store may break off, in one answer, before that is an error.
	resumes = 4
)

// DamagedError says that an object isn't what was archived.
type DamagedError struct {
	Key       string
	Want, Has storage.Content
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("%s is damaged: it has %d bytes with SHA-256 %s, but was archived with %d bytes and %s", e.Key, e.Has.Size, e.Has.SHA256, e.Want.Size, e.Want.SHA256)
}

// reader is an object as http.ServeContent reads it: one window after the other, each
// by one request to the store that asks for just that much. (Of several ranges,
// ServeContent leaves a goroutine behind that may still read when it has returned.)
type reader struct {
	ctx     context.Context //nolint:containedctx // of the request that it answers
	store   storage.Store
	object  storage.Object
	size    int64
	windows []window // those that will be read; none = everything
	moving  func()   // called before each read that the player has made room for; nil = nothing

	mu   sync.Mutex // guards what is below
	at   int64      // where the next byte is read
	body io.ReadCloser
	next int64         // what Read gives away next, from body or from last
	pos  int64         // where the next byte of body belongs
	left int64         // bytes of the window from pos on
	sum  hash.Hash     // of a window that is everything, nil of any other
	last *bytes.Reader // the bytes held back, once they are known to be right
	err  error         // what went wrong, for good

	broken int // how often the store has broken off
}

// Seek implements io.Seeker.
func (r *reader) Seek(offset int64, whence int) (int64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch whence {
	case io.SeekCurrent:
		offset += r.at
	case io.SeekEnd:
		offset += r.size
	}
	if offset < 0 {
		return 0, errors.New("seek before the beginning")
	}
	r.at = offset // ServeContent looks for the end, and comes back
	return offset, nil
}

// open asks the store for the window that begins here.
func (r *reader) open() (err error) {
	r.next, r.pos, r.left = r.at, r.at, r.size-r.at
	for _, w := range r.windows {
		if w.off == r.at {
			r.left = w.n
			break
		}
	}
	if r.body, err = r.store.OpenRange(r.ctx, r.object, r.at, r.left); err != nil {
		return r.fail(err)
	}
	if r.left == r.size {
		r.sum = sha256.New()
	}
	return nil
}

// Read implements io.Reader. It never reads across the end of a window.
func (r *reader) Read(p []byte) (n int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.err != nil:
		return 0, r.err
	case r.at >= r.size:
		return 0, io.EOF
	case r.body == nil || r.next != r.at:
		r.close()
		if err := r.open(); err != nil {
			return 0, err
		}
	}
	if r.moving != nil {
		r.moving()
	}
	if r.sum != nil && r.last == nil && r.left <= heldBack {
		if err := r.confirm(); err != nil {
			return 0, r.fail(err)
		}
	}
	if r.last != nil {
		n, _ = r.last.Read(p)
	} else {
		most := r.left
		if r.sum != nil { // what is held back begins with a read of its own
			most -= heldBack
		}
		if n, err = r.some(p[:min(int64(len(p)), most)]); err != nil {
			return 0, r.fail(err)
		}
	}
	r.at += int64(n)
	if r.next = r.at; r.left == 0 && r.last == nil || r.at == r.size {
		r.close()
	}
	return n, nil
}

// some reads at least a byte. A store that breaks off is asked again for the rest.
func (r *reader) some(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for {
		n, err := r.body.Read(p)
		r.pos, r.left = r.pos+int64(n), r.left-int64(n)
		if r.sum != nil {
			r.sum.Write(p[:n])
		}
		if n > 0 || err == nil {
			return n, nil
		}
		if r.broken++; r.broken > resumes || r.ctx.Err() != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return 0, fmt.Errorf("read %s: %w", r.object.Key, err)
		}
		r.body.Close()
		if r.body, err = r.store.OpenRange(r.ctx, r.object, r.pos, r.left); err != nil {
			return 0, err
		}
	}
}

// confirm reads what is held back, and keeps it if all bytes together are the right ones.
func (r *reader) confirm() error {
	rest := make([]byte, 0, r.left)
	for r.left > 0 {
		n, err := r.some(rest[len(rest):cap(rest)])
		if err != nil {
			return err
		}
		rest = rest[:len(rest)+n]
	}
	if has := storage.Digest(r.sum.Sum(nil)); has != r.object.SHA256 {
		return &DamagedError{r.object.Key, r.object.Content, storage.Content{Size: r.size, SHA256: has}}
	}
	r.last = bytes.NewReader(rest)
	return nil
}

// begin opens the first window.
func (r *reader) begin() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.windows) > 0 {
		r.at = r.windows[0].off
	}
	return r.open()
}

// failed is what went wrong, nil if nothing has.
func (r *reader) failed() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

var errClosed = errors.New("it is closed")

// end lets go of the store, for good.
func (r *reader) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.close()
	if r.err == nil {
		r.err = errClosed
	}
}

func (r *reader) fail(err error) error {
	r.close()
	r.err = err
	return err
}

func (r *reader) close() {
	if r.body != nil {
		r.body.Close()
	}
	r.body, r.sum, r.last, r.left = nil, nil, nil, 0
}
