package report_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/report"
)

// element is one of a page, with what is in it.
type element struct {
	name     string
	attr     map[string]string
	children []*element
	text     string // of it and of all that is in it
}

// parsePage reads a page, which is well-formed but for elements that HTML leaves open.
func parsePage(t testing.TB, page []byte) *element {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(page))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	root := &element{}
	open := []*element{root}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return root
		}
		if err != nil {
			t.Fatal(err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			e := &element{name: token.Name.Local, attr: map[string]string{}}
			for _, a := range token.Attr {
				e.attr[a.Name.Local] = a.Value
			}
			parent := open[len(open)-1]
			parent.children = append(parent.children, e)
			open = append(open, e)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			for _, e := range open {
				e.text += string(token)
			}
		}
	}
}

// all are the elements with a name.
func (e *element) all(name string) (found []*element) {
	for _, c := range e.children {
		if c.name == name {
			found = append(found, c)
		}
		found = append(found, c.all(name)...)
	}
	return found
}

func (e *element) each(f func(*element)) {
	for _, c := range e.children {
		f(c)
		c.each(f)
	}
}

// row is the cells of the first row that begins with a text.
func (e *element) row(t testing.TB, begins string) (cells []string) {
	t.Helper()
	for _, tr := range e.all("tr") {
		if strings.HasPrefix(strings.TrimSpace(tr.text), begins) {
			for _, c := range tr.children {
				cells = append(cells, strings.TrimSpace(c.text))
			}
			return cells
		}
	}
	t.Errorf("no row begins with %q", begins)
	return nil
}

func html(t testing.TB, r *report.Report) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := r.HTML(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// elements are all that a page consists of. Whatever loads, runs or sends isn't among them.
var elements = strings.Fields(`html head meta title style body header main footer section h1 h2 h3 p a code strong small
	ul li dl div dt dd table caption thead tbody tr th td figure svg desc text line rect span`)

// The page loads nothing and runs nothing, everything on it can be read by who doesn't
// see it, and hostile texts stay texts.
func TestPage(t *testing.T) {
	t.Parallel()
	r, err := report.Make(t.Context(), several(t), october)
	if err != nil {
		t.Fatal(err)
	}
	text := html(t, r)
	page := parsePage(t, text)
	ids := map[string]bool{}
	page.each(func(e *element) {
		if id, ok := e.attr["id"]; ok && ids[id] {
			t.Errorf("two elements have the id %s", id)
		}
		ids[e.attr["id"]] = true
	})
	page.each(func(e *element) {
		if !slices.Contains(elements, e.name) {
			t.Errorf("<%s> is on the page: %s", e.name, e.text)
		}
		for name, value := range e.attr {
			switch {
			case strings.HasPrefix(name, "on"), name == "style", name == "src", name == "srcset", name == "action":
				t.Errorf("<%s> has %s=%q", e.name, name, value)
			case name == "href":
				if !strings.HasPrefix(value, "#") || !ids[value[1:]] {
					t.Errorf("a link leads to %q", value)
				}
			case name == "aria-labelledby":
				for _, id := range strings.Fields(value) {
					if !ids[id] {
						t.Errorf("<%s> is labelled by %s, which isn't there", e.name, id)
					}
				}
			}
		}
	})
	for _, table := range page.all("table") {
		if len(table.children) == 0 || table.children[0].name != "caption" {
			t.Errorf("a table has no caption: %.100s", table.text)
		}
		for _, th := range table.all("th") {
			if scope := th.attr["scope"]; scope != "row" && scope != "col" {
				t.Errorf("a header has no scope: %s", th.text)
			}
		}
		width := -1
		for _, tr := range table.all("tr") {
			n := 0
			for _, c := range tr.children {
				span := 1
				_, _ = fmt.Sscan(c.attr["colspan"], &span) // none: 1
				n += span
			}
			if width >= 0 && n != width {
				t.Errorf("a row has %d cells, others %d: %s", n, width, tr.text)
			}
			width = n
		}
	}
	charts := page.all("svg")
	for _, svg := range charts {
		if svg.attr["role"] != "img" || svg.children[0].name != "title" || svg.children[1].name != "desc" || svg.children[1].text == "" {
			t.Errorf("a chart has no title or description: %s", svg.text)
		}
	}
	if len(charts) != 4*4 {
		t.Errorf("%d charts, want four of each account that has recordings", len(charts))
	}
	policy := page.all("meta")[1].attr
	if policy["http-equiv"] != "Content-Security-Policy" || !strings.HasPrefix(policy["content"], "default-src 'none';") || strings.Contains(policy["content"], "unsafe") {
		t.Errorf("policy %v", policy)
	}
	for _, hostile := range []string{`acme & <i>sons</i>`, `<script>alert(1)</script> & "<b>bold</b>"`, `disk <on> fire`} {
		if !strings.Contains(page.text, hostile) {
			t.Errorf("the text %s is not on the page", hostile)
		}
	}
}

// Nothing of a caller is in a report, whatever form it has.
func TestNoCallers(t *testing.T) {
	t.Parallel()
	r, err := report.Make(t.Context(), several(t), october)
	if err != nil {
		t.Fatal(err)
	}
	var data bytes.Buffer
	if err := r.JSON(&data); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"page": string(html(t, r)), "JSON": data.String(), "text": r.Text()} {
		if !strings.Contains(text, "sons") {
			t.Errorf("%s: the account is not in it", name)
		}
		for _, secret := range []string{"5550142", "5550199", "JOHN", "SMITH", "4711"} {
			if regexp.MustCompile(`\b\w*` + secret).MatchString(text) {
				t.Errorf("%s: %s is in it", name, secret)
			}
		}
	}
}

