package holding

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/storage"
)

// Hold is one hold, in all manifests that have it.
type Hold struct {
	manifest.Hold
	Numbers []int64 // that it has there, each once
	In      []Place // where it is in force
	Over    []Place // where it has ended
}

// Label names it for people: its number, or numbers, and what it is everywhere.
func (h Hold) Label() string {
	return fmt.Sprintf("%s (%s)", strings.Trim(strings.ReplaceAll(fmt.Sprint(h.Numbers), " ", ", "), "[]"), Short(h.Digest))
}

// Short is as much of a hold's digest as people need to tell it from others.
func Short(d storage.Digest) string { return d.String()[:8] }

// Common are the holds of several manifests, each once. One that has ended in some
// of them is in force in the others.
func Common(places []Place) (all []Hold) {
	for _, p := range places {
		for _, h := range p.Holds {
			i := slices.IndexFunc(all, func(c Hold) bool { return c.Digest == h.Digest })
			if i < 0 {
				i, all = len(all), append(all, Hold{Hold: h})
			}
			c := &all[i]
			if c.Lost && !h.Lost { // its criteria are known here
				removed := c.Removed
				c.Hold = h
				c.Removed = removed
			}
			if !slices.Contains(c.Numbers, h.Number) {
				c.Numbers = append(c.Numbers, h.Number)
			}
			if h.Removed == nil {
				c.In, c.Removed = append(c.In, p), nil
			} else if c.Over = append(c.Over, p); len(c.In) == 0 {
				c.Removed = h.Removed
			}
		}
	}
	return all
}

// Covered says what a hold covers.
func Covered(h manifest.Hold) string {
	if h.Lost {
		return "every recording"
	}
	var words []string
	if len(h.IDs) > 0 {
		words = append(words, "with id "+strings.Trim(strings.ReplaceAll(fmt.Sprint(h.IDs), " ", ", "), "[]"))
	}
	if h.CallerID != "" {
		words = append(words, "with caller "+h.CallerID)
	}
	if h.Extension != "" {
		words = append(words, "of extension "+h.Extension)
	}
	if !h.Since.IsZero() {
		words = append(words, "from "+h.Since.Format(time.RFC3339))
	}
	if !h.Until.IsZero() {
		words = append(words, "before "+h.Until.Format(time.RFC3339))
	}
	return "recordings " + strings.Join(words, ", ")
}

// CoveredWhere is Covered, with the only destination to which runs heed the hold.
func CoveredWhere(h manifest.Hold) string {
	if h.Destination == "" {
		return Covered(h)
	}
	return Covered(h) + ", in runs to " + h.Destination
}
