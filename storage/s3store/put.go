package s3store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/middleware"

	"github.com/vbcvault/vbcvault/storage"
)

// newBody is a body that the SDK can send again.
func newBody(b []byte) io.ReadSeeker { return bytes.NewReader(b) }

// withPayloadHash signs the digest that we have computed anyway. Left to
// itself, the SDK would hash every body once more.
func withPayloadHash(d storage.Digest) func(*s3.Options) {
	return s3.WithAPIOptions(func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("PayloadHash",
			func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
				return next.HandleInitialize(v4.SetPayloadHash(ctx, d.String()), in)
			}), middleware.Before)
	})
}

// smallBody is up to which expected size, in bytes, a buffer of just that size
// is cheaper than one of the pool's.
const smallBody = 1 << 20

// Put implements storage.Store. It uses one buffer: of the expected size, or
// of a part's.
func (s *Store) Put(ctx context.Context, key string, body storage.Body, attrs storage.Attrs) (storage.Object, error) {
	if err := storage.CheckKey(key); err != nil {
		return storage.Object{}, fmt.Errorf("store %s: %w", key, err)
	}
	r := &counter{r: body.Reader}
	var b []byte
	if body.Size > 0 && body.Size <= smallBody {
		b = make([]byte, body.Size+1) // one more, to meet the end
	}
	n, err := io.ReadFull(r, b)
	if err == nil {
		// Nothing was expected, or less than comes.
		part := s.buffers.Get().(*[]byte)
		defer s.buffers.Put(part)
		n = copy(*part, b)
		b = *part
		var more int
		more, err = io.ReadFull(r, b[n:])
		n += more
	}
	switch {
	case err == nil:
		o, err := s.putLarge(ctx, key, r, b, body, attrs)
		return o, wrap("store", key, err)
	case r.broken():
		return storage.Object{}, fmt.Errorf("store %s: %w", key, r.err)
	}
	o, err := s.putSmall(ctx, key, b[:n], body, attrs)
	return o, wrap("store", key, err)
}

// counter keeps the reader's own error: io.ReadFull turns two of them into one.
type counter struct {
	r   io.Reader
	err error
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.err = err
	return n, err
}

// broken reports whether the reader has failed, other than by ending.
func (c *counter) broken() bool { return c.err != nil && !errors.Is(c.err, io.EOF) }

// putSmall stores what fits into one buffer.
func (s *Store) putSmall(ctx context.Context, key string, b []byte, body storage.Body, attrs storage.Attrs) (storage.Object, error) {
	o := storage.Object{Key: key, Content: storage.Content{Size: int64(len(b)), SHA256: sha256.Sum256(b)}}
	if err := seal(body, o); err != nil {
		return storage.Object{}, err
	}
	return s.publish(ctx, o, body.Occupied, func(ifMatch string) (storage.Object, error) {
		return s.put(ctx, o, b, attrs, ifMatch)
	})
}

func seal(body storage.Body, o storage.Object) error {
	if body.Seal == nil {
		return nil
	}
	return body.Seal(o)
}

// publish makes o visible with create, and finds out what has happened where
// the answer leaves that open. create is given the ETag of the object to
// replace, "" to create one.
func (s *Store) publish(ctx context.Context, o storage.Object, occupied func(storage.Object) storage.Resolution, create func(ifMatch string) (storage.Object, error)) (storage.Object, error) {
	if s.lookFirst.Load() {
		// The server might overwrite: whoever is there is seen by looking.
		has, err := s.Stat(ctx, o)
		if err == nil {
			return s.resolve(o, has, occupied, create)
		}
		if !errors.Is(err, storage.ErrNotFound) {
			return storage.Object{}, err
		}
	}
	got, err := create("")
	if err == nil || notApplied(err) {
		return got, err
	}
	if statusOf(err) == http.StatusNotImplemented && !s.unconditional.Swap(true) {
		s.lookFirst.Store(true)
		s.log.Info("the server doesn't know If-None-Match; looking before each write")
		return s.publish(ctx, o, occupied, create)
	}
	// Anything else may have been applied: an answer that was lost, and then
	// a retry that was told that something is there.
	has, statErr := s.Stat(ctx, o)
	switch taken := isTaken(err); {
	case errors.Is(statErr, storage.ErrNotFound) && statusOf(err) == http.StatusConflict:
		return create("") // a write at the same time, which came to nothing
	case statErr != nil:
		return storage.Object{}, err
	case has.Content == o.Content:
		return has, nil
	case taken:
		return s.resolve(o, has, occupied, create)
	}
	return storage.Object{}, err
}

// resolve decides about the object that is in the way.
func (s *Store) resolve(o, has storage.Object, occupied func(storage.Object) storage.Resolution, create func(ifMatch string) (storage.Object, error)) (storage.Object, error) {
	resolution := storage.Refuse
	switch {
	case has.Content == o.Content:
		resolution = storage.Adopt
	case occupied != nil:
		resolution = occupied(has)
	}
	switch resolution {
	case storage.Adopt:
		return has, nil
	case storage.Replace:
		got, err := create(has.ETag)
		if isTaken(err) {
			return storage.Object{}, errors.Join(err, &storage.OccupiedError{Occupant: has})
		}
		return got, err
	}
	return storage.Object{}, &storage.OccupiedError{Occupant: has}
}
