package s3store

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	smithyauth "github.com/aws/smithy-go/auth"
	"github.com/aws/smithy-go/encoding/httpbinding"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// direct sends the requests that every recording costs, PUT and HEAD of one object,
// past the SDK's stack of forty middlewares, which is built anew for each request and
// takes more CPU than all else about it (BenchmarkPut, BenchmarkStat). What goes out is
// the same but for the SDK's statistics (TestDirectIsWhatTheSDKSends), by the SDK's own
// signer and HTTP client.
//
// It knows nothing but success. Every other answer, and none, is given to the SDK as
// that of its own first attempt: what is an error, whether it is sent again and when,
// is decided there and nowhere else. All methods may be called concurrently, and on nil.
type direct struct {
	http     s3.HTTPClient
	keys     aws.CredentialsProvider
	retryer  aws.RetryerV2
	signer   s3.HTTPSignerV4
	endpoint url.URL // with the bucket in it
	region   string  // of the signature
	agent    string  // User-Agent
	attempt  string  // Amz-Sdk-Request
	owner    string  // X-Amz-Expected-Bucket-Owner; "" = none
	plain    bool    // Accept-Encoding isn't signed, see plainHeaders

	skewed atomic.Bool // this machine's clock is wrong: the SDK signs with the server's
}

// newDirect returns nil where a request isn't what it is everywhere else: not signed,
// signed in another way, sent elsewhere, or changed by whoever made the configuration.
func newDirect(ctx context.Context, cfg aws.Config, o s3.Options, bucket string) *direct {
	retryer, known := o.Retryer.(aws.RetryerV2)
	if !known || o.Credentials == nil || strings.Contains(o.Region, "fips") || strings.ContainsAny(bucket, ":/") ||
		len(cfg.APIOptions)+len(cfg.ServiceOptions) > 0 || o.EndpointResolver != nil { //nolint:staticcheck // callers may have one
		return nil
	}
	at, err := o.EndpointResolverV2.ResolveEndpoint(ctx, s3.EndpointParameters{
		Bucket: &bucket, Region: &o.Region, Endpoint: o.BaseEndpoint, ForcePathStyle: &o.UsePathStyle,
		UseFIPS:      aws.Bool(o.EndpointOptions.UseFIPSEndpoint == aws.FIPSEndpointStateEnabled),
		UseDualStack: aws.Bool(o.EndpointOptions.UseDualStackEndpoint == aws.DualStackEndpointStateEnabled),
		Accelerate:   &o.UseAccelerate, UseArnRegion: &o.UseARNRegion,
		DisableMultiRegionAccessPoints: &o.DisableMultiRegionAccessPoints, DisableS3ExpressSessionAuth: o.DisableS3ExpressSessionAuth,
	})
	ways, _ := smithyauth.GetAuthOptions(&at.Properties)
	if err != nil || len(ways) != 1 || ways[0].SchemeID != "sigv4" || len(at.Headers) > 0 {
		return nil
	}
	name, _ := smithyhttp.GetSigV4SigningName(&ways[0].SignerProperties)
	region, _ := smithyhttp.GetSigV4SigningRegion(&ways[0].SignerProperties)
	if name != "s3" {
		return nil
	}
	at.URI.Path = strings.TrimSuffix(at.URI.Path, "/")
	return &direct{
		http: o.HTTPClient, keys: o.Credentials, retryer: retryer, signer: o.HTTPSignerV4, endpoint: at.URI, region: region,
		agent: agent(ctx), attempt: fmt.Sprintf("attempt=1; max=%d", retryer.MaxAttempts()),
	}
}

// agent is how the SDK names itself to servers.
func agent(ctx context.Context) string {
	r := smithyhttp.NewStackRequest().(*smithyhttp.Request)
	_, _, _ = awsmiddleware.NewRequestUserAgent().HandleBuild(ctx, middleware.BuildInput{Request: r}, middleware.BuildHandlerFunc(
		func(context.Context, middleware.BuildInput) (out middleware.BuildOutput, meta middleware.Metadata, err error) {
			return
		}))
	return r.Header.Get("User-Agent")
}

// object is a request about one object.
type object struct {
	method string
	key    string // with the prefix
	query  string
	digest string // SHA-256 of the body, in hexadecimal
	header http.Header
	body   []byte // isn't read any more once send has returned
}

// send sends it, once. Nil is that nothing was sent.
func (d *direct) send(ctx context.Context, o object) *answered {
	if d == nil || d.skewed.Load() {
		return nil
	}
	release, err := d.retryer.GetAttemptToken(ctx)
	if err != nil {
		return nil
	}
	r, err := d.request(ctx, o)
	if err != nil {
		return nil // the SDK comes to the same end, and says so
	}
	if len(o.body) > 0 {
		body := &lent{left: o.body}
		defer func() { _ = body.Close() }()
		r.Body = body
	}
	resp, err := d.http.Do(r)
	a := &answered{method: o.method, resp: resp, err: err}
	if a.header() == nil {
		d.skewed.Store(err == nil && skewed(resp.Header))
		return a
	}
	resp.Body.Close()
	_ = release(nil) // what has succeeded earns a retry to what will not
	return a
}

// request makes and signs it. It takes over the header.
func (d *direct) request(ctx context.Context, o object) (*http.Request, error) {
	keys, err := d.keys.Retrieve(ctx)
	if err != nil {
		return nil, err
	}
	u := d.endpoint
	u.RawPath = u.EscapedPath() + "/" + httpbinding.EscapePath(o.key, false)
	u.Path += "/" + o.key
	u.RawQuery = o.query
	r := (&http.Request{
		Method: o.method, URL: &u, Header: o.header, ContentLength: int64(len(o.body)),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}).WithContext(ctx)
	o.header["User-Agent"] = []string{d.agent}
	o.header["Amz-Sdk-Request"] = []string{d.attempt}
	o.header["X-Amz-Content-Sha256"] = []string{o.digest}
	setHeader(o.header, "X-Amz-Expected-Bucket-Owner", &d.owner)
	if !d.plain {
		o.header[acceptEncoding] = []string{"identity"}
	}
	err = d.signer.SignHTTP(ctx, keys, r, o.digest, "s3", d.region, time.Now(), func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
	o.header[acceptEncoding] = []string{"identity"}
	return r, err
}

// setHeader sets a header, whose name is canonical, unless there is nothing to say.
func setHeader(h http.Header, name string, value *string) {
	if value != nil && *value != "" {
		h[name] = []string{*value}
	}
}

// skewed reports whether a server has another time than this machine, by more than
// the SDK overlooks.
func skewed(h http.Header) bool {
	const overlooked = 4 * time.Minute
	at, err := http.ParseTime(h.Get("Date"))
	return err == nil && time.Since(at).Abs() > overlooked
}
