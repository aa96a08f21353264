package waveform

import (
	"fmt"
	"html"
	"strconv"
	"strings"
	"time"
)

// SVG draws a waveform: as wide as what it stands in, in one colour, with a title for
// who doesn't see it. It has no style and no script.
func (p Peaks) SVG(colour, title string) []byte {
	width := max(len(p.Levels), 1)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d 100" preserveAspectRatio="none" role="img"><title>%s</title><path fill="%s" d="M0 49`,
		width, html.EscapeString(title), html.EscapeString(colour))
	point := func(x, y int) { b.WriteString("L" + strconv.Itoa(x) + " " + strconv.Itoa(y)) }
	half := func(level byte) int { return 1 + int(level)*48/255 } // silence is a line
	for i, level := range p.Levels {
		point(i, 50-half(level))
	}
	point(width, 49)
	point(width, 51)
	for i := len(p.Levels) - 1; i >= 0; i-- {
		point(i, 50+half(p.Levels[i]))
	}
	b.WriteString(`L0 51Z"/></svg>`)
	return []byte(b.String())
}

// Title says of a waveform what it shows.
func (p Peaks) Title() string {
	if len(p.Levels) == 0 {
		return "No waveform can be drawn of this audio."
	}
	d := p.Length.Round(time.Second)
	return fmt.Sprintf("How loud the call is from its beginning to its end, %d:%02d minutes", int(d.Minutes()), int(d.Seconds())%60)
}
