// Package waveform reckons how loud a recording is from moment to moment, without
// decoding it, and draws that.
//
// Of an MP3, each granule's side information says by how much its values are to be
// scaled (global_gain) and how many of them are worth more than a bit (big_values): in
// decibels, the mean of these over a moment follows the decoded audio closely enough to be
// looked at. Of a WAV, the samples themselves are looked at: PCM, µ-law and A-law. Other
// formats have no waveform.
//
// A recording is read once, from its beginning to its end, in memory that doesn't depend
// on its length.
package waveform

import (
	"bufio"
	"errors"
	"io"
	"math"
	"slices"
	"time"
)

// Most is how many levels a waveform has at most.
const Most = 1000

// Form is how waveforms are reckoned now: what was kept of another form isn't used.
const Form = 1

// Peaks is how loud a recording is.
type Peaks struct {
	Length time.Duration
	Levels []byte // one after the other, each for as long; 255 is the loudest there is in it
}

// ErrUnknown says that there is no waveform of a format.
var ErrUnknown = errors.New("no waveform is known of this format")

// Of reads a recording to its end. The error is ErrUnknown (wrapped) if its format is
// none of those that are known, and else the reader's own: what is damaged or breaks off
// has the waveform of what can be read. After ErrUnknown the rest isn't read.
func Of(r io.Reader) (Peaks, error) {
	in := bufio.NewReaderSize(r, 32<<10)
	head, err := in.Peek(12)
	switch {
	case len(head) == 12 && isWAV(head):
		return ofWAV(in)
	case err != nil && err != io.EOF:
		return Peaks{}, err
	}
	return ofMP3(in)
}

// Decibels of full scale.
const (
	floor    = -100 // what is less is silence
	quietest = -40  // what a recording's loudest moment is taken for at least: noise of a line is no speech
	span     = 50   // from the loudest level to the lowest
)

// decibels of a part of full scale.
func decibels(level float64) float64 { return max(20*math.Log10(level), floor) }

// envelope collects decibels, in bounded memory: when there are many, each two become
// their mean.
type envelope struct {
	cells []float64 // each the mean of so many that were added
	each  int
	sum   float64
	n     int // added to the next cell
}

func (e *envelope) add(level float64) {
	if e.each == 0 {
		e.each, e.cells = 1, make([]float64, 0, 2*Most)
	}
	e.sum += min(level, 0)
	if e.n++; e.n < e.each {
		return
	}
	e.cells, e.sum, e.n = append(e.cells, e.sum/float64(e.n)), 0, 0
	if len(e.cells) == 2*Most {
		for i := range Most {
			e.cells[i] = (e.cells[2*i] + e.cells[2*i+1]) / 2
		}
		e.cells, e.each = e.cells[:Most], 2*e.each
	}
}

// levels are what was collected, at most Most of them.
func (e *envelope) levels() []byte {
	cells := e.cells
	if e.n > 0 {
		cells = append(cells, e.sum/float64(e.n))
	}
	top := loudest(cells)
	out := make([]byte, min(len(cells), Most))
	for i := range out {
		of := cells[i*len(cells)/len(out) : (i+1)*len(cells)/len(out)]
		sum := 0.0
		for _, c := range of {
			sum += c / float64(len(of))
		}
		out[i] = byte(math.Round(255 * min(max((sum-top)/span+1, 0), 1)))
	}
	return out
}

// loudest is the highest level that lasts: an encoder's single granules say little.
func loudest(cells []float64) float64 {
	top := float64(quietest)
	for i := range cells {
		around := slices.Sorted(slices.Values(cells[max(i-2, 0):min(i+3, len(cells))]))
		top = max(top, around[len(around)/2])
	}
	return top
}

// lasting is how long so many samples are.
func lasting(samples int64, rate int) time.Duration {
	return time.Duration(float64(samples) / float64(rate) * float64(time.Second))
}
