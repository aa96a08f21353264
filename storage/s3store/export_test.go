package s3store

import (
	"context"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go/logging"
)

// HTTPClient is for tests of stalled connections.
func HTTPClient(connections int, stalled time.Duration) *awshttp.BuildableClient {
	return httpClient(connections, stalled, &lines{})
}

// Take and Give are for tests of how stores share buffers.
func (s *Share) Take(ctx context.Context) ([]byte, error) { return s.take(ctx) }
func (s *Share) Give(buffer []byte)                       { s.give(buffer) }

// TrySmall takes a small buffer unless that would have to wait.
func (s *Share) TrySmall(ctx context.Context, n int) bool {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	_, err := s.takeSmall(ctx, n)
	return err == nil
}

// TakeSmall and GiveSmall are for tests of what is used again.
func (s *Share) TakeSmall(ctx context.Context, n int) ([]byte, error) { return s.takeSmall(ctx, n) }
func (s *Share) GiveSmall(buffer []byte)                              { s.giveSmall(buffer) }

// Bytes is how much memory the pool holds, in use or idle.
func (p *Pool) Bytes() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := (p.parts.total-p.unmade)*p.size + p.small.total - p.small.free
	for _, b := range p.idle {
		n += cap(b)
	}
	return n
}

// Signed is for the benchmark that shows what it saves.
var Signed = signed

// NewRetryer is for tests of what is sent again, and after how long.
var NewRetryer = newRetryer

// UnseenFor is how long what was written may be invisible.
const UnseenFor = unseenFor

// Hurry is for tests in which nothing becomes visible by being waited for: the
// store asks as often as ever, and at once.
func (s *Store) Hurry() { s.pauses = make([]time.Duration, len(unseenPauses)) }

// SDKLogger is where the SDK writes what it has to say of its own.
func (s *Store) SDKLogger() logging.Logger { return s.client.Options().Logger }

// Indirect has the SDK send everything.
func (s *Store) Indirect() { s.direct = nil }

// Direct reports whether the store sends anything without the SDK.
func (s *Store) Direct() bool { return s.direct != nil && !s.direct.skewed.Load() }
