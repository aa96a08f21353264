package storagetest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"

	"github.com/vbcvault/vbcvault/storage"
)

// Op is a method of storage.Destination.
type Op string

// The methods that a Faulty store counts and can make fail.
const (
	OpPut    Op = "Put"
	OpStat   Op = "Stat"
	OpReread Op = "Reread"
	OpOpen   Op = "Open"
	OpList   Op = "List"
	OpProbe  Op = "Probe"
	OpTidy   Op = "Tidy"
)

// Fault is what goes wrong with one call. Every fault comes in two flavours,
// since the caller of a store can't tell them apart and must be right in both.
type Fault int

const (
	// None lets the call through.
	None Fault = iota
	// NotApplied fails without doing anything: a Put doesn't read its body.
	NotApplied
	// SealedNotApplied is NotApplied as late as possible: a Put reads its
	// body to the end and seals it, and stores nothing, as in a crash right
	// after Seal. For the other methods it is NotApplied.
	SealedNotApplied
	// AppliedButFailed does everything, and then reports a failure.
	AppliedButFailed
	// Damaged does everything, and right after a Put the object's bytes are others:
	// see Faulty.Damage. For the other methods it is None.
	Damaged
	// DamagedAndFailed is both.
	DamagedAndFailed
)

// ErrInjected is what a Faulty store's failures are, unless it has an Err.
var ErrInjected = errors.New("injected fault")

// Call is one call of a method.
type Call struct {
	Op  Op
	Key string // or the prefix; "" for Probe
}

// Faulty is a destination whose calls fail as Hook says. Use it by pointer.
type Faulty struct {
	storage.Destination

	// Hook decides about each call before it happens; nil means None. It may
	// be called concurrently, as the store is.
	Hook func(op Op, key string) Fault

	// Damage changes an object's bytes behind the store's back.
	Damage func(key string)

	// Err is the cause of the failures; nil means ErrInjected.
	Err error

	mu    sync.Mutex
	calls []Call
}

var _ storage.Destination = (*Faulty)(nil)

// Calls returns all calls so far, failed ones too, in the order in which they
// began.
func (f *Faulty) Calls() []Call {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]Call(nil), f.calls...)
}

// Count says how often a method was called.
func (f *Faulty) Count(op Op) int {
	n := 0
	for _, c := range f.Calls() {
		if c.Op == op {
			n++
		}
	}
	return n
}

func (f *Faulty) begin(op Op, key string) (Fault, error) {
	f.mu.Lock()
	f.calls = append(f.calls, Call{op, key})
	f.mu.Unlock()
	cause := f.Err
	if cause == nil {
		cause = ErrInjected
	}
	fault := None
	if f.Hook != nil {
		fault = f.Hook(op, key)
	}
	if fault >= Damaged && op != OpPut {
		fault = None
	}
	return fault, fmt.Errorf("%s %s: %w", op, key, cause)
}

// fails says how the call ends, having been carried out with the error err.
func (fault Fault) fails(injected, err error) error {
	if fault == None || err != nil {
		return err
	}
	return injected
}

// Put implements storage.Store.
func (f *Faulty) Put(ctx context.Context, key string, body storage.Body, attrs storage.Attrs) (storage.Object, error) {
	fault, injected := f.begin(OpPut, key)
	switch fault {
	case NotApplied:
		return storage.Object{}, injected
	case SealedNotApplied:
		h := sha256.New()
		n, err := io.Copy(h, body.Reader)
		if err == nil && body.Seal != nil {
			err = body.Seal(storage.Object{Key: key, Content: storage.Content{Size: n, SHA256: storage.Digest(h.Sum(nil))}})
		}
		return storage.Object{}, fault.fails(injected, err)
	}
	o, err := f.Destination.Put(ctx, key, body, attrs)
	if fault == Damaged || fault == DamagedAndFailed {
		if err == nil && !o.Adopted {
			f.Damage(key)
		}
		fault = map[Fault]Fault{Damaged: None, DamagedAndFailed: AppliedButFailed}[fault]
	}
	if err = fault.fails(injected, err); err != nil {
		return storage.Object{}, err
	}
	return o, nil
}

// Stat implements storage.Store.
func (f *Faulty) Stat(ctx context.Context, want storage.Object) (storage.Object, error) {
	return f.look(OpStat, f.Destination.Stat, ctx, want)
}

// Reread implements storage.Store.
func (f *Faulty) Reread(ctx context.Context, want storage.Object) (storage.Object, error) {
	return f.look(OpReread, f.Destination.Reread, ctx, want)
}

func (f *Faulty) look(op Op, ask func(context.Context, storage.Object) (storage.Object, error), ctx context.Context, want storage.Object) (storage.Object, error) {
	fault, injected := f.begin(op, want.Key)
	if fault == NotApplied || fault == SealedNotApplied {
		return storage.Object{}, injected
	}
	o, err := ask(ctx, want)
	if err = fault.fails(injected, err); err != nil {
		return storage.Object{}, err
	}
	return o, nil
}

// Open implements storage.Store. With AppliedButFailed it is the reader that
// fails, after the last byte.
func (f *Faulty) Open(ctx context.Context, o storage.Object) (io.ReadCloser, error) {
	fault, injected := f.begin(OpOpen, o.Key)
	if fault == NotApplied || fault == SealedNotApplied {
		return nil, injected
	}
	r, err := f.Destination.Open(ctx, o)
	if err != nil || fault == None {
		return r, err
	}
	return &failingEnd{r, injected}, nil
}

// OpenRange implements storage.Store; it fails as Open does.
func (f *Faulty) OpenRange(ctx context.Context, o storage.Object, off, n int64) (io.ReadCloser, error) {
	fault, injected := f.begin(OpOpen, o.Key)
	if fault == NotApplied || fault == SealedNotApplied {
		return nil, injected
	}
	r, err := f.Destination.OpenRange(ctx, o, off, n)
	if err != nil || fault == None {
		return r, err
	}
	return &failingEnd{r, injected}, nil
}

// failingEnd fails where its reader ends.
type failingEnd struct {
	io.ReadCloser
	err error
}

func (r *failingEnd) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	if err == io.EOF {
		err = r.err
	}
	return n, err
}

// List implements storage.Store. With AppliedButFailed the error comes last.
func (f *Faulty) List(ctx context.Context, prefix string) iter.Seq2[storage.Object, error] {
	return func(yield func(storage.Object, error) bool) {
		fault, injected := f.begin(OpList, prefix)
		if fault == None || fault == AppliedButFailed {
			for o, err := range f.Destination.List(ctx, prefix) {
				if !yield(o, err) || err != nil {
					return
				}
			}
		}
		if fault != None {
			yield(storage.Object{}, injected)
		}
	}
}

// Probe implements storage.Destination.
func (f *Faulty) Probe(ctx context.Context, known string) (string, error) {
	fault, injected := f.begin(OpProbe, "")
	if fault == NotApplied || fault == SealedNotApplied {
		return "", injected
	}
	id, err := f.Destination.Probe(ctx, known)
	if err = fault.fails(injected, err); err != nil {
		return "", err
	}
	return id, nil
}

// Tidy implements storage.Destination.
func (f *Faulty) Tidy(ctx context.Context, prefix string) (int, error) {
	fault, injected := f.begin(OpTidy, prefix)
	if fault == NotApplied || fault == SealedNotApplied {
		return 0, injected
	}
	n, err := f.Destination.Tidy(ctx, prefix)
	return n, fault.fails(injected, err)
}
