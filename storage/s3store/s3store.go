// Package s3store keeps objects in a bucket of S3, or of a server that speaks
// its protocol.
//
// What is sent always carries its SHA-256, so that the server refuses bytes
// that were damaged on the way, and is created with If-None-Match, so that
// nothing is overwritten. An object of at most one part is one PUT; a larger
// one is a multipart upload, which is completed only after the whole body has
// been read and sealed: before that nothing is visible.
//
// The AWS SDK retries every request by itself. It can, since each body is a
// buffer in memory. There is no other layer of retries here, but there is one
// of doubt: an error of a write says little about what the server has done, so
// the server is asked (see publication).
//
// Not every "S3" checks what it is sent, or knows conditions, or bears the headers
// that ask for it. Probe finds out, and where a server falls short the store leaves
// them out (see dialect.go), reads back instead of trusting, and looks before it
// writes. Only Amazon's own is taken at its word.
package s3store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/vbcvault/vbcvault/storage"
)

// Options says which bucket, and how to reach it.
type Options struct {
	Bucket string
	Prefix string // in front of every key; slashes around it don't matter; "" = none

	// AWS is how to reach S3. Nil is the standard chain: environment,
	// profiles, roles; HTTPS_PROXY and AWS_CA_BUNDLE included. Interceptors of it
	// don't see what is sent directly.
	AWS *aws.Config

	// Access is how to reach S3 where it isn't as the environment says; nil = as it
	// says. It has no effect if AWS is set.
	Access *Access

	// PathStyle puts the bucket's name into the path instead of the host.
	// It is implied by an endpoint of one's own (AWS_ENDPOINT_URL_S3,
	// AWS_ENDPOINT_URL, endpoint_url of the profile).
	PathStyle bool

	// AskConditions has Probe send a second PUT to a server that isn't
	// Amazon's, to see whether it heeds conditions. Some ignore them without
	// a word and would overwrite; the store then looks before each write.
	AskConditions bool

	// Protection is how everything is to be kept.
	Protection Protection

	// InsecureHTTP allows an endpoint of http on another host than this one.
	InsecureHTTP bool

	Connections int          // kept open between requests; 0 = 64; without effect if AWS is set
	PartSize    int          // bytes, for tests; 0 = 5 MiB, the least that S3 takes
	Parts       *Share       // of a pool of buffers, of whose size parts are then; nil = Buffers of its own
	Logger      *slog.Logger // nil = nowhere
}

// Store is a bucket, or what lies under a prefix of it. Keys are relative to
// the prefix, in arguments and in answers. Its methods may be called
// concurrently.
type Store struct {
	client   *s3.Client
	bucket   string
	prefix   string // "" or with a slash at its end
	partSize int
	log      *slog.Logger
	heads    sync.Pool // of *[]byte, headSize long: bodies that are tiny
	parts    *Share
	lines    *lines  // none if the caller brought the AWS configuration
	direct   *direct // nil = all goes through the SDK

	journal     storage.UploadJournal // nil = nobody remembers uploads
	protection  Protection
	resolvedKey atomic.Pointer[string] // the ARN of Protection.KMSKey; nil = not known

	foreign        bool // the endpoint is not known to be Amazon's own
	asksConditions bool

	recent recently        // what was written here a moment ago
	pauses []time.Duration // before what isn't visible yet is asked for again
	keys   *lastKeys       // what requests were signed with; nil = nothing is signed

	// Learned from the server, for the rest of the run.
	readBack      atomic.Bool  // it doesn't check checksums: what it holds is read back
	looksFirst    atomic.Bool  // it may ignore conditions: look before each write
	unconditional atomic.Bool  // it refuses conditions: send none
	sends         atomic.Int32 // digests: it refuses checksums in headers
	partsMu       sync.Mutex
	partsAsked    bool // whether it checks parts is known; see checksParts
}

var (
	_ storage.Destination = (*Store)(nil)
	_ storage.Protector   = (*Store)(nil)
	_ storage.Uploader    = (*Store)(nil)
)

const (
	defaultPart = 5 << 20  // bytes; 10,000 parts of it, the most that S3 takes, are 48 GiB
	headSize    = 64 << 10 // bytes; sidecars fit, and don't take a part's buffer
)

