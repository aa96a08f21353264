package vbctest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
)

// collection finds out which collection a request is about, and answers where
// there is none.
func (a *Account) collection(w http.ResponseWriter, r *http.Request) (setKey, bool) {
	if !a.ownAccount(w, r) {
		return setKey{}, false
	}
	user := r.PathValue("user")
	if user == "" {
		return setKey{kind: Company}, true
	}
	n, err := strconv.ParseInt(user, 10, 64)
	if user == "self" {
		n, err = a.cfg.SelfUser, nil
	}
	if err != nil || !slices.Contains(a.cfg.Users, n) {
		backendError(w, http.StatusNotFound, "User not found")
		return setKey{}, false
	}
	return setKey{OnDemand, n}, true
}

func (a *Account) ownAccount(w http.ResponseWriter, r *http.Request) bool {
	if acc := r.PathValue("account"); acc == "self" || acc == fmt.Sprint(a.cfg.Account) {
		return true
	}
	backendError(w, http.StatusForbidden, "Account not accessible")
	return false
}

// item finds the recording that a request names.
func (a *Account) item(w http.ResponseWriter, r *http.Request) (k setKey, i int, rec *Recording) {
	k, ok := a.collection(w, r)
	if !ok {
		return k, -1, nil
	}
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		backendError(w, http.StatusBadRequest, "recording_id must be an integer")
		return k, -1, nil
	}
	if i, rec = a.find(k, id); rec == nil {
		backendError(w, http.StatusNotFound, "Recording not found")
	}
	return k, i, rec
}

func (a *Account) serveOne(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, _, rec := a.item(w, r); rec != nil {
		writeJSON(w, http.StatusOK, rec.json(a, hostOf(r)))
	}
}

func (a *Account) serveDelete(w http.ResponseWriter, r *http.Request, f *Fault) {
	a.mu.Lock()
	defer a.mu.Unlock()
	k, i, rec := a.item(w, r)
	if rec == nil {
		return
	}
	if !f.NoEffect {
		a.remove(k, i)
	}
	w.WriteHeader(http.StatusNoContent)
}

// serveAudio serves by the id alone, and the query says which kind's.
func (a *Account) serveAudio(w http.ResponseWriter, r *http.Request, f *Fault) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	k := setKey{kind: Company}
	if q := r.URL.Query(); q.Get("type") == "on_demand" {
		k.kind = OnDemand
		k.user, _ = strconv.ParseInt(q.Get("user"), 10, 64)
	}
	if f.Other != 0 {
		id = f.Other
	}
	a.mu.Lock()
	_, rec := a.find(k, id)
	if i := slices.IndexFunc(a.deleted, func(r Recording) bool { return r.ID == f.Other && r.set() == k }); rec == nil && i >= 0 {
		rec = &a.deleted[i]
	}
	a.mu.Unlock()
	if err != nil || rec == nil {
		backendError(w, http.StatusNotFound, "Audio not found")
		return
	}
	f.writeAudio(w, *rec)
}

