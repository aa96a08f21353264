// Package vbc is a client of the call recording API of Vonage Business
// Communications (VBC).
//
// It knows the API and nothing else: not S3, not what an archive is, not when
// a recording may be deleted. Its vocabulary:
//
//   - A Recording is one call's audio and metadata, identified by its Kind,
//     its owner (on-demand only) and its id. Ids of the two kinds may collide.
//   - A Slot is the permission to send exactly one request. Requests are the
//     scarce resource (10 a minute by default), so they are handed out in one
//     place, by Rank, and what a caller has to do right before a request, such
//     as proving a copy before a DELETE, is done while it holds the Slot.
//   - Every answer that isn't the documented success becomes an *Error, which
//     carries the gateway's fault code and says whether trying again can help.
//
// The package never retries: whoever holds the next Slot decides.
package vbc

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"time"
)

// Kind says which of the two collections a recording belongs to.
type Kind string

const (
	Company  Kind = "company"   // recorded by a rule of the account
	OnDemand Kind = "on-demand" // recorded by a user, who owns it
)

// Recording is one recording as a listing showed it.
type Recording struct {
	Kind    Kind
	Owner   string // the owner's user number (on-demand), else ""
	ID      int64
	Account string // the account's number as the recording's own link has it, or ""

	// Nth says which of the recordings it is that VBC has given this id, one
	// after the other, in the count of whoever keeps them: 0 for the first. VBC
	// knows nothing of it.
	Nth int64

	Start       time.Time     // UTC
	Duration    time.Duration // whole milliseconds, or negative if unknown
	Size        int64         // file_size_in_bytes, or -1 if unknown
	DownloadURL string        // where the audio is; data, not to be trusted
	FileName    string
	CallID      string

	// What filters look at, as text, whatever it is in the JSON; "" or empty
	// where VBC doesn't say. In a list "" is something that can't be read.
	Direction  string
	CallerID   string
	DNIS       string
	CNAM       string
	Extensions []string
	RuleIDs    []string

	// Raw is the recording's JSON exactly as VBC sent it. Where that was none for
	// a control character or a backslash in a text, these are escaped, as they
	// must be, so that it says the same and can be read.
	Raw json.RawMessage

	// Unreadable says why the recording can't be worked on: "" if it can.
	// Of an unreadable recording nothing but Kind, Owner, FileName, Raw and perhaps
	// ID is of use.
	Unreadable string
}

// String names the recording for people, as in "company recording 193228".
func (r Recording) String() string { return r.Key().String() }

// Same reports whether two answers of VBC show the same recording. Ids may be
// given again, and a download_url may be another in each answer.
func (r Recording) Same(o Recording) bool {
	return r.Unreadable == "" && o.Unreadable == "" && r.Kind == o.Kind && r.ID == o.ID && r.Start.Equal(o.Start) &&
		r.Size == o.Size && r.Duration == o.Duration && r.FileName == o.FileName && r.CallID == o.CallID
}

// wireRecording is strict about nothing: the vendor's own examples show
// id-like fields as numbers and as strings.
type wireRecording struct {
	ID          loose           `json:"id"`
	Start       loose           `json:"start"`
	Duration    loose           `json:"duration"`
	Size        loose           `json:"file_size_in_bytes"`
	DownloadURL loose           `json:"download_url"`
	FileName    loose           `json:"file_name"`
	CallID      loose           `json:"call_id"`
	Direction   loose           `json:"call_direction"`
	CallerID    loose           `json:"caller_id"`
	DNIS        loose           `json:"dnis"`
	CNAM        loose           `json:"cnam"`
	Extensions  looseList       `json:"extensions"`
	RuleIDs     looseList       `json:"rule_ids"`
	Links       json.RawMessage `json:"_links"`
}

// loose is a JSON string or number as text; everything else is "".
type loose string

func (l *loose) UnmarshalJSON(b []byte) error {
	var s string
	var n json.Number
	switch {
	case json.Unmarshal(b, &s) == nil:
		*l = loose(s)
	case json.Unmarshal(b, &n) == nil:
		*l = loose(n)
	}
	return nil
}

// looseList is a JSON array of them, or one alone. What is neither is "".
type looseList []string

func (l *looseList) UnmarshalJSON(b []byte) error {
	var items []loose
	if json.Unmarshal(b, &items) != nil {
		items = make([]loose, 1)
		_ = items[0].UnmarshalJSON(b) // never fails
	}
	for _, item := range items {
		*l = append(*l, string(item))
	}
	return nil
}

