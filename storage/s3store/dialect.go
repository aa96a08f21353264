package s3store

import (
	"context"
	"crypto/md5" //nolint:gosec // what Content-MD5 is made of; nothing is proven by it
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// How a request says what its bytes are, in the order in which a server is
// asked whether it takes that.
type digests int32

const (
	withSHA256 digests = iota // x-amz-checksum-sha256, which Amazon's S3 keeps
	withMD5                   // Content-MD5, which is older than all dialects
	withNone                  // nothing but the signature
)

// speakPlainly has requests to a server that isn't Amazon's leave out what that
// server can't bear. It changes what is sent just before it is signed.
func (s *Store) speakPlainly(stack *middleware.Stack) error {
	if err := stack.Initialize.Add(middleware.InitializeMiddlewareFunc("vbcvault:Parts", s.withoutPartSums), middleware.After); err != nil {
		return err
	}
	if err := stack.Finalize.Insert(middleware.FinalizeMiddlewareFunc("vbcvault:Headers", s.plainHeaders), "Signing", middleware.Before); err != nil {
		return err
	}
	return stack.Finalize.Insert(middleware.FinalizeMiddlewareFunc("vbcvault:AcceptEncoding", identityEncoding), "Signing", middleware.After)
}

const acceptEncoding = "Accept-Encoding"

// plainHeaders takes Accept-Encoding out of what is signed: Google's front end
// changes it on the way, and its storage then finds the signature wrong. And it
// takes checksums out where the server was found to refuse them.
func (s *Store) plainHeaders(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
	r, ok := in.Request.(*smithyhttp.Request)
	if !ok {
		return middleware.FinalizeOutput{}, middleware.Metadata{}, fmt.Errorf("unknown request type %T", in.Request)
	}
	r.Header.Del(acceptEncoding)
	if how := s.digests(); how != withSHA256 || ctx.Value(plainKey{}) != nil {
		for name := range r.Header {
			if n := strings.ToLower(name); strings.HasPrefix(n, "x-amz-checksum-") || strings.HasPrefix(n, "x-amz-sdk-checksum-") {
				r.Header.Del(name)
			}
		}
		if how == withMD5 && r.Method == http.MethodPut {
			if err := addMD5(r); err != nil {
				return middleware.FinalizeOutput{}, middleware.Metadata{}, err
			}
		}
	}
	return next.HandleFinalize(ctx, in)
}

// identityEncoding says, unsigned, that bytes are wanted as they are; else Go's
// client would ask for gzip by itself.
func identityEncoding(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
	if r, ok := in.Request.(*smithyhttp.Request); ok {
		r.Header.Set(acceptEncoding, "identity")
	}
	return next.HandleFinalize(ctx, in)
}

// addMD5 reads the body, which is a buffer in memory, and leaves it as it was.
func addMD5(r *smithyhttp.Request) error {
	body := r.GetStream()
	if body == nil || !r.IsStreamSeekable() {
		return nil
	}
	h := md5.New() //nolint:gosec // as above
	if _, err := io.Copy(h, body); err != nil {
		return fmt.Errorf("compute Content-MD5: %w", err)
	}
	if err := r.RewindStream(); err != nil {
		return fmt.Errorf("compute Content-MD5: %w", err)
	}
	r.Header.Set("Content-Md5", base64.StdEncoding.EncodeToString(h.Sum(nil)))
	return nil
}

// plainKey marks a request that tries whether a server takes it without checksums.
type plainKey struct{}

// withoutPartSums leaves the parts' checksums out of the request that puts an
// upload together, whose parts were sent without any. And a server that refuses
// to begin an upload with checksums is asked without them, which it is then
// taken at its word for: nothing is sent with any more, and all is read back.
func (s *Store) withoutPartSums(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
	if _, ok := in.Parameters.(*s3.CreateMultipartUploadInput); ok && s.digests() == withSHA256 {
		out, meta, err := next.HandleInitialize(ctx, in)
		if !doubtful(err) {
			return out, meta, err
		}
		plainOut, plainMeta, plainErr := next.HandleInitialize(context.WithValue(ctx, plainKey{}, true), in)
		if plainErr != nil {
			return out, meta, err
		}
		s.sends.Store(int32(withMD5))
		s.distrust("the destination refuses checksums in multipart uploads: vbcvault sends none and reads every copy back, which takes longer, and checks before each write",
			"reason", s.redact(brief(err).Error()))
		return plainOut, plainMeta, nil
	}
	if c, ok := in.Parameters.(*s3.CompleteMultipartUploadInput); ok && s.digests() != withSHA256 && c.MultipartUpload != nil {
		plain := *c
		plain.MultipartUpload = &types.CompletedMultipartUpload{Parts: slices.Clone(c.MultipartUpload.Parts)}
		for i := range plain.MultipartUpload.Parts {
			plain.MultipartUpload.Parts[i].ChecksumSHA256 = nil
		}
		in.Parameters = &plain
	}
	return next.HandleInitialize(ctx, in)
}

func (s *Store) digests() digests { return digests(s.sends.Load()) }
