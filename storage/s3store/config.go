package s3store

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go/logging"

	"github.com/vbcvault/vbcvault/storage"
)

const (
	// stalled is how long a connection may neither take nor bring a byte.
	// Completing a large upload is the longest that a server thinks.
	stalled = 2 * time.Minute

	defaultConnections = 64
)

// configure reads the standard AWS configuration, unless there is one already.
func configure(ctx context.Context, o Options, all *lines) (aws.Config, error) {
	var cfg aws.Config
	if o.AWS != nil {
		cfg = o.AWS.Copy()
	} else {
		// What looks for keys would write warnings to stderr by itself, as of a machine
		// without a role. That there are no keys is said by whoever needs some.
		var err error
		cfg, err = config.LoadDefaultConfig(ctx, append(o.Access.options(), config.WithHTTPClient(httpClient(o.Connections, stalled, all)), config.WithRetryer(newRetryer), config.WithLogger(logging.Nop{}))...)
		if err != nil {
			return cfg, fmt.Errorf("%w: the AWS configuration can't be read: %w", storage.ErrRefused, err)
		}
	}
	if cfg.Region == "" {
		cfg.Region = "us-east-1" // S3 answers there too, and names the bucket's own region
	}
	return cfg, nil
}

// httpClient keeps a connection per worker. It has to be the SDK's own kind of
// client: that is the only one to which the SDK applies AWS_CA_BUNDLE.
func httpClient(connections int, stalled time.Duration, all *lines) *awshttp.BuildableClient {
	if connections <= 0 {
		connections = defaultConnections
	}
	return awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConnsPerHost = connections
		t.MaxIdleConns = max(t.MaxIdleConns, connections)
		dial := t.DialContext
		t.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := dial(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return all.add(&watched{Conn: c, stalled: stalled, among: all}), nil
		}
	})
}

// watched is a connection that fails when nothing moves for a while. A total
// time-out would cut off what is large or slow; none at all leaves a worker
// hanging on a peer that has gone.
type watched struct {
	net.Conn
	stalled time.Duration
	among   *lines
}

func (c *watched) Close() error {
	c.among.remove(c)
	return c.Conn.Close()
}

func (c *watched) Read(b []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(c.stalled)); err != nil {
		return 0, err
	}
	return c.Conn.Read(b)
}

// Write gives a Read that waits for the answer more time as well.
func (c *watched) Write(b []byte) (int, error) {
	if err := c.SetDeadline(time.Now().Add(c.stalled)); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}

// ReadFrom implements io.ReaderFrom, for bodies. Left to itself, io.Copy makes a buffer
// for each of them.
func (c *watched) ReadFrom(r io.Reader) (int64, error) {
	b := copies.Get().(*[]byte)
	defer copies.Put(b)
	return io.CopyBuffer(struct{ io.Writer }{c}, r, *b)
}

// copies are buffers of ReadFrom, shared by all connections.
var copies = sync.Pool{New: func() any { b := make([]byte, 64<<10); return &b }}

// lines are the connections of a store that are open. (The SDK keeps its transports to
// itself, and copies them.)
type lines struct {
	mu   sync.Mutex
	open map[*watched]bool
}

func (l *lines) add(c *watched) net.Conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open == nil {
		l.open = map[*watched]bool{}
	}
	l.open[c] = true
	return c
}

func (l *lines) remove(c *watched) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, c)
}

func (l *lines) close() {
	l.mu.Lock()
	all := l.open
	l.open = nil
	l.mu.Unlock()
	for c := range all {
		_ = c.Conn.Close() // whoever reads from it closes it too
	}
}
