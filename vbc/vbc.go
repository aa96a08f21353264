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
	id, start, duration, size, downloadURL, fileName, callID loose
	direction, callerID, dnis, cnam                          loose
	extensions, ruleIDs                                      looseList
	links                                                    []byte
}

// parse takes all of it out of an object.
func (w *wireRecording) parse(object []byte) {
	texts := []struct {
		name string
		to   *loose
	}{
		{"id", &w.id}, {"start", &w.start}, {"duration", &w.duration}, {"file_size_in_bytes", &w.size}, {"download_url", &w.downloadURL},
		{"file_name", &w.fileName}, {"call_id", &w.callID}, {"call_direction", &w.direction}, {"caller_id", &w.callerID}, {"dnis", &w.dnis}, {"cnam", &w.cnam},
	}
member:
	for name, value := range members(object) {
		for _, t := range texts {
			if is(name, t.name) {
				t.to.set(value)
				continue member
			}
		}
		switch {
		case is(name, "extensions"):
			w.extensions.add(value)
		case is(name, "rule_ids"):
			w.ruleIDs.add(value)
		case is(name, "_links"):
			w.links = value
		}
	}
}

// self is where the recording's own link leads, "" = nowhere.
func (w *wireRecording) self() (href loose) {
	for name, value := range members(w.links) {
		if !is(name, "self") {
			continue
		}
		if value[0] != '{' && value[0] != 'n' {
			return ""
		}
		for name, value := range members(value) {
			switch {
			case !is(name, "href") || value[0] == 'n':
			case value[0] != '"':
				return ""
			default:
				href.set(value)
			}
		}
	}
	return href
}

// loose is a JSON string or number as text; everything else is "".
type loose string

func (l *loose) UnmarshalJSON(b []byte) error {
	if len(b) > 0 {
		l.set(b)
	}
	return nil
}

// set takes over a value that says something.
func (l *loose) set(value []byte) {
	switch c := value[0]; {
	case c == '"':
		*l = loose(unquoted(value))
	case c == '-' || c >= '0' && c <= '9':
		*l = loose(value)
	case c == 'n':
		*l = ""
	}
}

// looseList is a JSON array of them, or one alone. What is neither is "".
type looseList []string

// add adds what a value says.
func (l *looseList) add(value []byte) {
	if value[0] == 'n' {
		return
	}
	if value[0] != '[' {
		value = append(append([]byte{'['}, value...), ']')
	}
	for element := range elements(value) {
		var item loose
		item.set(element)
		*l = append(*l, string(item))
	}
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
	if !object(raw) {
		r.Unreadable = "it is not a JSON object"
		return r
	}
	var w wireRecording
	w.parse(raw)
	var linked string
	r.Account, linked = parseSelfLink(string(w.self()))
	r.Owner = ownerOf(kind, user)
	if kind == OnDemand && r.Owner == "" {
		r.Owner = linked
	}

	r.FileName = string(w.fileName)
	id, err := strconv.ParseInt(string(w.id), 10, 64)
	if err != nil || id <= 0 {
		r.Unreadable = fmt.Sprintf("its id %.40q is not a number", string(w.id))
		return r
	}
	r.ID = id
	if kind == OnDemand && linked != "" && linked != r.Owner {
		r.Unreadable = fmt.Sprintf("VBC shows it in the listing of user %s, but its link names user %s", r.Owner, linked)
		return r
	}
	if r.Start, err = ParseTime(string(w.start)); err != nil {
		r.Unreadable = fmt.Sprintf("its start %.40q is not a time", string(w.start))
		return r
	}
	if ms, err := strconv.ParseInt(string(w.duration), 10, 64); err == nil && ms >= 0 && ms < 1<<40 {
		r.Duration = time.Duration(ms) * time.Millisecond
	}
	if n, err := strconv.ParseInt(string(w.size), 10, 64); err == nil && n >= 0 {
		r.Size = n
	}
	r.DownloadURL, r.CallID = string(w.downloadURL), string(w.callID)
	r.Direction, r.CallerID, r.DNIS, r.CNAM = string(w.direction), string(w.callerID), string(w.dnis), string(w.cnam)
	r.Extensions, r.RuleIDs = w.extensions, w.ruleIDs
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
