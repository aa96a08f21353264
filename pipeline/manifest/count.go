package manifest

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// Count is so many recordings.
type Count struct {
	Group      string
	Recordings int64
	Bytes      int64 // of audio, see Row.Bytes; those of unknown size are left out
}

func (c *Count) add(n, bytes int64) {
	c.Recordings += n
	c.Bytes += bytes
}

// Counting adds up recordings, all of them and by groups.
type Counting struct {
	By     Grouping       // "" = by nothing
	Zone   *time.Location // of months
	total  Count
	groups map[string]*Count
}

// NewCounting begins to count.
func NewCounting(by Grouping, zone *time.Location) *Counting {
	return &Counting{By: by, Zone: zone, groups: map[string]*Count{}}
}

// Counts are the groups, in order, and all together.
func (c *Counting) Counts() (groups []Count, total Count) {
	for _, name := range slices.Sorted(maps.Keys(c.groups)) {
		groups = append(groups, *c.groups[name])
	}
	return groups, c.total
}

// Row counts one row.
func (c *Counting) Row(r Row) {
	names := []string{}
	switch c.By {
	case ByMonth:
		names = c.names("", r.Start)
	case ByExtension:
		names = extensions(r.Extensions)
	case ByDirection:
		names = append(names, r.Direction)
	case ByState:
		names = append(names, string(r.State))
	}
	c.add(names, 1, max(r.Bytes(), 0))
}

// Add counts so many recordings of a month that have one value of what is counted
// by: of ByExtension all of a recording's, as in ",101,102,".
func (c *Counting) Add(value string, month time.Time, n, bytes int64) {
	c.add(c.names(value, month), n, bytes)
}

// AddExtensions counts so many recordings that have all these extensions.
func (c *Counting) AddExtensions(all []string, n, bytes int64) { c.add(extensions(all), n, bytes) }

// names are the groups that a value, as of Add, stands for.
func (c *Counting) names(value string, at time.Time) []string {
	switch c.By {
	case "":
		return nil
	case ByMonth:
		return []string{at.In(c.Zone).Format("2006-01")}
	case ByExtension:
		return extensions(strings.Split(value[1:len(value)-1], ","))
	}
	return []string{value}
}

// extensions are those that a recording is counted under, each once.
func extensions(all []string) []string {
	if len(all) == 0 {
		return []string{""}
	}
	return slices.Compact(slices.Sorted(slices.Values(all)))
}

func (c *Counting) add(names []string, n, bytes int64) {
	c.total.add(n, bytes)
	for _, name := range names {
		if c.groups[name] == nil {
			c.groups[name] = &Count{Group: name}
		}
		c.groups[name].add(n, bytes)
	}
}

// NextMonth is when the month after t's begins, in t's zone. There may be no
// midnight, where summer time begins with a month.
func NextMonth(t time.Time) time.Time {
	next := time.Date(t.Year(), t.Month()+1, 1, 0, 0, 0, 0, t.Location())
	for next.Month() == t.Month() {
		next = next.Add(time.Hour)
	}
	return next
}
