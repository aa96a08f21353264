package waveform

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math"
)

func isWAV(head []byte) bool {
	switch string(head[:4]) {
	case "RIFF", "RF64", "BW64":
		return string(head[8:12]) == "WAVE"
	}
	return false
}

// What samples may be.
const (
	pcm        = 1
	floating   = 3
	aLaw       = 6
	muLaw      = 7
	extensible = 0xfffe // the format is said further on
)

// sampling is what a WAV says of its samples.
type sampling struct {
	format, channels, rate, bits int
}

// ofWAV reads a WAV's chunks up to its samples, and these.
func ofWAV(in *bufio.Reader) (Peaks, error) {
	_, _ = in.Discard(12) // it was peeked at
	var s sampling
	var head [8]byte
	for {
		if _, err := io.ReadFull(in, head[:]); err != nil {
			return Peaks{}, noSamples(err)
		}
		name, size := string(head[:4]), int64(binary.LittleEndian.Uint32(head[4:]))
		switch {
		case name == "data" && s.rate > 0:
			return s.peaks(in, size)
		case name == "fmt " && size >= 16:
			b := make([]byte, min(size, 40))
			if _, err := io.ReadFull(in, b); err != nil {
				return Peaks{}, noSamples(err)
			}
			if s = samplingOf(b); s.width() == 0 {
				return Peaks{}, fmt.Errorf("%w: a WAV of format %d with %d bits", ErrUnknown, s.format, s.bits)
			}
			size -= int64(len(b))
		}
		if _, err := io.CopyN(io.Discard, in, size+size%2); err != nil {
			return Peaks{}, noSamples(err)
		}
	}
}

func noSamples(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return fmt.Errorf("%w: a WAV without samples", ErrUnknown)
	}
	return err
}

func samplingOf(b []byte) sampling {
	u16 := func(at int) int { return int(binary.LittleEndian.Uint16(b[at:])) }
	s := sampling{format: u16(0), channels: u16(2), rate: int(binary.LittleEndian.Uint32(b[4:])), bits: u16(14)}
	if s.format == extensible && len(b) >= 26 {
		s.format = u16(24)
	}
	return s
}

// width is how many bytes a sample has, 0 if it can't be read.
func (s sampling) width() int {
	known := s.format == pcm && (s.bits == 8 || s.bits == 16 || s.bits == 24 || s.bits == 32) ||
		s.format == floating && s.bits == 32 || (s.format == aLaw || s.format == muLaw) && s.bits == 8
	if !known || s.channels < 1 || s.channels > 64 || s.rate < 1 || s.rate > 1<<20 {
		return 0
	}
	return s.bits / 8
}

// peaks reads the samples: so many bytes, or all that there are where the length isn't
// known when a WAV is begun.
func (s sampling) peaks(in *bufio.Reader, size int64) (Peaks, error) {
	if size > 0 && size < math.MaxUint32 {
		in = bufio.NewReaderSize(io.LimitReader(in, size), 32<<10)
	}
	var all envelope
	var samples int64
	each := max(s.rate/100, 1) // 10 ms
	b, loudest := make([]byte, s.width()*s.channels), 0.0
	for {
		_, err := io.ReadFull(in, b)
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			break
		}
		if err != nil {
			return Peaks{}, err
		}
		for i := 0; i < len(b); i += s.width() {
			loudest = max(loudest, s.loudness(b[i:i+s.width()]))
		}
		if samples++; samples%int64(each) == 0 {
			all.add(decibels(loudest))
			loudest = 0
		}
	}
	if samples == 0 {
		return Peaks{}, noSamples(io.EOF)
	}
	if samples%int64(each) != 0 {
		all.add(decibels(loudest))
	}
	return Peaks{lasting(samples, s.rate), all.levels()}, nil
}

// loudness is that of one sample, of full scale.
func (s sampling) loudness(b []byte) float64 {
	switch {
	case s.format == muLaw:
		return fromMuLaw(b[0])
	case s.format == aLaw:
		return fromALaw(b[0])
	case s.format == floating:
		if v := math.Abs(float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))); v <= 1 {
			return v
		}
		return 1 // or no number
	case s.bits == 8: // without a sign
		return math.Abs(float64(b[0])-128) / 128
	}
	var v int32
	for i, c := range b {
		v |= int32(c) << (8 * (4 - len(b) + i))
	}
	return math.Abs(float64(v)) / (1 << 31)
}

// fromMuLaw and fromALaw are how far from zero a sample of G.711 is.
func fromMuLaw(b byte) float64 {
	b = ^b
	return float64((int(b&0x0f)<<3+0x84)<<(b>>4&7)-0x84) / 32768
}

func fromALaw(b byte) float64 {
	b ^= 0x55
	v, exponent := int(b&0x0f)<<4+8, b>>4&7
	if exponent > 0 {
		v = (v + 0x100) << (exponent - 1)
	}
	return float64(v) / 32768
}
