package vbc

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Query selects recordings of one collection.
type Query struct {
	Kind     Kind
	Account  string    // number or "self"
	User     string    // number or "self"; on-demand only
	Before   time.Time // start at or before; whole seconds are all that the API knows
	Since    time.Time // start at or after; zero = any
	PageSize int       // recordings per page to ask for, 0 = 100

	OldestFirst bool // else the newest
	Filter      Filter
}

// DefaultPageSize is how many recordings a page is asked to hold.
const DefaultPageSize = 100

// Listing is a listing on its way. It is used by one goroutine.
type Listing struct {
	query Query
	walk  walk
}

// List prepares a listing. It sends nothing.
//
// The filters only spare requests: VBC may ignore them, and they are inclusive
// and coarse. Check each recording's own Start.
func (c *Client) List(q Query) *Listing {
	v := q.Filter.parameters()
	v.Set("order", "start:DESC")
	if q.OldestFirst {
		v.Set("order", "start:ASC")
	}
	if !q.Before.IsZero() {
		v.Set("start:lte", c.queryTime(q.Before))
	}
	if !q.Since.IsZero() {
		v.Set("start:gte", c.queryTime(q.Since))
	}
	if q.PageSize <= 0 {
		q.PageSize = DefaultPageSize
	}
	return &Listing{query: q, walk: c.walk(walk{
		op: "list " + collectionName(q.Kind, q.User), url: c.collection(q.Kind, q.Account, q.User), query: v, wanted: q.PageSize, field: recordingsField,
		alike: func(item json.RawMessage) bool {
			return has(item, "start") && has(item, "download_url", "file_size_in_bytes")
		},
	})}
}

const recordingsField = "recordings"

// walk makes a walk ready that wants pages of a certain size.
func (c *Client) walk(w walk) walk {
	w.sizes = c.sizes(w.field)
	w.size = w.sizes.begin(w.wanted)
	return w
}

func collectionName(kind Kind, user string) string {
	if kind == OnDemand {
		return "on-demand recordings of user " + user
	}
	return "company recordings"
}

// Pages yields the recordings page by page, each one once, the unreadable ones
// included. An error ends it. Deleting recordings before it has ended shifts
// the pages that are still to come.
func (l *Listing) Pages(ctx context.Context, try Attempt) iter.Seq2[[]Recording, error] {
	return func(yield func([]Recording, error) bool) {
		for items, err := range l.walk.pages(ctx, try) {
			if err != nil {
				yield(nil, err)
				return
			}
			page := make([]Recording, len(items))
			for i, raw := range items {
				page[i] = ParseRecording(l.query.Kind, l.query.User, raw)
			}
			if !yield(page, nil) {
				return
			}
		}
	}
}

// Total is how many recordings VBC has last counted. Where its count is of no
// use, it is how many it has shown, and one while more is to come.
func (l *Listing) Total() int { return l.walk.counted() }

// Counted reports whether Total is a count of VBC's, and not what it has shown and
// perhaps one more.
func (l *Listing) Counted() bool {
	return l.walk.latest > l.walk.count || l.walk.over && l.walk.latest > 0
}

// More reports whether VBC says that recordings are to come behind those that
// Pages has yielded, or doesn't say that there are none.
func (l *Listing) More() bool { return !l.walk.over }

// PageSize is how many recordings are asked for at once: the most that VBC
// hasn't refused lately.
func (l *Listing) PageSize() int { return l.walk.size }

// Missing is how many recordings VBC counted and did not show, and at least 1
// where there is a Contradiction. It is known when Pages has ended.
func (l *Listing) Missing() int { return l.walk.missing() }

// Contradiction says in which way VBC says that there is more than it shows, in
// its links or its number of pages; "" if it doesn't. It is known when Pages has
// ended.
func (l *Listing) Contradiction() string { return l.walk.odd }

// Users yields the numbers of the account's users, from the Provisioning API.
// An error comes last: also where these are not all, for some have no number, or
// there are none, while an account has at least the user who asks.
func (c *Client) Users(ctx context.Context, account string, try Attempt) iter.Seq2[string, error] {
	w := c.walk(walk{op: "list the account's users", url: c.provisioning(account, "users"), wanted: DefaultPageSize, field: "data",
		alike: func(item json.RawMessage) bool {
			return has(item, "id") && has(item, "login_name", "loginName", "username", "user_name", "email", "first_name", "firstName")
		}})
	return func(yield func(string, error) bool) {
		all, strange := 0, 0
		for items, err := range w.pages(ctx, try) {
			if err != nil {
				yield("", err)
				return
			}
			for _, item := range items {
				all++
				if id := itemID(item); !isNumber(id) {
					strange++
				} else if !yield(id, nil) {
					return
				}
			}
		}
		if why := notAllUsers(all, strange, &w); why != "" {
			yield("", fmt.Errorf("%s: %s", w.op, why))
		}
	}
}

// notAllUsers says why what a walk has shown isn't all users, "" if it is.
func notAllUsers(all, strange int, w *walk) string {
	switch {
	case w.odd != "":
		return w.odd
	case w.short() > 0:
		return fmt.Sprintf("VBC counted more users than it showed (missing: %d)", w.short())
	case all == 0:
		return "VBC shows no users, but an account has at least one"
	case strange > 0:
		return fmt.Sprintf("%d of %d users have an id that is not a number, so their recordings can't be listed", strange, all)
	}
	return ""
}

// AccountNumber asks the Provisioning API for the number behind account ("self").
func (s *Slot) AccountNumber(ctx context.Context, account string) (string, error) {
	const op = "look up the account number"
	resp, err := s.do(ctx, op, http.MethodGet, s.c.provisioning(account))
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	var w struct {
		Embedded struct {
			Data struct {
				ID loose `json:"id"`
			} `json:"data"`
		} `json:"_embedded"`
	}
	if err := decode(op, resp, &w); err != nil {
		return "", err
	}
	if !isNumber(string(w.Embedded.Data.ID)) {
		return "", &Error{Op: op, Status: resp.StatusCode, Message: "the answer has no account number", Malformed: true}
	}
	return string(w.Embedded.Data.ID), nil
}

// provisioning is an address in the Provisioning API, which lies beside the
// call recording API: /t/vbc.prod/provisioning/v1/api.
func (c *Client) provisioning(account string, elem ...string) *url.URL {
	return c.base.JoinPath(append([]string{c.provisioningRoot(), "accounts", account}, elem...)...)
}

func (c *Client) provisioningRoot() string {
	tenant, _, found := strings.Cut(c.root, "/call_recording")
	if !found {
		tenant = "/t/vbc.prod"
	}
	return tenant + "/provisioning/v1/api"
}

// isProvisioning reports whether an address is in the Provisioning API.
func (c *Client) isProvisioning(u *url.URL) bool {
	return strings.HasPrefix(strings.TrimLeft(u.Path, "/"), strings.TrimLeft(c.provisioningRoot(), "/")+"/")
}

func isNumber(s string) bool {
	return s != "" && len(s) <= 18 && strings.Trim(s, "0123456789") == ""
}
