package transcript

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// moment is a time, or a length of time, as a file writes it.
type moment struct {
	value float64
	unit  unit
}

type unit int

const (
	nothing  unit = iota // there is no time
	unsure               // a number that doesn't say of what
	seconds              // and such
	absolute             // seconds since 1970
)

// units are what names of fields end with, and how many seconds each is.
var units = []struct {
	suffix  string
	seconds float64
}{
	{"inmilliseconds", 1e-3}, {"milliseconds", 1e-3}, {"millis", 1e-3}, {"msec", 1e-3}, {"ms", 1e-3},
	{"inticks", 1e-7}, {"ticks", 1e-7}, {"nanos", 1e-9}, {"ns", 1e-9},
	{"inseconds", 1}, {"seconds", 1}, {"secs", 1}, {"sec", 1},
}

// unitOf takes the unit off a field's name; 0 if it has none.
func unitOf(name string) (base string, of float64) {
	for _, u := range units {
		if base, ok := strings.CutSuffix(name, u.suffix); ok && base != "" {
			return base, u.seconds
		}
	}
	return name, 0
}

var (
	withUnit = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?) ?(s|sec|seconds|ms)$`)
	isoSpan  = regexp.MustCompile(`^PT(?:([0-9]+)H)?(?:([0-9]+)M)?(?:([0-9]+(?:\.[0-9]+)?)S)?$`)
)

// momentOf reads the value of a field; of is its unit as far as the name says it.
func momentOf(n *node, of float64) (m moment) {
	defer func() {
		if math.IsNaN(m.value) || m.value < 0 || m.value > 1e18 {
			m = moment{}
		}
	}()
	switch {
	case n.kind == object: // {"seconds": "1", "nanos": 500000000}
		whole, part := n.field("seconds"), n.field("nanos")
		if whole == nil && part == nil {
			return moment{}
		}
		return moment{number(whole) + number(part)/1e9, seconds}
	case n.kind != text && n.kind != numeric:
		return moment{}
	}
	if v, err := strconv.ParseFloat(strings.TrimSpace(n.text), 64); err == nil {
		switch {
		case of > 0:
			return moment{v * of, seconds}
		case strings.ContainsAny(n.text, ".eE"):
			return moment{v, seconds} // nobody counts parts of milliseconds
		}
		return moment{v, unsure}
	}
	if v, ok := clock(n.text); ok {
		return moment{v, seconds}
	}
	if p := withUnit.FindStringSubmatch(n.text); p != nil {
		v, _ := strconv.ParseFloat(p[1], 64)
		if p[2] == "ms" {
			v /= 1000
		}
		return moment{v, seconds}
	}
	if p := isoSpan.FindStringSubmatch(n.text); p != nil && n.text != "PT" {
		v := 0.0
		for i, s := range []float64{3600, 60, 1} {
			part, _ := strconv.ParseFloat(p[i+1], 64)
			v += part * s
		}
		return moment{v, seconds}
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999-0700", "2006-01-02 15:04:05.999999999"} {
		if at, err := time.Parse(layout, n.text); err == nil && at.Year() >= 1970 {
			return moment{float64(at.UnixMilli()) / 1000, absolute}
		}
	}
	return moment{}
}

func number(n *node) float64 {
	if n == nil {
		return 0
	}
	v, err := strconv.ParseFloat(n.text, 64)
	if err != nil {
		return 0
	}
	return v
}

// clock reads a time as in 01:02:03.250 or 02:03, in seconds.
func clock(s string) (v float64, ok bool) {
	parts := strings.Split(strings.Replace(strings.TrimSpace(s), ",", ".", 1), ":")
	if len(parts) < 2 || len(parts) > 3 {
		return 0, false
	}
	for i, p := range parts {
		n, err := strconv.ParseFloat(p, 64)
		if err != nil || p[0] < '0' || p[0] > '9' || i > 0 && n >= 60 || n > 1e4 || i < len(parts)-1 && strings.Contains(p, ".") {
			return 0, false
		}
		v = v*60 + n
	}
	return v, true
}

// settle gives all pieces of a file their times: nobody writes half of them in seconds.
func settle(pieces []piece, length time.Duration) {
	scale, latest, count := 1.0, 0.0, 0
	sure, first := false, math.Inf(1)
	for i := range pieces {
		p := &pieces[i]
		if p.end.unit == nothing && p.lasts.unit != nothing && p.start.unit != nothing {
			p.end = moment{p.start.value + p.lasts.value, max(p.start.unit, p.lasts.unit)}
		}
		for _, m := range []moment{p.start, p.end} {
			switch m.unit {
			case unsure:
				latest = max(latest, m.value)
			case seconds:
				sure = sure || m.value != math.Trunc(m.value)
			}
		}
		if p.start.unit != nothing {
			first = min(first, p.start.value)
			count += strings.Count(p.text, " ") + 1
		}
	}
	if !sure && milliseconds(latest, count, length) {
		scale = 1e-3
	}
	if first < 1e8 {
		first = 0 // else it is no place in a call: they are times of day
	}
	for i := range pieces {
		p := &pieces[i]
		p.Start, p.End = p.start.ms(scale, first), p.end.ms(scale, first)
		if p.Start == None || p.End < p.Start {
			p.End = None
		}
	}
}

// milliseconds reports whether whole numbers up to latest are milliseconds: by the
// length of the call, or by how many words would be said in that time.
func milliseconds(latest float64, words int, length time.Duration) bool {
	if latest > 1e11 {
		return true // and since 1970
	}
	if length > 0 {
		return latest > 2*length.Seconds()+60
	}
	return latest > 20*float64(words) // a word takes 0.4 of a second, or 400 of its thousandths
}

// longestCall is more than any call lasts.
const longestCall = 100 * time.Hour

func (m moment) ms(scale, first float64) int64 {
	v := m.value - first
	switch m.unit {
	case nothing:
		return None
	case unsure:
		v *= scale
	}
	if v < 0 || v > longestCall.Seconds() {
		return None
	}
	return int64(v*1000 + 0.5)
}
