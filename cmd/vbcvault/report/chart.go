package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"
)

// chart is bars over months or years, as the page draws it: all is reckoned here, in
// the units of the drawing, and the template writes it down.
type chart struct {
	ID          string // within the page
	Title, Desc string
	Unit        string // of the axis
	Series      []series
	Bars        []bar
	Ticks       []tick // of the axis, from 0 upwards
	Names       []tick // below the bars
	Empty       bool   // there is nothing to draw
}

// series is one kind of bars.
type series struct {
	Name  string
	Class string // of its colour
	X     float64
}

// bar is one bar.
type bar struct {
	X, Y, W, H float64
	Class      string
	Title      string
}

// tick is a mark on an axis.
type tick struct {
	At    float64
	Label string
}

// The drawing: its size, and where the bars are within it.
const (
	chartWidth, chartHeight = 760.0, 250.0
	plotLeft, plotRight     = 64.0, 752.0
	plotTop, plotBottom     = 34.0, 216.0
	widestBar               = 56.0
)

func (chart) Width() float64  { return chartWidth }
func (chart) Height() float64 { return chartHeight }
func (chart) Left() float64   { return plotLeft }
func (chart) Right() float64  { return plotRight }
func (chart) Bottom() float64 { return plotBottom }

// figures are what a chart shows: of each series a value for each name.
type figures struct {
	title, what string // what is what a bar's title says it counts
	id          string
	names       []string
	series      []string
	values      [][]int64 // by series
	bytes       bool      // they are bytes, else recordings
	stacked     bool      // one above the other, else side by side
}

// draw makes the chart.
func (f figures) draw() chart {
	scale := f.scale()
	c := chart{ID: f.id, Title: f.title, Unit: scale.unit, Ticks: scale.ticks()}
	x := plotLeft
	for i, name := range f.series {
		c.Series = append(c.Series, series{Name: name, Class: fmt.Sprintf("s%d", i+1), X: x})
		x += 30 + 7.5*float64(len(name))
	}
	step := (plotRight - plotLeft) / math.Max(1, float64(len(f.names)))
	every := int(math.Ceil(58 / step)) // so that names don't run into one another
	for i, name := range f.names {
		middle := plotLeft + step*(float64(i)+0.5)
		if (len(f.names)-1-i)%every == 0 {
			c.Names = append(c.Names, tick{middle, name})
		}
		c.Bars = append(c.Bars, f.barsAt(i, middle, step, scale)...)
	}
	c.Empty = f.largest() == 0
	c.Desc = f.describe()
	return c
}

// barsAt are the bars of one name.
func (f figures) barsAt(i int, middle, step float64, scale scale) (bars []bar) {
	width := math.Min(step*0.76, widestBar)
	if !f.stacked {
		width /= float64(len(f.series))
	}
	x, base := middle-width/2, plotBottom
	if !f.stacked {
		x = middle - width*float64(len(f.series))/2
	}
	for s := range f.series {
		v := f.values[s][i]
		height := scale.height(v)
		if v > 0 {
			bars = append(bars, bar{X: x, Y: base - height, W: width, H: height, Class: fmt.Sprintf("s%d", s+1),
				Title: fmt.Sprintf("%s: %s, %s", f.names[i], f.series[s], f.say(v))})
		}
		if f.stacked {
			base -= height
		} else {
			x += width
		}
	}
	return bars
}

func (f figures) say(v int64) string {
	if f.bytes {
		return humanize.IBytes(uint64(v))
	}
	return recordings(v)
}

// describe says the chart in words.
func (f figures) describe() string {
	if len(f.names) == 0 || f.largest() == 0 {
		return "There is nothing to show."
	}
	text := fmt.Sprintf("%s, from %s to %s.", f.what, f.names[0], f.names[len(f.names)-1])
	for s, name := range f.series {
		most := 0
		for i, v := range f.values[s] {
			if v > f.values[s][most] {
				most = i
			}
		}
		text += fmt.Sprintf(" Most %s in %s: %s.", name, f.names[most], f.say(f.values[s][most]))
	}
	return text + " The table below has the same numbers."
}

// largest is the height of the highest bar, or of those on top of one another.
func (f figures) largest() (most int64) {
	for i := range f.names {
		sum := int64(0)
		for s := range f.series {
			if v := f.values[s][i]; f.stacked {
				sum += v
			} else {
				sum = max(sum, v)
			}
		}
		most = max(most, sum)
	}
	return most
}

// scale is the axis of values: from 0 to so many steps.
type scale struct {
	unit  string
	of    float64 // what the unit is worth
	step  float64 // in units
	steps int
}

var byteUnits = []string{"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}

// scale chooses a unit, and round steps: of 1, 2 or 5 and as many zeros.
func (f figures) scale() scale {
	most := float64(f.largest())
	s := scale{unit: "recordings", of: 1}
	if f.bytes {
		s.unit = byteUnits[0]
		for _, unit := range byteUnits[1:] {
			if most < 1024*s.of {
				break
			}
			s.unit, s.of = unit, s.of*1024
		}
	}
	most /= s.of
	if most == 0 {
		most = 1
	}
	s.step = roundUp(most / 5)
	if s.unit == "recordings" || s.unit == "bytes" {
		s.step = math.Max(s.step, 1) // there is no half of one
	}
	s.steps = int(math.Ceil(most/s.step - 1e-9))
	return s
}

// roundUp is the next number of 1, 2 or 5 and zeros.
func roundUp(v float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 5} {
		if v <= m*power*(1+1e-9) {
			return m * power
		}
	}
	return 10 * power
}

// height is how high a bar is. What there is can be seen.
func (s scale) height(v int64) float64 {
	if v <= 0 {
		return 0
	}
	return math.Max(1, float64(v)/s.of/(s.step*float64(s.steps))*(plotBottom-plotTop))
}

func (s scale) ticks() (all []tick) {
	for i := range s.steps + 1 {
		v := s.step * float64(i)
		label := strconv.FormatFloat(v, 'f', -1, 64)
		if v >= 1000 {
			label = humanize.Comma(int64(v))
		}
		if len(label) > 8 { // as in 0.30000000000000004
			label = strings.TrimRight(strconv.FormatFloat(v, 'g', 6, 64), " ")
		}
		all = append(all, tick{plotBottom - float64(i)/float64(s.steps)*(plotBottom-plotTop), label})
	}
	return all
}
