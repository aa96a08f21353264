package s3store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"maps"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/middleware"

	"github.com/vbcvault/vbcvault/storage"
)

// Put implements storage.Store. It holds at most one buffer: of a part's size,
// or a smaller one where the body fits into that.
func (s *Store) Put(ctx context.Context, key string, body storage.Body, attrs storage.Attrs) (storage.Object, error) {
	o, err := s.store(ctx, key, body, attrs)
	if err != nil {
		return storage.Object{}, s.explain("store", key, err)
	}
	if !o.Adopted {
		s.recent.add(key)
	}
	return o, nil
}

// store reads the beginning of the body and sees which way the rest goes.
func (s *Store) store(ctx context.Context, key string, body storage.Body, attrs storage.Attrs) (storage.Object, error) {
	if err := storage.CheckKey(key); err != nil {
		return storage.Object{}, err
	}
	head, done, err := s.firstBuffer(ctx, body)
	if err != nil {
		return storage.Object{}, err
	}
	defer done()
	n, ended, err := fill(ctx, body.Reader, head)
	if err != nil {
		return storage.Object{}, err
	}
	if ended {
		return s.putSmall(ctx, key, head[:n], body, attrs)
	}
	part, give, err := s.partFor(ctx, body)
	if err != nil {
		return storage.Object{}, err
	}
	defer give()
	copy(part, head[:n])
	m, ended, err := fill(ctx, body.Reader, part[n:])
	n += m
	var next [1]byte // is there more than one part?
	beyond := 0
	if err == nil && !ended {
		beyond, ended, err = fill(ctx, body.Reader, next[:])
	}
	if err != nil {
		return storage.Object{}, err
	}
	if ended && beyond == 0 {
		return s.putSmall(ctx, key, part[:n], body, attrs)
	}
	body.Reader = io.MultiReader(bytes.NewReader(next[:beyond]), body.Reader)
	return s.putLarge(ctx, key, part, give, body, attrs)
}

// partFor is a buffer for a part. Most wait for one of the pool's, which is what
// bounds the memory. What may be stored from within another's Seal, which holds
// one, has one of its own: waiting could be for ever.
func (s *Store) partFor(ctx context.Context, body storage.Body) (part []byte, give func(), err error) {
	if nested(body) {
		return make([]byte, s.partSize), func() {}, nil
	}
	if part, err = s.parts.take(ctx); err != nil {
		return nil, nil, err
	}
	return part, sync.OnceFunc(func() { s.parts.give(part) }), nil
}

// smallBody is up to which expected size, in bytes, a buffer of just that size
// is cheaper than one of the pool's.
const smallBody = 1 << 20

// firstBuffer is large enough for the body, if what is expected is true, and no
// larger than need be. A body that isn't expected at all is taken for a small
// one at first.
func (s *Store) firstBuffer(ctx context.Context, body storage.Body) (b []byte, done func(), err error) {
	expected := body.Size
	switch {
	case expected < headSize || expected >= int64(s.partSize) || expected > smallBody && !nested(body):
		head := s.heads.Get().(*[]byte)
		return *head, func() { s.heads.Put(head) }, nil
	case nested(body): // see partFor
		return make([]byte, expected+1), func() {}, nil
	}
	b, err = s.parts.takeSmall(ctx, int(expected)+1) // one more, to meet the end
	return b, func() { s.parts.giveSmall(b) }, err
}

// nested reports whether a body may be stored from within another's Seal.
func nested(body storage.Body) bool { return body.Within || body.Seal == nil }

// fill reads until b is full or r has ended. Unlike io.ReadFull it leaves an
// io.ErrUnexpectedEOF of the reader, a download cut short, what it is.
func fill(ctx context.Context, r io.Reader, b []byte) (n int, ended bool, err error) {
	for idle := 0; n < len(b) && err == nil; idle++ {
		if ctx.Err() != nil {
			return n, false, context.Cause(ctx)
		}
		var m int
		if m, err = r.Read(b[n:]); m > 0 {
			idle = 0
		} else if idle > 100 && err == nil {
			err = io.ErrNoProgress
		}
		n += m
	}
	if err == io.EOF {
		return n, true, nil
	}
	return n, false, err
}

// putSmall stores what fits into one request.
func (s *Store) putSmall(ctx context.Context, key string, b []byte, body storage.Body, attrs storage.Attrs) (storage.Object, error) {
	o := storage.Object{Key: key, Content: storage.Content{Size: int64(len(b)), SHA256: sha256.Sum256(b)}}
	if err := seal(ctx, body, o); err != nil {
		return storage.Object{}, err
	}
	// For people with another tool at hand, and to know our own by if it is
	// damaged; nothing is ever proven by it.
	metadata := map[string]string{markDigest: o.SHA256.String()}
	maps.Copy(metadata, attrs.Metadata)
	p := publication{Store: s, object: o, occupied: body.Occupied, reread: body.Reread}
	p.request = func(c condition) (storage.Object, error) {
		out, err := s.putObject(ctx, &s3.PutObjectInput{
			Bucket: &s.bucket, Key: s.full(key), Body: bytes.NewReader(b), ContentLength: aws.Int64(o.Size),
			ChecksumSHA256: aws.String(o.SHA256.Base64()), ContentType: optional(attrs.ContentType), Metadata: metadata,
			IfNoneMatch: c.ifNoneMatch, IfMatch: c.ifMatch,
		}, b, o.SHA256, s.protection.headers(attrs, time.Now()))
		if err != nil {
			return storage.Object{}, err
		}
		stored := o
		stored.VersionID, stored.ETag = aws.ToString(out.VersionId), etagOf(out.ETag)
		return stored, nil
	}
	return p.publish(ctx)
}

// seal lets the caller have the last word, unless nobody wants the object any
// more.
func seal(ctx context.Context, body storage.Body, o storage.Object) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if body.Seal == nil {
		return nil
	}
	if err := body.Seal(o); err != nil {
		return err
	}
	if ctx.Err() != nil { // it may have taken its time
		return context.Cause(ctx)
	}
	return nil
}

// signed has the SDK sign a digest that is known already. Left to itself it
// would read and hash the body once more over http, and over https leave it
// out of the signature.
func signed(d storage.Digest) func(*s3.Options) {
	return s3.WithAPIOptions(func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("vbcvault:PayloadHash",
			func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
				return next.HandleInitialize(v4.SetPayloadHash(ctx, d.String()), in)
			}), middleware.Before)
	})
}
