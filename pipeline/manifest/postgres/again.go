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
		if err == nil || !broke(err) || m.lease == nil && time.Since(begun) > besideFor || m.stillOurs() != nil {
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

// broke reports whether an error is the connection's, or that of a server that is being
// stopped or started, or has too many connections just now.
func broke(err error) bool {
	if server, ok := errors.AsType[*pgconn.PgError](err); ok {
		return strings.HasPrefix(server.Code, "08") || slices.Contains([]string{"57P01", "57P02", "57P03", "53300"}, server.Code)
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	_, network := errors.AsType[net.Error](err)
	return network || pgconn.SafeToRetry(err) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}
