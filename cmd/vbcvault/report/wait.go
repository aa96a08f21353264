package report

import (
	"math"
	"time"
)

// Wait is how long something took for so many recordings. Median and P95 are exact to
// one percent, the longest to the second.
type Wait struct {
	Recordings int64   `json:"recordings"`
	Median     float64 `json:"median_seconds"`
	P95        float64 `json:"p95_seconds"` // 95 of 100 took no longer
	Longest    float64 `json:"longest_seconds"`
}

// waits adds up waiting times in flat memory: by classes of which each is two percent
// longer than the one before.
type waits struct {
	n       int64
	classes map[int]int64
	longest time.Duration
}

const classWidth = 1.02

// add takes one. Clocks may disagree: nothing has waited less than not at all.
func (w *waits) add(d time.Duration) {
	d = max(d, 0)
	if w.classes == nil {
		w.classes = map[int]int64{}
	}
	w.n++
	w.classes[int(math.Log1p(d.Seconds())/math.Log(classWidth))]++
	w.longest = max(w.longest, d)
}

// wait is what they came to.
func (w *waits) wait() Wait {
	return Wait{w.n, w.share(0.5), w.share(0.95), math.Round(w.longest.Seconds())}
}

// share is how long the shortest so many of all have taken at most: the middle of the
// class in which the last of them is.
func (w *waits) share(part float64) float64 {
	rank := int64(math.Ceil(part * float64(w.n)))
	if w.n == 0 {
		return 0
	}
	for class := 0; ; class++ {
		if rank -= w.classes[class]; rank <= 0 {
			middle := math.Pow(classWidth, float64(class)+0.5) - 1
			return math.Round(min(middle, w.longest.Seconds()))
		}
	}
}