// Open prepares the use of a bucket. It sends nothing to the bucket; a wrong
// configuration is ErrRefused (wrapped).
func Open(ctx context.Context, o Options) (*Store, error) {
	prefix := strings.Trim(o.Prefix, "/")
	if prefix != "" {
		if err := storage.CheckKey(prefix); err != nil {
			return nil, fmt.Errorf("%w: the prefix: %w", storage.ErrRefused, err)
		}
		prefix += "/"
	}
	if o.Bucket == "" {
		return nil, fmt.Errorf("%w: no bucket is named", storage.ErrRefused)
	}
	if why := Unusable(o.Bucket); why != "" {
		return nil, fmt.Errorf("%w: bucket %s: %s", storage.ErrRefused, o.Bucket, why)
	}
	all := &lines{}
	cfg, err := configure(ctx, o, all)
	if err != nil {
		return nil, err
	}
	s := &Store{lines: all, bucket: o.Bucket, prefix: prefix, partSize: o.PartSize, log: o.Logger, asksConditions: o.AskConditions, protection: o.Protection, pauses: unseenPauses[:]}
	if s.partSize == 0 {
		s.partSize = defaultPart
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.heads.New = func() any { b := make([]byte, min(headSize, s.partSize)); return &b }
	if s.parts = o.Parts; s.parts == nil {
		s.parts = newPool(Buffers(o.Connections), s.partSize, unbounded).Join()
	}
	s.partSize = s.parts.pool.size
	s.client = s3.NewFromConfig(cfg, func(so *s3.Options) {
		if o.AWS == nil && o.Access != nil && o.Access.Endpoint != "" {
			so.BaseEndpoint = &o.Access.Endpoint // here, since the environment's comes before the configuration's
		}
		s.foreign = !isAmazon(so.BaseEndpoint)
		so.UsePathStyle = o.PathStyle || s.foreign
		// Every upload carries a SHA-256 of ours; the SDK's own CRC would
		// be computed on top of it, and many servers don't know it.
		so.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		so.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
		so.DisableLogOutputChecksumValidationSkipped = true
		so.Logger = sdkLogger{s}
		if so.Credentials != nil && !aws.IsCredentialsProvider(so.Credentials, (*aws.AnonymousCredentials)(nil)) {
			s.keys = &lastKeys{CredentialsProvider: so.Credentials}
			so.Credentials = s.keys
		}
		if s.foreign {
			so.APIOptions = append(so.APIOptions, s.speakPlainly)
		}
		if owner := o.Protection.Owner; owner != "" {
			so.APIOptions = append(so.APIOptions, smithyhttp.SetHeaderValue("X-Amz-Expected-Bucket-Owner", owner))
		}
	})
	so := s.client.Options()
	if s.direct = newDirect(ctx, cfg, so, s.bucket); s.direct != nil {
		s.direct.plain, s.direct.owner = s.foreign, o.Protection.Owner
	}
	if err := checkEndpoint(aws.ToString(so.BaseEndpoint), o.InsecureHTTP); err != nil {
		return nil, err
	}
	return s, nil
}

// Close closes the store's connections; the store must not be used any more. Whoever
// has many stores, one after the other, would keep those of all of them for a while.
func (s *Store) Close() error {
	s.lines.close()
	return nil
}

// isAmazon reports whether an endpoint is Amazon's own: none in particular, or one
// of its names, as for an endpoint of a VPC.
func isAmazon(endpoint *string) bool {
	if endpoint == nil {
		return true
	}
	u, err := url.Parse(*endpoint)
	if err != nil {
		return false
	}
	host := strings.ToLower(u.Hostname())
	for _, own := range []string{".amazonaws.com", ".amazonaws.com.cn", ".amazonaws.eu", ".api.aws"} {
		if strings.HasSuffix(host, own) {
			return true
		}
	}
	return false
}

// Memory implements storage.Destination.
func (s *Store) Memory() storage.Memory {
	switch {
	case s.readBack.Load():
		return storage.NoMemory
	case s.foreign:
		return storage.ForeignMemory
	}
	return storage.GoodMemory
}

// ErrInsecure is the error of Open (wrapped) for an endpoint that others on the
// network can listen to, where Options.InsecureHTTP doesn't allow it.
var ErrInsecure = errors.New("over plain http, others on the network can read the recordings")

// checkEndpoint refuses http, over which recordings and signatures could be
// read and changed on the way, except to this very host.
func checkEndpoint(endpoint string, insecure bool) error {
	u, err := url.Parse(endpoint)
	switch {
	case err != nil:
		return fmt.Errorf("%w: the endpoint is not an address", storage.ErrRefused)
	case u.Scheme != "http" || insecure || u.Hostname() == "localhost":
		return nil
	}
	if ip := net.ParseIP(u.Hostname()); ip != nil && ip.IsLoopback() {
		return nil
	}
	return fmt.Errorf("%w: %w: %s://%s", storage.ErrRefused, ErrInsecure, u.Scheme, u.Host)
}

// String is the destination as the user writes it.
func (s *Store) String() string {
	return strings.TrimSuffix("s3://"+s.bucket+"/"+s.prefix, "/")
}

// full is the name in the bucket of a key.
func (s *Store) full(key string) *string { return aws.String(s.prefix + key) }

// optional is how the SDK wants what may be missing.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
