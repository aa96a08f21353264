package storage

import (
	"fmt"
	"io"
)

// Exactly is a reader of n bytes: it ends behind them, whatever else r has, and with
// io.ErrUnexpectedEOF (wrapped) where r ends before, so that nobody takes a part of a
// range for all of it.
func Exactly(r io.ReadCloser, n int64) io.ReadCloser { return &exactly{r, n} }

type exactly struct {
	io.ReadCloser
	left int64
}

func (e *exactly) Read(p []byte) (int, error) {
	if e.left <= 0 {
		return 0, io.EOF
	}
	n, err := e.ReadCloser.Read(p[:min(int64(len(p)), e.left)])
	e.left -= int64(n)
	switch {
	case e.left == 0:
		return n, io.EOF // what comes behind them means nothing
	case err == io.EOF:
		return n, fmt.Errorf("%w: %d bytes are missing", io.ErrUnexpectedEOF, e.left)
	}
	return n, err
}
