package web

import (
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

// logForm is what somebody looks for in the log of who has listened, as they have
// written it. Days, the account and what is wrong are those of any form.
type logForm struct {
	*form
	Who, ID, How string
	names        []string // of the accounts that whoever looks may see
}

func (f *logForm) fields() []parameter {
	return []parameter{
		{"who", &f.Who, 200}, {"id", &f.ID, 19}, {"how", &f.How, 20}, {"from", &f.From, 10}, {"to", &f.To, 10}, {"account", &f.Account, 200},
	}
}

// readLogForm takes a form out of an address.
func readLogForm(v url.Values) *logForm {
	f := &logForm{form: &form{Wrong: map[string]string{}}}
	for _, x := range f.fields() {
		*x.to = strings.TrimSpace(v.Get(x.name))
		if !utf8.ValidString(*x.to) || utf8.RuneCountInString(*x.to) > x.most {
			f.Wrong[x.name] = "This is too long: at most " + strconv.Itoa(x.most) + " characters."
			*x.to = cut(x.most, strings.ToValidUTF8(*x.to, "\ufffd"))
		}
	}
	return f
}

// Query is the address's part that stands for the form. Fields that are empty aren't in
// it.
func (f *logForm) Query() string {
	var parts []string
	for _, x := range f.fields() {
		if *x.to != "" {
			parts = append(parts, x.name+"="+url.QueryEscape(*x.to))
		}
	}
	return strings.Join(parts, "&")
}

// Any reports whether the form asks for anything.
func (f *logForm) Any() bool { return f.Query() != "" }

// Hows are the ways of getting to know what was said, for the template.
func (f *logForm) Hows() (all []choice) {
	for _, h := range manifest.Hows {
		all = append(all, choice{string(h), howWords(h)})
	}
	return all
}

// ExportAs is the address of all that the form asks for, in a format.
func (f *logForm) ExportAs(format string) string {
	query := "as=" + format
	if q := f.Query(); q != "" {
		query += "&" + q
	}
	return "/listenings/export?" + query
}

// address is that of a page of the log, behind a place.
func (f *logForm) address(before string) string {
	query := f.Query()
	if before != "" {
		query = strings.TrimPrefix(query+"&before="+url.QueryEscape(before), "&")
	}
	return strings.TrimSuffix("/listenings?"+query, "?")
}

// ask is what the manifests are asked, with days in a zone. Wrong has what isn't
// understood, and then the query is of no use.
func (f *logForm) ask(zone *time.Location) (q manifest.ListeningQuery) {
	f.named(f.names)
	q.Who = f.Who
	if f.ID != "" {
		id, err := strconv.ParseInt(f.ID, 10, 64)
		if err != nil || id <= 0 {
			f.wrong("id", "This is not the number of a recording: its page has it, as in 193228.")
		}
		q.IDs = []int64{id}
	}
	hows := map[string]manifest.How{}
	for _, h := range manifest.Hows {
		hows[string(h)] = h
	}
	q.How = chosen(f.form, "how", f.How, hows)
	q.Since, q.Until = f.date("from", f.From, zone, 0), f.date("to", f.To, zone, 1)
	if !q.Since.IsZero() && !q.Until.IsZero() && !q.Since.Before(q.Until) {
		f.wrong("to", "The last day is before the first one: change one of them.")
	}
	return q
}
