package s3store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/vbcvault/vbcvault/storage"
)

// OpenRange implements storage.Store by one GET with a Range. It believes no answer:
// some servers, and proxies before them, pass over the header and send everything, some
// heed no condition. What is read from the body is what was asked for, or an error.
func (s *Store) OpenRange(ctx context.Context, o storage.Object, off, n int64) (io.ReadCloser, error) {
	if err := storage.CheckKey(o.Key); err != nil {
		return nil, s.explain("open", o.Key, err)
	}
	if off < 0 || n <= 0 {
		return nil, fmt.Errorf("open %s: %d bytes from %d on are no range", o.Key, n, off)
	}
	var body io.ReadCloser
	err := s.patiently(ctx, o.Key, func() (err error) {
		out, err := s.getRange(ctx, o, off, n)
		if err != nil {
			return s.explain("open", o.Key, err)
		}
		if body, err = within(out, o, off, n); err != nil {
			out.Body.Close()
			return fmt.Errorf("open %s/%s: %w", s, o.Key, err)
		}
		return nil
	})
	return body, err
}

// getRange asks for a range of just this object. A server that refuses the condition is
// asked without: its answer says which object it is of.
func (s *Store) getRange(ctx context.Context, o storage.Object, off, n int64) (*s3.GetObjectOutput, error) {
	last := off + min(n, math.MaxInt64-off) - 1
	in := &s3.GetObjectInput{
		Bucket: &s.bucket, Key: s.full(o.Key), VersionId: optional(o.VersionID), IfMatch: optional(o.ETag),
		Range: aws.String(fmt.Sprintf("bytes=%d-%d", off, last)),
	}
	out, err := s.client.GetObject(ctx, in)
	if in.IfMatch != nil && s.foreign && saysUnsupported(err) {
		in.IfMatch = nil
		return s.client.GetObject(ctx, in)
	}
	return out, err
}

// within is what an answer has of the range that was asked for.
func within(out *s3.GetObjectOutput, o storage.Object, off, n int64) (io.ReadCloser, error) {
	if has := etagOf(out.ETag); o.ETag != "" && has != "" && bare(has) != bare(o.ETag) {
		return nil, fmt.Errorf("%w: its ETag is %s, and was %s", storage.ErrChanged, plain(has), o.ETag)
	}
	if has := aws.ToString(out.VersionId); o.VersionID != "" && has != "" && has != o.VersionID {
		return nil, fmt.Errorf("%w: it is the version %s, and was %s", storage.ErrChanged, plain(has), o.VersionID)
	}
	from, have, total, err := sent(out)
	switch {
	case err != nil:
		return nil, err
	case o.Proven() && total >= 0 && total != o.Size:
		return nil, fmt.Errorf("%w: it has %d bytes, and had %d", storage.ErrChanged, total, o.Size)
	case total >= 0 && off >= total:
		return nil, fmt.Errorf("%w: it has %d bytes", storage.ErrRange, total)
	case total >= 0:
		n = min(n, total-off)
	case have < n:
		n = have // the server doesn't say whether there is more
	}
	if from > off || have-(off-from) < n || from != off && out.ContentRange != nil {
		return nil, fmt.Errorf("the server sent %d bytes from %d on where %d from %d on were asked for", have, from, n, off)
	}
	if _, err := io.CopyN(io.Discard, out.Body, off-from); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, fmt.Errorf("the server sends all of it, and breaks off: %w", err)
	}
	return storage.Exactly(out.Body, n), nil
}

// sent says which bytes are in an answer, and of how many: -1 if it doesn't say. An
// answer without a Content-Range is all of the object.
func sent(out *s3.GetObjectOutput) (from, n, total int64, err error) {
	if out.ContentRange == nil {
		if out.ContentLength == nil {
			return 0, math.MaxInt64, -1, nil
		}
		return 0, *out.ContentLength, *out.ContentLength, nil
	}
	text := strings.TrimSpace(*out.ContentRange)
	span, size, ok := strings.Cut(strings.TrimPrefix(text, "bytes "), "/")
	first, last, dash := strings.Cut(span, "-")
	from, errFrom := strconv.ParseInt(first, 10, 64)
	to, errTo := strconv.ParseInt(last, 10, 64)
	total = -1
	var errTotal error
	if size != "*" {
		total, errTotal = strconv.ParseInt(size, 10, 64)
	}
	if !ok || !dash || errors.Join(errFrom, errTo, errTotal) != nil || from < 0 || to < from || total >= 0 && to >= total {
		return 0, 0, 0, fmt.Errorf("the server says that it sends %q, which is no range", plain(text))
	}
	return from, to - from + 1, total, nil
}

// bare is an ETag as far as servers agree on how to write it.
func bare(etag string) string { return strings.Trim(strings.TrimPrefix(etag, "W/"), `" `) }
