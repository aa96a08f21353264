package s3store

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/vbcvault/vbcvault/storage"
)

// publication is an object whose bytes have all been read and sealed, on its
// way to being visible.
//
// Its request may have been carried out whatever the answer is: the answer got
// lost and the SDK's retry was told that something is there (412) or that the
// upload is gone (404), the server said 500 after its work, or 200 with an
// error in it. So on every answer that isn't a plain refusal the store is
// asked what it holds, and that decides.
type publication struct {
	*Store
	object   storage.Object // what will be there
	occupied func(storage.Object) storage.Resolution
	reread   bool                                    // what is there is read, whatever the server remembers
	request  func(condition) (storage.Object, error) // the one that makes it visible
}

// condition is what must hold for a request to be carried out. The zero
// condition always does.
type condition struct{ ifNoneMatch, ifMatch *string }

const maxContended = 4 // tries, against others who write the same key

// publish creates the object, or finds that it is there, or what to do about
// another one in its place.
func (p *publication) publish(ctx context.Context) (storage.Object, error) {
	for try := 1; ; try++ {
		if p.looksFirst.Load() {
			occupant, err := p.look(ctx)
			if err == nil {
				return p.settle(ctx, occupant)
			}
			if !errors.Is(err, storage.ErrNotFound) {
				return storage.Object{}, err
			}
		}
		create := condition{ifNoneMatch: aws.String("*")}
		if p.unconditional.Load() {
			create = condition{}
		}
		// A crash from here on leaves nothing or the whole object. The next
		// run finds it by HEAD, or is answered 412 and adopts it.
		stored, err := p.request(create)
		switch {
		case err == nil:
			return stored, nil
		case create != condition{} && lacks(err):
			p.dropConditions()
			continue
		case ctx.Err() != nil || refuses(err):
			return storage.Object{}, err
		}
		occupant, lookErr := p.look(ctx)
		switch {
		case lookErr == nil:
			return p.settle(ctx, occupant)
		case !errors.Is(lookErr, storage.ErrNotFound):
			return storage.Object{}, fmt.Errorf("%w; and checking what is there: %w", err, lookErr)
		case try == maxContended && statusOf(err) == http.StatusPreconditionFailed:
			// Something is there that nobody can see: some servers count
			// what lies below a delete marker. The key can't be had.
			return storage.Object{}, fmt.Errorf("%w: %w", &storage.OccupiedError{Occupant: storage.Object{Key: p.object.Key}}, err)
		case !contended(err) || try == maxContended:
			return storage.Object{}, err
		}
		if err := pause(ctx, try); err != nil {
			return storage.Object{}, err
		}
	}
}

// look asks the store what it holds under the key. What was to be read and is in
// cold storage is there, and nothing of it is proven.
func (p *publication) look(ctx context.Context) (storage.Object, error) {
	if p.reread {
		has, err := p.Reread(ctx, storage.Object{Key: p.object.Key})
		if errors.Is(err, storage.ErrCold) {
			if has, _, err = p.head(ctx, storage.Object{Key: p.object.Key}); err != nil {
				return has, p.explain("check", p.object.Key, err)
			}
			has.SHA256, has.Checksum, has.Proof = storage.Digest{}, "", ""
		}
		return has, err
	}
	return p.know(ctx)
}

// know is look by what the server remembers.
func (p *publication) know(ctx context.Context) (storage.Object, error) {
	return p.Stat(ctx, storage.Object{Key: p.object.Key, Content: p.object.Content, Checksum: p.object.Checksum})
}

// settle decides about the object that is there.
func (p *publication) settle(ctx context.Context, occupant storage.Object) (storage.Object, error) {
	occupant.Adopted = true
	if occupant.Content == p.object.Content {
		return occupant, nil
	}
	// Whoever made it wrote down what it was to be.
	occupant.Own = occupant.Proven() && occupant.Bears(p.object)
	resolution := storage.Refuse
	if p.occupied != nil {
		resolution = p.occupied(occupant)
	}
	switch resolution {
	case storage.Adopt:
		return occupant, nil
	case storage.Replace:
		return p.replace(ctx, occupant)
	}
	return storage.Object{}, &storage.OccupiedError{Occupant: occupant}
}

// replace overwrites exactly this occupant.
func (p *publication) replace(ctx context.Context, occupant storage.Object) (storage.Object, error) {
	overwrite := condition{ifMatch: optional(occupant.ETag)}
	if p.unconditional.Load() {
		overwrite = condition{}
	}
	if p.looksFirst.Load() || overwrite == (condition{}) {
		now, err := p.look(ctx)
		if err != nil {
			return storage.Object{}, err
		}
		if now.ETag != occupant.ETag || now.Content != occupant.Content {
			return storage.Object{}, &storage.OccupiedError{Occupant: now}
		}
	}
	// A crash from here on leaves the occupant, which is damaged or derived,
	// or the whole new object. The caller can get the bytes again.
	stored, err := p.request(overwrite)
	switch {
	case err == nil:
		return stored, nil
	case overwrite != condition{} && lacks(err):
		p.dropConditions()
		return p.replace(ctx, occupant)
	case ctx.Err() != nil || refuses(err):
		return storage.Object{}, err
	}
	now, lookErr := p.look(ctx)
	if lookErr == nil && !now.Proven() && now.ETag != occupant.ETag {
		now, lookErr = p.know(ctx) // the new one, which can't be read either
	}
	switch {
	case lookErr == nil && now.Content == p.object.Content:
		return now, nil
	case lookErr == nil && statusOf(err) == http.StatusPreconditionFailed:
		now.Own = now.Proven() && now.Bears(p.object)
		return storage.Object{}, &storage.OccupiedError{Occupant: now}
	}
	return storage.Object{}, err
}

// dropConditions makes up for a server that refuses conditions by looking
// before each write. What that can't keep apart are two writers of one key in
// the same moment, which the manifest's lock keeps from happening.
func (s *Store) dropConditions() {
	s.looksFirst.Store(true)
	if !s.unconditional.Swap(true) {
		s.log.Warn("the destination refuses conditional writes: vbcvault checks before each write", "destination", s.String())
	}
}

// lacks reports whether the server doesn't know the condition.
func lacks(err error) bool { return statusOf(err) == http.StatusNotImplemented || saysUnsupported(err) }

// contended reports whether somebody else was writing the key, or has just
// removed what was in the way.
func contended(err error) bool {
	s := statusOf(err)
	return s == http.StatusConflict || s == http.StatusPreconditionFailed
}

// refuses reports whether the server has understood the request and certainly
// not carried it out. After a retry of the SDK not even a 404 is that certain.
func refuses(err error) bool {
	switch s := statusOf(err); s {
	case http.StatusNotFound, http.StatusRequestTimeout, http.StatusConflict, http.StatusPreconditionFailed, http.StatusTooManyRequests:
		return false
	default:
		return s >= 300 && s < 500
	}
}

// pause waits for a moment, longer with every try.
func pause(ctx context.Context, try int) error {
	t := time.NewTimer(time.Duration(try) * 100 * time.Millisecond)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
