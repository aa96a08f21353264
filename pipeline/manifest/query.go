package manifest

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/vbcvault/vbcvault/vbc"
)

// Search finds recordings by what is known of their calls.
type Search interface {
	// Search yields the recordings that a query selects, by their start; of those
	// with the same one, by kind, owner, id and Nth.
	Search(ctx context.Context, q Query) iter.Seq2[Row, error]
	// Count counts the recordings that a query selects, whatever its Limit and After:
	// all of them and, if by isn't "", each group of them, in order. Months are those of
	// zone. It holds no more in memory than a month's worth of short entries.
	Count(ctx context.Context, q Query, by Grouping, zone *time.Location) (groups []Count, total Count, err error)
	// CountUpTo counts the recordings that a query selects, whatever its Limit and
	// After, and stops at limit: more reports whether there are others. A limit of 0
	// asks only that.
	CountUpTo(ctx context.Context, q Query, limit int64) (n int64, more bool, err error)
}

// Query selects recordings by what VBC has said of them and how far they have
// come. Fields that are zero select nothing; a recording must match all others.
type Query struct {
	IDs          []int64
	States       []State
	Kind         vbc.Kind
	Owner        string     // of on-demand recordings
	Since, Until time.Time  // of their start; Until excluded
	Filter       vbc.Filter // compared exactly, as VBC writes it
	Text         string     // part of a name or number, in whatever case
	OldestFirst  bool       // else the newest

	// Number is the end of a caller's or a called number, in digits, however VBC
	// writes it.
	Number string
	// Name is part of the caller's name as VBC knows it, in whatever case.
	Name string
	// Held selects what a hold in force covers, or what none does; nil selects
	// nothing. Matches says nothing of it: who asks knows the holds.
	Held *bool
	// Transcribed selects what has a transcript in the archive, or has none; nil
	// selects nothing.
	Transcribed *bool
	// Words selects recordings by what was said, by the full-text index of their
	// transcripts: all these words, those in double quotes in this order, and those
	// that begin so where a * is behind it. What package words refuses is an error of
	// it. Matches says nothing of it.
	Words string
	// Scope is what whoever asks may see at all.
	Scope Scope

	// After is the last place that was seen already: what comes next in the order
	// of the query. Zero begins at the beginning.
	After Place
	Limit int // 0 = all
}

// Matches reports whether a row is one of those that are selected. It has the
// last word, whatever SQLite has found.
func (q Query) Matches(r Row) bool {
	return (len(q.IDs) == 0 || slices.Contains(q.IDs, r.ID)) && (len(q.States) == 0 || slices.Contains(q.States, r.State)) &&
		(q.Kind == "" || q.Kind == r.Kind) && (q.Owner == "" || q.Owner == r.Owner) &&
		(q.Since.IsZero() || !r.Start.Before(q.Since)) && (q.Until.IsZero() || r.Start.Before(q.Until)) &&
		q.Filter.Matches(r.Recording) && (q.Text == "" || contains(r.Recording, q.Text)) &&
		(q.Number == "" || strings.HasSuffix(digits(r.CallerID), q.Number) || strings.HasSuffix(digits(r.DNIS), q.Number)) &&
		(q.Name == "" || strings.Contains(strings.ToLower(r.CNAM), strings.ToLower(q.Name))) &&
		(q.Transcribed == nil || *q.Transcribed == (r.Copy.Transcript.Key != "")) && q.Scope.Covers(r)
}

// Scope is a part of an account's recordings. The zero Scope is all of them.
type Scope struct {
	Extensions []string  // calls of one of these, as VBC writes them; nil = of all. Empty and not nil = of none
	Since      time.Time // and that start then or later; zero = all
}

// Covers reports whether a recording is in the scope. One of which VBC names no
// extension is in no scope that asks for some.
func (s Scope) Covers(r Row) bool {
	return (s.Extensions == nil || slices.ContainsFunc(r.Extensions, func(e string) bool { return slices.Contains(s.Extensions, e) })) &&
		(s.Since.IsZero() || !r.Start.Before(s.Since))
}

// Place is where a recording stands in the order of a search.
type Place struct {
	Start time.Time // its milliseconds count
	Kind  vbc.Kind
	Owner string
	ID    int64
	Nth   int64
}

// PlaceOf is where a row stands.
func PlaceOf(r Row) Place {
	return Place{Start: r.Start, Kind: r.Kind, Owner: r.Owner, ID: r.ID, Nth: r.Nth}
}

// Compare orders places as a search does that has the oldest first.
func (p Place) Compare(o Place) int {
	return cmp.Or(cmp.Compare(p.Start.UnixMilli(), o.Start.UnixMilli()), cmp.Compare(p.Kind, o.Kind), cmp.Compare(p.Owner, o.Owner),
		cmp.Compare(p.ID, o.ID), cmp.Compare(p.Nth, o.Nth))
}

// Passed reports whether a row comes at the place that the query begins after, or
// before it.
func (q Query) Passed(r Row) bool {
	if q.After == (Place{}) {
		return false
	}
	order := PlaceOf(r).Compare(q.After)
	return order == 0 || (order < 0) == q.OldestFirst
}

func contains(r vbc.Recording, text string) bool {
	text = strings.ToLower(text)
	return slices.ContainsFunc(append([]string{r.CallerID, r.DNIS, r.CNAM, r.FileName}, r.Extensions...), func(has string) bool {
		return strings.Contains(strings.ToLower(has), text)
	})
}

// NotBefore is the first whole millisecond that isn't before t.
func NotBefore(t time.Time) int64 {
	ms := t.UnixMilli()
	if t.After(time.UnixMilli(ms)) {
		ms++
	}
	return ms
}

// Grouping is what recordings are counted by.
type Grouping string

const (
	ByMonth     Grouping = "month"     // of their start, as in 2026-05
	ByExtension Grouping = "extension" // under each of theirs, "" where there is none
	ByDirection Grouping = "direction" // as VBC writes it, "" where it doesn't say
	ByState     Grouping = "state"
)
