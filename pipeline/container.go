package pipeline

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"strings"
)

// Containers hold tracks, of audio, video or both. One that shows a track of video
// is no recording of a call. Where the tracks are named at the end of the file, as
// in MP4 that was written in one go, the beginning can't tell; then it counts as
// audio, since its size has to be the declared one all the same.

// isBox reports whether MP4, or one of its relatives, begins here.
func isBox(head []byte) bool {
	if len(head) < 12 || binary.BigEndian.Uint32(head) > 1<<16 {
		return false
	}
	switch string(head[4:8]) {
	case "ftyp", "styp":
		return true
	case "moov":
		return binary.BigEndian.Uint32(head) >= 16
	}
	return false
}

// images are brands of pictures in the same container.
var images = []string{"heic", "heix", "heim", "heis", "hevc", "hevx", "hevm", "hevs", "mif1", "msf1", "avif", "avis", "crx ", "jxl ", "jp2 "}

func ofMP4(head []byte, media, ending string) (f format, what string, odd bool) {
	brand := string(head[8:12])
	for _, image := range images {
		if brand == image {
			return f, "a picture (" + media + ")", false
		}
	}
	if strings.Contains(handlers(head, 0), "vide") {
		return f, "video (" + media + ")", true
	}
	switch {
	case strings.HasPrefix(media, "audio/"):
		return format{media, ending}, "", false
	case strings.HasPrefix(brand, "3g2"), brand == "kddi":
		return format{"audio/3gpp2", ".3g2"}, "", false
	case strings.HasPrefix(brand, "3g"):
		return format{"audio/3gpp", ".3gp"}, "", false
	case brand == "qt  ":
		return format{"audio/quicktime", ".mov"}, "", false
	}
	return format{"audio/mp4", ".m4a"}, "", false
}

// handlers are the kinds of the tracks that boxes name, as far as they are there.
func handlers(boxes []byte, depth int) string {
	var kinds strings.Builder
	for len(boxes) >= 8 && depth < 8 {
		size, head := uint64(binary.BigEndian.Uint32(boxes)), uint64(8)
		switch {
		case size == 1 && len(boxes) >= 16:
			size, head = binary.BigEndian.Uint64(boxes[8:]), 16
		case size == 0:
			size = uint64(len(boxes)) // until the end
		}
		if size < head {
			break
		}
		body := boxes[min(head, uint64(len(boxes))):min(size, uint64(len(boxes)))]
		switch string(boxes[4:8]) {
		case "moov", "trak", "mdia":
			kinds.WriteString(handlers(body, depth+1))
		case "hdlr":
			if len(body) >= 12 {
				kinds.Write(body[8:12])
				kinds.WriteByte(' ')
			}
		}
		boxes = boxes[min(size, uint64(len(boxes))):]
	}
	return kinds.String()
}

// Elements of Matroska and WebM.
const (
	ebmlHeader  = 0x1a45dfa3
	ebmlDocType = 0x4282
	mkvSegment  = 0x18538067
	mkvTracks   = 0x1654ae6b
	mkvTrack    = 0xae
	mkvType     = 0x83
	trackVideo  = 1
)

func ofMatroska(head []byte) (format, bool) {
	if !bytes.HasPrefix(head, []byte("\x1a\x45\xdf\xa3")) {
		return format{}, false
	}
	var m matroska
	m.read(head, 0)
	if m.video {
		return format{}, false
	}
	switch m.docType {
	case "webm":
		return format{"audio/webm", ".webm"}, true
	case "matroska":
		return format{"audio/matroska", ".mka"}, true
	}
	return format{}, false
}

// matroska is what a file says of itself.
type matroska struct {
	docType string
	video   bool
}

// read looks at elements, as far as they are there.
func (m *matroska) read(b []byte, depth int) {
	for len(b) > 0 && depth < 8 {
		id, n := vint(b, false)
		if n == 0 || n > 4 {
			return
		}
		size, k := vint(b[n:], true)
		if k == 0 {
			return
		}
		b = b[n+k:]
		body := b
		if unknown := size == 1<<(7*k)-1; !unknown && size < uint64(len(b)) {
			body = b[:size]
		}
		switch id {
		case ebmlDocType:
			m.docType = strings.TrimRight(string(body), "\x00")
		case mkvType:
			m.video = m.video || len(body) == 1 && body[0] == trackVideo
		case ebmlHeader, mkvSegment, mkvTracks, mkvTrack:
			m.read(body, depth+1)
		}
		b = b[len(body):]
	}
}

// vint reads a number of variable length, with its marker or without it.
func vint(b []byte, unmark bool) (v uint64, n int) {
	if len(b) == 0 || b[0] == 0 {
		return 0, 0
	}
	n = bits.LeadingZeros8(b[0]) + 1
	if len(b) < n {
		return 0, 0
	}
	v = uint64(b[0])
	if unmark {
		v &= 1<<(8-n) - 1
	}
	for _, c := range b[1:n] {
		v = v<<8 | uint64(c)
	}
	return v, n
}
