package manifest

import (
	"slices"
	"strings"
	"time"

	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// Hold is a legal hold: no run deletes at VBC what it covers. It covers the
// recordings that match all of its criteria, of every kind and user.
type Hold struct {
	Number int64          `json:"-"`     // in this manifest
	Digest storage.Digest `json:"-"`     // of the hold's text without its end: what identifies it everywhere
	Nonce  string         `json:"nonce"` // so that nobody guesses a telephone number out of the digest

	IDs       []int64   `json:"ids,omitempty"` // one of them; the same id may be of two kinds, and both are held
	CallerID  string    `json:"caller_id,omitempty"`
	Extension string    `json:"extension,omitempty"`
	Since     time.Time `json:"since,omitzero"` // start at or after
	Until     time.Time `json:"until,omitzero"` // and before

	Reason string    `json:"reason"`
	By     string    `json:"by"`
	At     time.Time `json:"at"` // UTC

	// Lost says that there is a hold, and nobody knows any more on what. It
	// covers everything.
	Lost bool `json:"-"`

	Removed *Removal `json:"-"` // nil as long as it holds
}

// Removal is the end of a hold.
type Removal struct {
	Hold   storage.Digest `json:"hold"`
	Reason string         `json:"reason"`
	By     string         `json:"by"`
	At     time.Time      `json:"at"` // UTC
}

// Selects reports whether there are criteria at all.
func (h Hold) Selects() bool {
	return len(h.IDs) > 0 || h.CallerID != "" || h.Extension != "" || !h.Since.IsZero() || !h.Until.IsZero()
}

// Covers reports whether a recording is held. Where numbers may be written in
// several ways it is generous: a recording held in vain is still there.
func (h Hold) Covers(r vbc.Recording) bool {
	if h.Lost || !h.Selects() {
		return true
	}
	unknown := isBare(string(r.Raw)) // nobody knows the call
	return (len(h.IDs) == 0 || slices.Contains(h.IDs, r.ID)) &&
		(h.CallerID == "" || unknown || sameCaller(h.CallerID, r.CallerID)) &&
		(h.Extension == "" || unknown || slices.Contains(r.Extensions, h.Extension) || slices.Contains(r.Extensions, "")) &&
		(h.Since.IsZero() || !r.Start.Before(h.Since)) && (h.Until.IsZero() || r.Start.Before(h.Until))
}

// How many digits make a telephone number that stands for itself, and how many
// of its last ones are compared: what comes before may be a country's code, a
// 0, or nothing.
const (
	fewestDigits = 7
	lastDigits   = 9
)

// Literal reports whether the hold is on a caller that has too few digits to be
// compared as a number, and so is compared as it is written.
func (h Hold) Literal() bool { return h.CallerID != "" && len(digits(h.CallerID)) < fewestDigits }

// sameCaller compares two callers, as numbers if they are. One may have other
// digits around it, as in an extension or an address.
func sameCaller(a, b string) bool {
	x, y := digits(a), digits(b)
	if len(x) < fewestDigits || len(y) < fewestDigits {
		return strings.EqualFold(strings.TrimSpace(a), strings.TrimSpace(b))
	}
	n := min(len(x), len(y), lastDigits)
	return strings.Contains(x, y[len(y)-n:]) || strings.Contains(y, x[len(x)-n:])
}

// Digits are the digits of a telephone number, however it is written; "" if it has
// too few to be one.
func Digits(caller string) string {
	if all := digits(caller); len(all) >= fewestDigits {
		return all
	}
	return ""
}

func digits(s string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, s)
}

// Covering returns the first of holds that covers a recording; ok is false if
// none does.
func Covering(holds []Hold, r vbc.Recording) (h Hold, ok bool) {
	i := slices.IndexFunc(holds, func(h Hold) bool { return h.Removed == nil && h.Covers(r) })
	if i < 0 {
		return Hold{}, false
	}
	return holds[i], true
}

// InForce returns those holds that have not been removed.
func InForce(holds []Hold) []Hold {
	return slices.DeleteFunc(slices.Clone(holds), func(h Hold) bool { return h.Removed != nil })
}
