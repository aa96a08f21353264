package pipeline

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/gabriel-vasile/mimetype"
	"github.com/tcolgate/mp3"

	"github.com/vbcvault/vbcvault/storage"
)

// notAudioError says that what came in place of a recording is none: an error
// page, JSON, nothing.
type notAudioError struct{ What string }

func (e *notAudioError) Error() string {
	return "what VBC sent is not audio but " + e.What
}

// sizeError says that the audio has not the size that the listing declares.
type sizeError struct {
	Declared int64 // -1: the listing declares none
	Got      storage.Content
}

func (e *sizeError) Error() string {
	if e.Declared < 0 {
		return fmt.Sprintf("VBC sent %d bytes and its listing declares no size to compare with", e.Got.Size)
	}
	return fmt.Sprintf("VBC sent %d bytes and its listing declares %d", e.Got.Size, e.Declared)
}

// source reads audio from VBC and remembers its own error, so that a failed
// Put can be told from a failed download.
type source struct {
	r     *bufio.Reader
	count func(int) // told of every byte that has arrived
	err   error
}

const sniffLength = 3072 // bytes that mimetype looks at

func newSource(r io.Reader, count func(int)) *source {
	return &source{r: bufio.NewReaderSize(r, 64<<10), count: count}
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
// is a *notAudioError if it is none.
func (s *source) format() (contentType, ending string, err error) {
	head, err := s.r.Peek(sniffLength)
	if err != nil && err != io.EOF {
		return "", "", err
	}
	if len(head) == 0 {
		return "", "", &notAudioError{"an empty answer"}
	}
	if t := mimetype.Detect(head); strings.HasPrefix(t.String(), "audio/") {
		media, _, _ := strings.Cut(t.String(), ";")
		return media, t.Extension(), nil
	} else if !startsWithFrame(head) {
		return "", "", &notAudioError{t.String()}
	}
	return "audio/mpeg", ".mp3", nil
}

// startsWithFrame reports whether MP3 frames begin with the first byte.
// Telephony MP3 is MPEG-2.5 at 8 kHz, whose sync word general sniffers don't
// know.
func startsWithFrame(head []byte) bool {
	if len(head) < 2 || head[0] != 0xff || head[1]&0xe0 != 0xe0 {
		return false // the decoder would look for a frame further on
	}
	var frame mp3.Frame
	var skipped int
	return mp3.NewDecoder(bytes.NewReader(head)).Decode(&frame, &skipped) == nil
}
