package vbctest

import (
	"crypto/sha256"
	_ "embed"
	"fmt"
	"hash/fnv"
	"io"
)

// speech is real telephony audio: 8 kHz MPEG-2.5 layer III in frames of 144
// bytes that stand alone. audio/make.sh made it.
//
//go:embed audio/speech.mp3
var speech []byte

const (
	frameSize = 144 // bytes
	tagSize   = 128 // of an ID3v1 tag, at the end
)

// Audio returns the recording's audio: its Sound, or an MP3 of exactly r.Size bytes
// that players play, the same each time and different for each recording.
func (r Recording) Audio() io.ReadSeeker {
	if r.Sound != nil {
		return io.NewSectionReader(r.Sound, 0, r.Size)
	}
	return io.NewSectionReader(newAudio(r), 0, r.Size)
}

// SHA256 is the digest of the recording's audio.
func (r Recording) SHA256() [sha256.Size]byte {
	h := sha256.New()
	if _, err := io.Copy(h, r.Audio()); err != nil {
		panic(err) // reads memory
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// audio is a recording's bytes, computed where they are asked for: a header
// (on every fifth recording), frames of the speech beginning somewhere in it,
// zeros up to the size, and a tag that names the recording.
type audio struct {
	head   []byte
	offset int64 // in speech, of the first frame
	frames int64 // bytes of whole frames
	tail   []byte
	size   int64
}

func newAudio(r Recording) *audio {
	name := fmt.Sprintf("%s %d %d", r.Kind, r.User, r.ID)
	h := fnv.New64a()
	h.Write([]byte(name))
	a := &audio{size: r.Size, offset: int64(h.Sum64()%uint64(len(speech)/frameSize)) * frameSize}
	if r.Size < 2*(tagSize+frameSize) {
		// Too small for a tag; the name alone tells it from others of its size.
		a.frames = r.Size
		if r.Size >= int64(frameSize+len(name)) {
			a.frames, a.tail = r.Size-int64(len(name)), []byte(name)
		}
		return a
	}
	if r.ID%5 == 0 {
		a.head = id3v2(name)
	}
	room := r.Size - int64(len(a.head)) - tagSize
	a.frames = room / frameSize * frameSize
	a.tail = make([]byte, room-a.frames+tagSize)
	copy(a.tail[room-a.frames:], "TAG"+name)
	return a
}

// id3v2 is a tag with a title, as some systems put in front of the frames.
func id3v2(title string) []byte {
	text := append([]byte{0}, title...)
	frame := append([]byte{'T', 'I', 'T', '2', 0, 0, 0, byte(len(text)), 0, 0}, text...)
	return append([]byte{'I', 'D', '3', 3, 0, 0, 0, 0, 0, byte(len(frame))}, frame...)
}

// ReadAt implements io.ReaderAt.
func (a *audio) ReadAt(p []byte, at int64) (n int, err error) {
	for n < len(p) && at < a.size {
		var c int
		switch head := int64(len(a.head)); {
		case at < head:
			c = copy(p[n:], a.head[at:])
		case at < head+a.frames:
			from := (a.offset + at - head) % int64(len(speech))
			to := min(int64(len(speech)), from+head+a.frames-at)
			c = copy(p[n:], speech[from:to])
		default:
			c = copy(p[n:], a.tail[at-head-a.frames:])
		}
		n += c
		at += int64(c)
	}
	if n < len(p) {
		err = io.EOF
	}
	return n, err
}
