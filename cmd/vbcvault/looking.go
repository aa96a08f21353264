package main

import (
	"encoding/json"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/vbcvault/vbcvault/pipeline"
	"github.com/vbcvault/vbcvault/pipeline/check"
)

// firstFindings is how many of each kind are shown to people who look at an
// archive that is in order but for a few.
const firstFindings = 20

// teller shows findings as they come, so that there may be millions: as lines of
// JSON, or for people the first so many of each kind; 0 = all.
func (o *output) teller(most int) func(check.Finding) {
	enc := json.NewEncoder(o.out)
	enc.SetEscapeHTML(false)
	shown := map[check.Kind]int{}
	return func(f check.Finding) {
		shown[f.Kind]++
		switch {
		case o.json:
			_ = enc.Encode(f) // as with all of stdout, whoever closes it wants no more
		case most == 0 || shown[f.Kind] <= most:
			about := f.Key
			if f.Recording != "" {
				about += " (" + f.Recording + ")"
			}
			fmt.Fprintf(o.out, "%-8s %s: %s\n", f.Kind, about, f.Means)
		case shown[f.Kind] == most+1:
			fmt.Fprintf(o.out, "%-8s … and more; --json shows all\n", f.Kind)
		}
	}
}

// looked shows how many recordings have been looked at, until the returned
// function is called.
func (o *output) looked(verb string, seen *atomic.Int64) (stop func()) {
	if o.progressStyle == "none" {
		return func() {}
	}
	begin, every := time.Now(), plainEvery
	if o.bars {
		every = plainEvery / 10
	}
	return ticking(every, func() {
		n := seen.Load()
		fmt.Fprintf(o.printer, "%s: %s recordings checked, %.0f/s\n", verb, humanize.Comma(n), float64(n)/time.Since(begin).Seconds())
	})
}

// stopped is err of a command, or that it was told to stop.
func stopped(ended, err error) error {
	if err != nil && ended != nil {
		return pipeline.ErrStopped
	}
	return err
}
