package pipeline

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/binary"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/gabriel-vasile/mimetype"
	"github.com/tcolgate/mp3"
)

// format is a kind of audio: what a server says it is, and how its files end.
type format struct{ media, ending string }

const (
	// headLength is how many bytes of a recording are looked at, or as many as
	// there are. Containers name their tracks there, unless they do so at their end.
	headLength = 64 << 10

	mostZeros = 32 << 10 // bytes that may come before the first frame of MP3
)

// unknownFormat is kept with the bytes as they are.
var unknownFormat = format{"application/octet-stream", ".bin"}

// formatOf says what kind of audio begins with head. If it is none that is known,
// what says what it looks like, and odd whether it may be audio all the same.
func formatOf(head []byte) (f format, what string, odd bool) {
	t := mimetype.Detect(head)
	media, _, _ := strings.Cut(t.String(), ";")
	if isBox(head) {
		return ofMP4(head, media, t.Extension())
	}
	switch {
	case strings.HasPrefix(media, "audio/"):
		return format{media, t.Extension()}, "", false
	case inUTF16(head) != nil: // whose first bytes, and many a second pair, are those of a frame
		return f, media, false
	case startsWithFrame(head):
		return format{"audio/mpeg", ".mp3"}, "", false
	}
	for _, known := range []func([]byte) (format, bool){ofRIFF, ofMatroska, ofOthers, afterZeros} {
		if f, ok := known(head); ok {
			return f, "", false
		}
	}
	return f, media, !looksLikeNoMedia(head, t)
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

// afterZeros finds MP3 behind zeros, which some encoders begin with.
func afterZeros(head []byte) (format, bool) {
	rest := bytes.TrimLeft(head, "\x00")
	if n := len(head) - len(rest); n == 0 || n > mostZeros || len(rest) < 4 {
		return format{}, false
	}
	if bytes.HasPrefix(rest, []byte("ID3")) && rest[3] >= 2 && rest[3] <= 4 || startsWithFrame(rest) {
		return format{"audio/mpeg", ".mp3"}, true
	}
	return format{}, false
}

// ofRIFF knows the relatives of WAV: with lengths of 64 bits, or big-endian.
func ofRIFF(head []byte) (format, bool) {
	if len(head) < 12 {
		return format{}, false
	}
	form := string(head[8:12])
	switch string(head[:4]) {
	case "RIFF", "RIFX", "RF64", "BW64":
		return format{"audio/wav", ".wav"}, form == "WAVE"
	case "riff":
		return format{"audio/x-w64", ".w64"}, bytes.HasPrefix(head[4:], []byte("\x2e\x91\xcf\x11"))
	}
	return format{}, false
}

// What a file of Windows Media holds.
var (
	asfHeader = []byte("\x30\x26\xb2\x75\x8e\x66\xcf\x11")
	asfAudio  = []byte("\x40\x9e\x69\xf8\x4d\x5b\xcf\x11\xa8\xfd\x00\x80\x5f\x5c\x44\x2b")
	asfVideo  = []byte("\xc0\xef\x19\xbc\x4d\x5b\xcf\x11\xa8\xfd\x00\x80\x5f\x5c\x44\x2b")
)

// ofOthers knows what the library doesn't.
func ofOthers(head []byte) (format, bool) {
	begins := func(s string) bool { return bytes.HasPrefix(head, []byte(s)) }
	switch {
	case begins("fLaC"):
		return format{"audio/flac", ".flac"}, true
	case begins("caff\x00"):
		return format{"audio/x-caf", ".caf"}, true
	case begins("dns.\x00"), begins("dns.\x18"), begins("dns.\x20"): // .snd, the other way round
		return format{"audio/basic", ".au"}, true
	case begins("FORM") && len(head) >= 12 && (string(head[8:12]) == "AIFF" || string(head[8:12]) == "AIFC"):
		return format{"audio/aiff", ".aiff"}, true
	case len(head) > 7 && head[0] == 0xff && (head[1] == 0xf0 || head[1] == 0xf8): // ADTS with a checksum
		return format{"audio/aac", ".aac"}, true
	case begins("OggS"):
		return format{"audio/ogg", ".oga"}, !slices.ContainsFunc([]string{"theora", "OVP80", "BBCD\x00", "\x01video"}, func(s string) bool { return bytes.Contains(head, []byte(s)) })
	case bytes.HasPrefix(head, asfHeader):
		return format{"audio/x-ms-wma", ".wma"}, bytes.Contains(head, asfAudio) && !bytes.Contains(head, asfVideo)
	case begins("FLV\x01") && len(head) > 4:
		return format{"audio/x-flv", ".flv"}, head[4]&5 == 4
	}
	return format{}, false
}

// looksLikeNoMedia reports whether what begins with head is certainly no
// recording: a page, JSON, text in whatever encoding, packed or not, nothing but
// zeros, or a kind of file that is known.
func looksLikeNoMedia(head []byte, t *mimetype.MIME) bool {
	switch media, _, _ := strings.Cut(t.String(), "/"); {
	case isText(head), isText(unpacked(head)):
		return true
	case t.Is("application/octet-stream"), t.Is("text/plain"), media == "video": // what is no text may look like UTF-16
		return false
	}
	return true
}

// unpacked is what is packed in head as servers pack their answers, nil if it isn't.
func unpacked(head []byte) []byte {
	var r io.Reader
	var err error
	switch {
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		r, err = gzip.NewReader(bytes.NewReader(head))
	case bytes.HasPrefix(head, []byte("\x78")):
		r, err = zlib.NewReader(bytes.NewReader(head))
	default:
		return nil
	}
	if err != nil {
		return nil
	}
	text, _ := io.ReadAll(io.LimitReader(r, headLength)) // as far as it goes
	return text
}

// inUTF16 is what bytes say in UTF-16, nil if they don't begin as it does, or are
// something else.
func inUTF16(b []byte) []byte {
	var order binary.ByteOrder = binary.LittleEndian
	switch {
	case bytes.HasPrefix(b, []byte("\xfe\xff")):
		order = binary.BigEndian
	case !bytes.HasPrefix(b, []byte("\xff\xfe")):
		return nil
	}
	var units []uint16
	for b = b[2:]; len(b) >= 2; b = b[2:] {
		units = append(units, order.Uint16(b))
	}
	text := utf16.Decode(units)
	strange := 0
	for _, r := range text {
		if !unicode.IsPrint(r) && !unicode.IsSpace(r) && r != 0 || r == unicode.ReplacementChar {
			strange++
		}
	}
	if 20*strange > len(text) {
		return nil
	}
	return []byte(string(text))
}

// isText reports whether bytes are text, or have little else: a message with
// zeros behind it to fill up a length, or in UTF-16. Nothing but zeros counts.
func isText(b []byte) bool {
	if b == nil {
		return false
	}
	lower := bytes.ToLower(bytes.TrimLeft(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")), " \t\r\n\x00"))
	for _, begin := range []string{"<!doctype", "<html", "<?xml", "<head", "<body", "{\"", "[{\"", "http/1"} {
		if bytes.HasPrefix(lower, []byte(begin)) {
			return true
		}
	}
	if wide := inUTF16(b); wide != nil {
		b = wide
	}
	letters, others := 0, 0
	for _, c := range b {
		switch {
		case c == 0:
		case c >= ' ' && c < 0x7f, c == '\t', c == '\n', c == '\r', c == '\f':
			letters++
		default:
			others++
		}
	}
	if others == 0 || letters > 19*others {
		return true
	}
	return utf8.Valid(b) && !bytes.ContainsFunc(b, func(r rune) bool { return r < ' ' && !strings.ContainsRune("\t\n\r\f", r) })
}
