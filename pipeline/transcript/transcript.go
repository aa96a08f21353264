// Package transcript reads transcripts as they lie in an archive, so that people can
// read along and find what was said.
//
// No document says what VBC's transcripts look like, so nothing is taken for granted:
// plain text, subtitles (WebVTT, SubRip) and JSON of whatever shape are read, the latter
// by the names that such fields have with the usual makers of transcripts. What makes no
// sense is shown as the text that it is. Nothing is ever shown that isn't in the file.
package transcript

import (
	"bytes"
	"strings"
	"time"

	"golang.org/x/text/encoding/unicode"
)

// Transcript is what was said in a call.
type Transcript struct {
	// Timed says that at least one segment says when it begins.
	Timed    bool
	Segments []Segment
}

// Segment is something that one person said without a longer pause.
type Segment struct {
	// Start and End are milliseconds from the beginning of the audio on; None if
	// nobody knows. End is None or not before Start.
	Start, End int64
	Speaker    string // as the file names them, "" if it doesn't
	Text       string // never "", without line breaks at its ends
}

// None is no time.
const None = -1

// Longest is how many bytes of a file are read; a call of an hour has about fifty
// thousand. What is behind them is left out.
const Longest = 32 << 20

// Read reads a file. length is that of the call, zero if nobody knows: it tells seconds
// from milliseconds. It never fails: a file that it doesn't understand is one text.
func Read(file []byte, length time.Duration) Transcript {
	text := decode(file[:min(len(file), Longest)])
	segments, ok := readJSON(text, length)
	if !ok {
		segments = readText(text)
	}
	t := Transcript{Segments: segments}
	for _, s := range segments {
		t.Timed = t.Timed || s.Start != None
	}
	return t
}

// Texts are the texts of the segments.
func (t Transcript) Texts() []string {
	texts := make([]string, len(t.Segments))
	for i, s := range t.Segments {
		texts[i] = s.Text
	}
	return texts
}

// Text is all that was said, a segment per line.
func (t Transcript) Text() string { return strings.Join(t.Texts(), "\n") }

// decode is a file as valid UTF-8. Without a mark at its beginning it is taken for it.
func decode(file []byte) string {
	if bytes.HasPrefix(file, []byte("\xff\xfe")) || bytes.HasPrefix(file, []byte("\xfe\xff")) {
		if b, err := unicode.UTF16(unicode.BigEndian, unicode.UseBOM).NewDecoder().Bytes(file); err == nil {
			file = b
		}
	}
	file = bytes.TrimPrefix(file, []byte("\xef\xbb\xbf"))
	return strings.ToValidUTF8(string(file), "\uFFFD")
}