// The page and the JSON have the same numbers.
func TestPageHasTheNumbers(t *testing.T) {
	t.Parallel()
	r, s := year(t).made(report.LastMonth(time.Now()))
	page := parsePage(t, html(t, r))
	comma := func(n int64) string { return fmt.Sprint(n) } // of numbers below a thousand
	last := s.Months[len(s.Months)-1]
	for begins, want := range map[string][]string{
		last.Month:                        {comma(last.Archived.Recordings), comma(last.Deleted.Recordings), comma(last.Archive.Recordings)},
		"archived, still at VBC":          {comma(s.Now.Both.Recordings)},
		"– succeeded":                     {comma(s.Runs.Succeeded)},
		"days without":                    {comma(int64(s.Runs.DaysWithout))},
		"within 30 days":                  {comma(s.Expiry.Locks.Days30.Recordings)},
		"– answered with HTTP status 429": {comma(s.Requests.ByStatus["429"])},
		"root":                            {s.Log.Root.String()},
	} {
		row := page.row(t, begins)
		for _, w := range want {
			if !slices.Contains(row, w) {
				t.Errorf("%s: %q, want %s in it", begins, row, w)
			}
		}
	}
	for _, w := range []string{s.Log.Verifier, s.Failures[0].Code, s.Failures[0].Meaning, s.Troubles[0].Meaning, "the receipts are intact"} {
		if !strings.Contains(page.text, w) {
			t.Errorf("%q is not on the page", w)
		}
	}
	var data bytes.Buffer
	var back report.Report
	if err := r.JSON(&data); err != nil || json.Unmarshal(data.Bytes(), &back) != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(asJSON(r), asJSON(back)); diff != "" {
		t.Error(diff)
	}
	if strings.Contains(data.String(), "null") {
		t.Error("a list is null in the JSON")
	}
}

// A chart has a bar for each month of calls, or each year where they are many, and its
// axis goes beyond the highest.
func TestCharts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ months, charts, bars int }{{0, 0, 0}, {1, 4, 1}, {36, 4, 36}, {61, 4, 6}, {300, 4, 26}} {
		t.Run(fmt.Sprint(c.months), func(t *testing.T) {
			t.Parallel()
			h := newHistory(t)
			now := time.Now().UTC()
			first := now.AddDate(0, 0, 1-now.Day())
			for i := range c.months {
				if i <= 40 || i%12 == 0 || i == c.months-1 { // one a year is enough
					h.archive(h.list(first.AddDate(0, -i, 0), 1000), first.AddDate(0, -i/2, 0))
				}
			}
			r, _ := h.made(october)
			charts := parsePage(t, html(t, r)).all("svg")
			if len(charts) != c.charts {
				t.Fatalf("%d charts, want %d", len(charts), c.charts)
			}
			for i, chart := range charts {
				bars := barsOf(t, chart)
				if n := len(bars); i == 3 && n != c.bars && (c.months < 60 || n != c.bars-1) {
					t.Errorf("%d bars, want %d", n, c.bars)
				}
				if year := now.Format("2006"); !strings.HasPrefix(bars[len(bars)-1].text, year) {
					t.Errorf("the last bar of chart %d is %q, want one of %s", i, bars[len(bars)-1].text, year)
				}
			}
		})
	}
}

// barsOf are the bars of a chart. All are where they should be.
func barsOf(t testing.TB, chart *element) (bars []*element) {
	t.Helper()
	for _, rect := range chart.all("rect") {
		if len(rect.children) == 0 {
			continue // of the legend
		}
		bars = append(bars, rect)
		var x, y, w, h float64
		if _, err := fmt.Sscan(rect.attr["x"]+" "+rect.attr["y"]+" "+rect.attr["width"]+" "+rect.attr["height"], &x, &y, &w, &h); err != nil {
			t.Fatal(err)
		}
		if x < 63.9 || x+w > 752.1 || y < 33.9 || y+h > 216.1 || w <= 0 || h <= 0 {
			t.Errorf("a bar lies outside: %v", rect.attr)
		}
	}
	return bars
}
