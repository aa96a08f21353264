package report

import (
	"crypto/sha256"
	_ "embed" // the page
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/dustin/go-humanize"
)

//go:embed page.html
var pageText string

//go:embed page.css
var pageStyle string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"comma": humanize.Comma, "bytes": func(n int64) string { return humanize.IBytes(uint64(max(n, 0))) },
	"span": span, "moment": moment, "day": dayText, "sentence": sentence, "how": howSays,
	"int64": func(n int) int64 { return int64(n) },
	"count": func(list any) int64 { return int64(reflect.ValueOf(list).Len()) },
	"px":    func(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) },
	"plus":  func(a, b float64) float64 { return a + b },
}).Parse(pageText))

// policy lets the page load nothing at all, and only this very style count: whatever
// text gets into it can do nothing.
func policy() string {
	sum := sha256.Sum256([]byte(pageStyle))
	return "default-src 'none'; base-uri 'none'; form-action 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// page is what the template shows.
type page struct {
	*Report
	Policy   string
	Style    template.CSS
	Sections []shown
	Total    total
}

// total is the sum over all accounts.
type total struct {
	Archived, Deleted, Archive Sum
	Waiting, Failed            int64
}

// shown is a section with what is reckoned for the page alone.
type shown struct {
	Section
	ID         string // within the page
	DeedCharts []chart
	CallChart  chart
	Deeds      []Month
	CallRows   []CallMonth
	ByYear     bool
}

// HTML writes the report as one page that needs nothing else.
func (r *Report) HTML(w io.Writer) error {
	p := page{Report: r, Policy: policy(), Style: template.CSS(pageStyle)} //nolint:gosec // it is our own file
	for i, s := range r.Accounts {
		p.Sections = append(p.Sections, show(s, fmt.Sprintf("a%d", i+1)))
		t := &p.Total
		t.Archived, t.Deleted, t.Archive = t.Archived.plus(s.Done.Archived), t.Deleted.plus(s.Done.Deleted), t.Archive.plus(s.Now.Archive())
		t.Waiting, t.Failed = t.Waiting+s.NotArchived(), t.Failed+s.Failed()
	}
	if err := pageTemplate.Execute(w, p); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// JSON writes the same numbers for programs.
func (r *Report) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	if err := e.Encode(r); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

func show(s Section, id string) shown {
	months, earlier := s.deeds()
	calls := s.calls()
	v := shown{Section: s, ID: id, DeedCharts: deedCharts(id, months), CallChart: callChart(id, calls),
		CallRows: calls, ByYear: len(calls) != len(s.Calls), Deeds: months}
	if earlier != nil {
		v.Deeds = append([]Month{*earlier}, months...)
	}
	return v
}

// NotArchived is how many recordings are not archived, as far as anybody knows.
func (s Section) NotArchived() int64 { return s.Now.Waiting.Recordings + s.Now.Unseen }

// Failed is how many recordings failed in their last run.
func (s Section) Failed() (n int64) {
	for _, f := range s.Failures {
		n += f.Recordings
	}
	return n
}

// Acknowledged is how many of these somebody takes for granted.
func (s Section) Acknowledged() (n int64) {
	for _, f := range s.Failures {
		n += f.Acknowledged
	}
	return n
}

// dueRow is a row of the table of what ends.
type dueRow struct {
	When          string
	Lock, Removal Sum
}

// Dues is the table of what ends.
func (s shown) Dues() []dueRow {
	l, r := s.Expiry.Locks, s.Expiry.Removal
	return []dueRow{
		{"already over", l.Over, r.Over}, {"within 30 days", l.Days30, r.Days30}, {"31 to 90 days", l.Days90, r.Days90},
		{"91 to 365 days", l.Days365, r.Days365}, {"later", l.Later, r.Later}, {"never, or not known", l.Never, r.Never},
	}
}

// statusRow is how many requests VBC has answered in one way.
type statusRow struct {
	Says     string
	Requests int64
}

// Statuses are the answers of VBC.
func (s shown) Statuses() (all []statusRow) {
	for _, status := range slices.Sorted(maps.Keys(s.Requests.ByStatus)) {
		says := "answered with HTTP status " + status
		if status == "none" {
			says = "without an answer"
		}
		all = append(all, statusRow{says, s.Requests.ByStatus[status]})
	}
	return all
}

// dayText is a date for people.
func dayText(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return t.UTC().Format("2 Jan 2006")
}

// sentence is a piece of advice, which may begin in the middle of one, as a sentence. A
// command keeps its name.
func sentence(s string) string {
	if s == "" {
		return ""
	}
	if first, n := utf8.DecodeRuneInString(s); !strings.HasPrefix(s, "vbcvault") {
		s = string(unicode.ToUpper(first)) + s[n:]
	}
	return strings.TrimSuffix(s, ".") + "."
}
