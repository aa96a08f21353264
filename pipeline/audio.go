package pipeline

import (
	"bufio"
	"fmt"
	"io"
	"sync"

	"github.com/vbcvault/vbcvault/storage"
)

// notAudioError says that what came in place of a recording is none: an error
// page, JSON, nothing.
type notAudioError struct {
	What string
	Odd  bool // it may be a recording in a format that isn't known here
}

func (e *notAudioError) Error() string {
	if e.Odd {
		return fmt.Sprintf("VBC sent a format that is not known as audio (%s)", e.What)
	}
	return "VBC sent no audio but " + e.What
}

// sizeError says that the audio has not the size that the listing declares.
type sizeError struct {
	Declared int64 // -1: the listing declares none
	Got      storage.Content
}

func (e *sizeError) Error() string {
	if e.Declared < 0 {
		return fmt.Sprintf("VBC sent %d bytes, and its listing declares no size to compare with", e.Got.Size)
	}
	return fmt.Sprintf("VBC sent %d bytes, but its listing declares %d", e.Got.Size, e.Declared)
}

// source reads audio from VBC and remembers its own error, so that a failed
// Put can be told from a failed download.
type source struct {
	r     *bufio.Reader // one of heads; nil = it is given back
	count func(int)     // told of every byte that has arrived
	err   error
}

// heads hold the beginning of what arrives, which is larger than many a recording.
var heads = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, headLength) }}

func newSource(r io.Reader, count func(int)) *source {
	head := heads.Get().(*bufio.Reader)
	head.Reset(r)
	return &source{r: head, count: count}
}

// done says that nothing is read from it any more.
func (s *source) done() {
	s.r.Reset(nil)
	heads.Put(s.r)
	s.r = nil
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.count(n)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// format looks at the beginning and says what kind of audio it is. The error
// is a *notAudioError if it is none that is known.
func (s *source) format() (format, error) {
	head, err := s.r.Peek(headLength)
	if err != nil && err != io.EOF {
		return format{}, err
	}
	if len(head) == 0 {
		return format{}, &notAudioError{What: "an empty answer"}
	}
	f, what, odd := formatOf(head)
	if what != "" {
		return format{}, &notAudioError{What: what, Odd: odd}
	}
	return f, nil
}