// hostOf is scheme and host as the client has them.
func hostOf(r *http.Request) string {
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// serveList is a page of a collection as it is now.
func (a *Account) serveList(w http.ResponseWriter, r *http.Request, f *Fault) {
	a.mu.Lock()
	defer a.mu.Unlock()
	k, ok := a.collection(w, r)
	if !ok {
		return
	}
	q, err := a.parseListQuery(r.URL)
	if err != nil {
		backendError(w, http.StatusBadRequest, err.Error())
		return
	}
	matching := q.filter(a, a.sorted(k))
	from, to, ok := a.extent(w, &q, len(matching))
	if !ok {
		return
	}
	items := make([]any, 0, to-from)
	for i := from; i < to; i++ {
		rec := matching[i]
		if !q.ascending || a.cfg.IgnoreOrder {
			rec = matching[len(matching)-1-i]
		}
		if rec.ID == f.Hide {
			continue
		}
		items = append(items, rec.json(a, hostOf(r)))
	}
	path := hostOf(r) + a.collectionPath(k, r.PathValue("account"), r.PathValue("user"))
	a.writePage(w, path, "recordings", items, q.page, q.size, len(matching))
}

// extent is which of so many items are on the page that is asked for, and
// answers where there is no such page.
func (a *Account) extent(w http.ResponseWriter, q *listQuery, total int) (from, to int, ok bool) {
	first := a.firstPage()
	last := max(first, first+(total+q.size-1)/q.size-1)
	switch {
	case a.cfg.IgnorePage:
		q.page = first
	case q.page > last && a.cfg.PastEnd == 1:
		q.page = last
	case q.page > last && a.cfg.PastEnd > 1:
		backendError(w, a.cfg.PastEnd, "no such page")
		return 0, 0, false
	}
	from = min(max(0, q.page-first)*q.size, total)
	return from, min(from+q.size, total), true
}

func (a *Account) firstPage() int {
	if a.cfg.FirstPageZero {
		return 0
	}
	return 1
}

// writePage writes the HAL frame.
func (a *Account) writePage(w http.ResponseWriter, path, field string, items []any, page, size, total int) {
	pages := (total + size - 1) / size
	link := func(n int) map[string]any { return map[string]any{"href": fmt.Sprintf("%s?page=%d", path, n)} }
	first := a.firstPage()
	links := map[string]any{"first": link(first), "self": link(page), "last": link(max(first, first+pages-1))}
	if page > first {
		links["prev"] = link(page - 1)
	}
	if page < first+pages-1 {
		links["next"] = link(page + 1)
	}
	m := map[string]any{"_links": links, "page": page, "page_size": size, "total_items": total, "total_pages": pages}
	if len(items) > 0 {
		m["_embedded"] = map[string]any{field: items}
	} else if a.cfg.NullEmbedded {
		m["_embedded"] = nil
	}
	if a.cfg.Frame != nil {
		a.cfg.Frame(m)
	}
	if a.cfg.Rewrite == nil {
		writeJSON(w, http.StatusOK, m)
		return
	}
	body, err := json.Marshal(m)
	if err != nil {
		panic(err) // maps of plain values
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(a.cfg.Rewrite(body)) // the client may have gone away
}

// listQuery is a listing's query, checked.
type listQuery struct {
	page, size  int
	ascending   bool
	gte, lte    time.Time
	durationGTE time.Duration
	durationLTE time.Duration
	fields      map[string]string
}

func (a *Account) parseListQuery(u *url.URL) (q listQuery, err error) {
	values, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return q, fmt.Errorf("malformed query")
	}
	q = listQuery{page: a.firstPage(), size: 10, fields: map[string]string{}}
	if a.cfg.DefaultPageOne {
		q.page = 1
	}
	for name, vs := range values {
		if len(vs) != 1 {
			return q, fmt.Errorf("%s is given twice", name)
		}
		if err := q.set(a, name, vs[0]); err != nil {
			return q, fmt.Errorf("invalid %s: %w", name, err)
		}
	}
	switch {
	case q.page < a.firstPage():
		return q, fmt.Errorf("invalid page: the first is %d", a.firstPage())
	case q.ascending && a.cfg.RejectOrder:
		return q, fmt.Errorf("invalid order")
	case a.cfg.RejectPageSizeAbove > 0 && q.size > a.cfg.RejectPageSizeAbove:
		return q, fmt.Errorf("invalid page_size: at most %d", a.cfg.RejectPageSizeAbove)
	}
	q.size = min(q.size, a.cfg.MaxPageSize)
	return q, nil
}

func (q *listQuery) set(a *Account, name, v string) (err error) {
	ms := func() (time.Duration, error) {
		n, err := strconv.ParseInt(v, 10, 64)
		return time.Duration(n) * time.Millisecond, err
	}
	switch name {
	case "page":
		q.page, err = strconv.Atoi(v)
	case "page_size":
		if q.size, err = strconv.Atoi(v); err == nil && q.size < 1 {
			err = fmt.Errorf("it must be positive")
		}
	case "order":
		q.ascending = v == "start:ASC"
		if !q.ascending && v != "start:DESC" {
			err = fmt.Errorf("start:ASC or start:DESC")
		}
	case "start:gte":
		q.gte, err = a.parseTime(v)
	case "start:lte":
		q.lte, err = a.parseTime(v)
	case "duration:gte":
		q.durationGTE, err = ms()
	case "duration:lte":
		q.durationLTE, err = ms()
	case "call_direction":
		if !slices.Contains(directions, v) {
			err = fmt.Errorf("one of %v", directions)
		}
		q.fields[name] = v
	case "call_id", "caller_id", "cnam", "dnis", "extension":
		q.fields[name] = v
	default:
		err = fmt.Errorf("unknown parameter")
	}
	return err
}

// parseTime reads a time as filters may have it. One without a zone is refused.
func (a *Account) parseTime(v string) (time.Time, error) {
	for layout, refused := range map[string]bool{timeLayout: a.cfg.RefuseOffset, "2006-01-02T15:04:05Z": a.cfg.RefuseZ, "2006-01-02T15:04:05.000Z": a.cfg.RefuseZ} {
		if t, err := time.Parse(layout, v); err == nil && !refused {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("time %q is malformed at %q", v, v[min(len(v), 19):])
}

// filter returns what matches, in ascending order. Where only the time
// matters, it is a part of all and costs nothing.
func (q *listQuery) filter(a *Account, all []*Recording) []*Recording {
	if !a.cfg.IgnoreStartFilter {
		if gte := a.reads(q.gte); !gte.IsZero() {
			all = all[sort.Search(len(all), func(i int) bool {
				return all[i].Start.After(gte) || !a.cfg.FilterExclusive && all[i].Start.Equal(gte)
			}):]
		}
		if lte := a.reads(q.lte); !lte.IsZero() {
			all = all[:sort.Search(len(all), func(i int) bool { return all[i].Start.After(lte) })]
		}
	}
	if a.cfg.IgnoreFilters || len(q.fields) == 0 && q.durationGTE == 0 && q.durationLTE == 0 {
		return all
	}
	var out []*Recording
	for _, r := range all {
		if q.matches(r.json(a, "")) {
			out = append(out, r)
		}
	}
	return out
}

// reads is what the account takes a time in a query for.
func (a *Account) reads(t time.Time) time.Time {
	if t.IsZero() || a.cfg.FilterZone == nil {
		return t
	}
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), a.cfg.FilterZone)
}

// matches looks at what is shown of a recording. Numbers and strings are the
// same to it.
func (q *listQuery) matches(shown map[string]any) bool {
	for name, want := range q.fields {
		has := []string{fmt.Sprint(shown[name])}
		if name == "extension" {
			has = strings.Fields(strings.Trim(fmt.Sprint(shown["extensions"]), "[]"))
		}
		if !slices.Contains(has, want) {
			return false
		}
	}
	ms, _ := shown["duration"].(int64)
	d := time.Duration(ms) * time.Millisecond
	return d >= q.durationGTE && (q.durationLTE == 0 || d <= q.durationLTE)
}

func (a *Account) serveAccount(w http.ResponseWriter, r *http.Request) {
	if a.ownAccount(w, r) {
		writeJSON(w, http.StatusOK, map[string]any{"_embedded": map[string]any{"data": map[string]any{
			"id": a.cfg.Account, "name": "Example Company", "status": "ACTIVE",
		}}})
	}
}

func (a *Account) serveUsers(w http.ResponseWriter, r *http.Request) {
	if !a.ownAccount(w, r) {
		return
	}
	q, err := a.parseListQuery(r.URL)
	if err != nil {
		backendError(w, http.StatusBadRequest, err.Error())
		return
	}
	var items []any
	from, to, ok := a.extent(w, &q, len(a.cfg.Users))
	if !ok {
		return
	}
	for _, u := range a.cfg.Users[from:to] {
		items = append(items, map[string]any{"id": u, "login_name": fmt.Sprintf("user%d", u), "email": fmt.Sprintf("user%d@example.com", u)})
	}
	a.writePage(w, hostOf(r)+r.URL.Path, "data", items, q.page, q.size, len(a.cfg.Users))
}
