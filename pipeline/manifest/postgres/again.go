package postgres

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// again reads, and again if a connection broke or there was no server: reading changes
// nothing. A run reads again as long as it has its lease, others as long as a server takes
// to start again.
func (m *Manifest) again(ctx context.Context, read func() error) error {
	begun, pause := time.Now(), 50*time.Millisecond
	for {
		err := read()
		leased := m.lease != nil && m.lease.Held() == nil
		if !broke(err) || !leased && time.Since(begun) > besideFor {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
		pause = min(2*pause, time.Second)
	}
}

// anew asks with another connection where one breaks that was there before: all may have
// broken since somebody used them last. Where there is no server, it says so at once.
func anew(ask func() error) (err error) {
	for range MaxConnections {
		err = ask()
		if _, none := errors.AsType[*pgconn.ConnectError](err); none || !broke(err) {
			break
		}
	}
	return err
}

// broke reports whether an error is the connection's, or that of a server that is being
// stopped or started, or has too many connections just now.
func broke(err error) bool {
	if err == nil {
		return false
	}
	if server, ok := errors.AsType[*pgconn.PgError](err); ok {
		return strings.HasPrefix(server.Code, "08") || slices.Contains([]string{"57P01", "57P02", "57P03", "53300"}, server.Code)
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	_, network := errors.AsType[net.Error](err)
	return network || pgconn.SafeToRetry(err) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}
