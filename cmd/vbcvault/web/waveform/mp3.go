package waveform

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math"

	"github.com/tcolgate/mp3"
)

// ofMP3 walks over the frames of MPEG layer III of all versions. What lies between them
// is skipped: tags, zeros, garbage.
func ofMP3(in *bufio.Reader) (Peaks, error) {
	var all envelope
	var kind frame // of the first frame: all others are like it
	var samples int64
	follows := false // the last frame has ended here
	for {
		head, err := in.Peek(10)
		if err != nil && err != io.EOF {
			return Peaks{}, err
		}
		if len(head) < 4 {
			break
		}
		if n := tagLength(head); n > 0 {
			if _, err := in.Discard(n); err != nil && err != io.EOF {
				return Peaks{}, err
			}
			continue
		}
		f, ok := frameOf(head)
		if ok && (samples == 0 || f.like(kind)) && (follows || another(in, f)) {
			body, err := in.Peek(f.size)
			if err != nil && err != io.EOF {
				return Peaks{}, err
			}
			if len(body) < f.size {
				break // it is cut off
			}
			if samples > 0 || !isIndex(body, f) {
				for _, level := range f.levels(body) {
					all.add(level)
				}
				kind, samples = f, samples+int64(f.samples)
			}
			follows = true
			_, _ = in.Discard(f.size) // they were peeked at
			continue
		}
		follows = false
		_, _ = in.Discard(1)
	}
	if samples == 0 {
		return Peaks{}, fmt.Errorf("%w: there are no frames of MPEG layer III in it", ErrUnknown)
	}
	return Peaks{lasting(samples, kind.rate), all.levels()}, nil
}

// tagLength is how long the ID3v2 tag is that begins here, 0 if there is none.
func tagLength(head []byte) int {
	if len(head) < 10 || !bytes.HasPrefix(head, []byte("ID3")) || head[3] == 0xff || (head[6]|head[7]|head[8]|head[9])&0x80 != 0 {
		return 0
	}
	return 10 + (int(head[6])<<21 | int(head[7])<<14 | int(head[8])<<7 | int(head[9]))
}

// frame is what a frame's header says.
type frame struct {
	version  mp3.FrameVersion
	rate     int // Hz
	channels int
	samples  int // of each channel
	size     int // bytes, with the header
	side     int // where the side information begins
}

// frameOf reads a header.
func frameOf(head []byte) (frame, bool) {
	h := mp3.FrameHeader(head)
	if head[0] != 0xff || head[1]&0xe0 != 0xe0 || h.Version() == mp3.MPEGReserved || h.Layer() != mp3.Layer3 ||
		h.BitRate() <= 0 || h.SampleRate() <= 0 || h.Emphasis() == mp3.EmphReserved {
		return frame{}, false
	}
	f := frame{version: h.Version(), rate: int(h.SampleRate()), channels: 2, samples: 576, side: 4}
	if h.ChannelMode() == mp3.SingleChannel {
		f.channels = 1
	}
	if f.version == mp3.MPEG1 {
		f.samples = 1152
	}
	if h.Protection() {
		f.side += 2
	}
	f.size = f.samples / 8 * int(h.BitRate()) / f.rate
	if h.Pad() {
		f.size++
	}
	return f, f.size >= f.side+f.sideLength()
}

func (f frame) like(other frame) bool { return f.version == other.version && f.rate == other.rate }

// another reports whether a frame that is like f begins where it ends, or nothing does.
func another(in *bufio.Reader, f frame) bool {
	b, _ := in.Peek(f.size + 4)
	if len(b) < f.size+4 {
		return len(b) == f.size
	}
	next, ok := frameOf(b[f.size:])
	return ok && next.like(f)
}

// isIndex reports whether a first frame has no sound in it: encoders write there how
// many frames follow.
func isIndex(body []byte, f frame) bool {
	rest := body[f.side+f.sideLength():]
	return bytes.HasPrefix(rest, []byte("Xing")) || bytes.HasPrefix(rest, []byte("Info")) ||
		len(body) >= 40 && string(body[36:40]) == "VBRI"
}

func (f frame) sideLength() int {
	switch {
	case f.version == mp3.MPEG1 && f.channels == 2:
		return 32
	case f.version == mp3.MPEG1 || f.channels == 2:
		return 17
	}
	return 9
}

// levels is how loud each granule of a frame is, in decibels, of all its channels the
// loudest.
func (f frame) levels(body []byte) []float64 {
	side := bits{b: body[f.side : f.side+f.sideLength()]}
	granules, behind := 1, 34 // bits of a granule and channel behind the gain
	if f.version == mp3.MPEG1 {
		granules, behind = 2, 30
		side.skip(9 + map[int]int{1: 5, 2: 3}[f.channels] + 4*f.channels)
	} else {
		side.skip(8 + f.channels)
	}
	out := make([]float64, granules)
	for g := range granules {
		out[g] = floor
		for range f.channels {
			length, pairs, gain := side.take(12), side.take(9), side.take(8)
			side.skip(behind)
			if length > 0 { // else nothing is sent for it
				out[g] = max(out[g], decibels(math.Pow(2, float64(gain-210)/4)*math.Sqrt(float64(pairs+1))))
			}
		}
	}
	return out
}

// bits are read from the most significant on.
type bits struct {
	b  []byte
	at int
}

func (b *bits) skip(n int) { b.at += n }

func (b *bits) take(n int) (v int) {
	for range n {
		v <<= 1
		if i := b.at / 8; i < len(b.b) {
			v |= int(b.b[i]>>(7-b.at%8)) & 1
		}
		b.at++
	}
	return v
}