// MaxRecording is how many bytes of JSON one recording may have; they are about
// one thousand. What has more can't be read back out of an archive.
const MaxRecording = 1 << 20

// ParseRecording reads one recording's JSON. user is whose collection it came
// from, "" for company recordings, and whose it is: where the recording's own
// link names somebody else, nobody knows. Only of "self" the link says who that is. It is strict about what the program can't
// do without, the id and the start, and tolerant about the rest; where it
// can't do without, the answer's Unreadable says why.
func ParseRecording(kind Kind, user string, raw json.RawMessage) Recording {
	r := Recording{Kind: kind, Size: -1, Duration: -1, Raw: raw}
	var w wireRecording
	if err := json.Unmarshal(raw, &w); err != nil {
		r.Unreadable = "it is not a JSON object"
		return r
	}
	var self string
	var links struct {
		Self struct {
			Href string `json:"href"`
		} `json:"self"`
	}
	if json.Unmarshal(w.Links, &links) == nil {
		self = links.Self.Href
	}
	var linked string
	r.Account, linked = parseSelfLink(self)
	r.Owner = ownerOf(kind, user)
	if kind == OnDemand && r.Owner == "" {
		r.Owner = linked
	}

	r.FileName = string(w.FileName)
	id, err := strconv.ParseInt(string(w.ID), 10, 64)
	if err != nil || id <= 0 {
		r.Unreadable = fmt.Sprintf("its id %.40q is not a number", string(w.ID))
		return r
	}
	r.ID = id
	if kind == OnDemand && linked != "" && linked != r.Owner {
		r.Unreadable = fmt.Sprintf("VBC shows it in the listing of user %s, but its link names user %s", r.Owner, linked)
		return r
	}
	if r.Start, err = ParseTime(string(w.Start)); err != nil {
		r.Unreadable = fmt.Sprintf("its start %.40q is not a time", string(w.Start))
		return r
	}
	if ms, err := strconv.ParseInt(string(w.Duration), 10, 64); err == nil && ms >= 0 && ms < 1<<40 {
		r.Duration = time.Duration(ms) * time.Millisecond
	}
	if n, err := strconv.ParseInt(string(w.Size), 10, 64); err == nil && n >= 0 {
		r.Size = n
	}
	r.DownloadURL, r.CallID = string(w.DownloadURL), string(w.CallID)
	r.Direction, r.CallerID, r.DNIS, r.CNAM = string(w.Direction), string(w.CallerID), string(w.DNIS), string(w.CNAM)
	r.Extensions, r.RuleIDs = w.Extensions, w.RuleIDs
	if len(raw) > MaxRecording {
		r.Unreadable = fmt.Sprintf("its JSON has %d bytes; more than %d could not be read back from an archive", len(raw), MaxRecording)
	}
	return r
}

// ownerOf is who owns what is in a user's collection; "" if only the recordings
// themselves say who that is, or nobody does.
func ownerOf(kind Kind, user string) string {
	if kind == Company || user == "self" {
		return ""
	}
	return user
}

var selfLink = regexp.MustCompile(`/accounts/([0-9]{1,18})/(?:users/([0-9]{1,18})/)?(?:company_)?call_recordings/`)

// parseSelfLink takes the account's number, and the owner's if there is one,
// out of a recording's _links.self.href.
func parseSelfLink(href string) (account, user string) {
	if m := selfLink.FindStringSubmatch(href); m != nil {
		return m[1], m[2]
	}
	return "", ""
}

// timeLayout is how the API writes times: no colon in the offset, so it isn't
// RFC 3339.
const timeLayout = "2006-01-02T15:04:05-0700"

// ParseTime reads a time of the API and returns it in UTC. It takes RFC 3339
// too. A time without an offset is refused: guessing a zone could move a
// recording across a cutoff.
func ParseTime(s string) (time.Time, error) {
	for _, layout := range []string{timeLayout, time.RFC3339} {
		if t, err := time.Parse(layout, s); err == nil {
			if y := t.UTC().Year(); y < 1990 || y > 9999 {
				return time.Time{}, fmt.Errorf("parse time %.40q: no call can have been recorded then", s)
			}
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("parse time %.40q: want the form 2019-01-01T00:00:00+0000", s)
}

// FormatTime writes t as the API's query parameters want it, in UTC and
// without fractions of a second.
func FormatTime(t time.Time) string { return t.UTC().Format(timeLayout) }
