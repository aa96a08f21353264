package manifest

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/vbcvault/vbcvault/storage"
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

	// Destination is the only one whose manifests have the hold, "" if all of the
	// account's are to have it. What a manifest has holds there, whatever it says.
	Destination string `json:"destination,omitempty"`

	Reason string    `json:"reason"`
	By     string    `json:"by"`
	At     time.Time `json:"at"` // UTC

	// Lost says that there is a hold, and nobody knows any more on what. It
	// covers everything.
	Lost bool `json:"-"`

	// Changed says that it is lost since the manifest has another text of it than the
	// one that it was made with.
	Changed bool `json:"-"`

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

// Covers reports whether a recording is held: whether each of the criteria fits
// something that VBC has ever said of it, so that no later answer of VBC takes out
// of a hold what was under it. Where numbers may be written in several ways, and
// where VBC names no caller or no extension at all, it is generous: a recording
// held in vain is still there.
func (h Hold) Covers(row Row) bool {
	if h.Lost || !h.Selects() {
		return true
	}
	return (len(h.IDs) == 0 || slices.Contains(h.IDs, row.ID)) &&
		(h.CallerID == "" || row.ever(h.fitsCaller)) &&
		(h.Extension == "" || row.ever(h.fitsExtension)) &&
		(h.Since.IsZero() && h.Until.IsZero() || row.ever(h.fitsStart))
}

func (h Hold) fitsCaller(s Said) bool {
	return strings.TrimSpace(s.CallerID) == "" || sameCaller(h.CallerID, s.CallerID)
}

// fitsExtension takes an extension that can't be read for any.
func (h Hold) fitsExtension(s Said) bool {
	return len(s.Extensions) == 0 || slices.ContainsFunc(s.Extensions, func(e string) bool {
		return e == h.Extension || strings.TrimSpace(e) == ""
	})
}

func (h Hold) fitsStart(s Said) bool {
	return s.Start.IsZero() ||
		(h.Since.IsZero() || !s.Start.Before(h.Since)) && (h.Until.IsZero() || s.Start.Before(h.Until))
}

// Names reports whether a hold has the number of a caller whom VBC has named for
// a recording, whatever else it asks for.
func (h Hold) Names(row Row) bool {
	return h.CallerID != "" && row.ever(func(s Said) bool {
		return strings.TrimSpace(s.CallerID) != "" && sameCaller(h.CallerID, s.CallerID)
	})
}

// ForLack reports whether a recording that is covered is so because VBC has named
// no caller, or no extension, of it.
func (h Hold) ForLack(row Row) bool {
	return h.CallerID != "" && !h.Names(row) || h.Extension != "" && !row.ever(func(s Said) bool {
		return slices.Contains(s.Extensions, h.Extension)
	})
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
func Covering(holds []Hold, row Row) (h Hold, ok bool) {
	i := slices.IndexFunc(holds, func(h Hold) bool { return h.Removed == nil && h.Covers(row) })
	if i < 0 {
		return Hold{}, false
	}
	return holds[i], true
}

// InForce returns those holds that have not been removed.
func InForce(holds []Hold) []Hold {
	return slices.DeleteFunc(slices.Clone(holds), func(h Hold) bool { return h.Removed != nil })
}

// Span is a time in Unix milliseconds, with both ends.
type Span struct{ From, To int64 }

// UnheldTimes are the times of which none of holds, which are in force, covers all, and
// up to a millisecond around each.
func UnheldTimes(holds []Hold) (free []Span) {
	var held []Span // To excluded
	for _, h := range holds {
		if len(h.IDs) > 0 || h.CallerID != "" || h.Extension != "" {
			continue
		}
		s := Span{math.MinInt64, math.MaxInt64}
		if !h.Since.IsZero() {
			s.From = NotBefore(h.Since)
		}
		if !h.Until.IsZero() {
			s.To = h.Until.UnixMilli()
		}
		held = append(held, s)
	}
	slices.SortFunc(held, func(a, b Span) int { return cmp.Compare(a.From, b.From) })
	from := int64(math.MinInt64)
	add := func(to int64) {
		if from < to {
			free = append(free, Span{from, to})
		}
	}
	for _, s := range held {
		add(s.From)
		from = max(from, s.To)
	}
	if from < math.MaxInt64 {
		add(math.MaxInt64)
	}
	return free
}
