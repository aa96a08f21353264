package vbc

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Transcript says that VBC has a transcript of a company recording.
//
// No document says what the entries of the listing look like. Taken for granted
// is what all of VBC's listings have in common, the frame and an id, by which a
// transcript is asked for. Whose it is says a field that names the recording, or
// a link to it. Without either the id may be the recording's or the transcript's
// own: see Of.
type Transcript struct {
	Recording int64  // the company recording's id
	ID        string // by which to ask for it

	Named  bool      // the entry names the recording; else Recording is its own id
	Start  time.Time // what the entry says of when; UTC, zero = nothing
	CallID string    // and of which call, "" = nothing
}

// Of reports whether a transcript is that recording's, as far as its entry tells:
// it names the recording, and no other call, or it has the recording's id and
// also its call or its start. That VBC may date it by when it was made counts
// against nothing.
func (t Transcript) Of(r Recording) bool {
	switch {
	case r.Kind != Company || t.Recording != r.ID:
		return false
	case t.CallID != "" && r.CallID != "":
		return t.CallID == r.CallID
	}
	return t.Named || t.SameStart(r)
}

// SameStart reports whether a transcript's entry has the start of a recording, to
// the second.
func (t Transcript) SameStart(r Recording) bool {
	return !t.Start.IsZero() && t.Start.Truncate(time.Second).Equal(r.Start.Truncate(time.Second))
}

// TranscriptListing is a listing of transcripts on its way. It is used by one
// goroutine.
type TranscriptListing struct{ walk walk }

// Transcripts prepares a listing of the account's transcripts of company
// recordings that start from since until before; zero is no limit. It sends
// nothing. VBC may ignore the limits.
func (c *Client) Transcripts(account string, since, before time.Time, pageSize int) *TranscriptListing {
	v := url.Values{}
	if !since.IsZero() {
		v.Set("start:gte", c.queryTime(since))
	}
	if !before.IsZero() {
		v.Set("start:lte", c.queryTime(before))
	}
	return &TranscriptListing{c.walk(walk{
		op: "list transcripts", url: c.collection(Company, account, "").JoinPath("transcriptions"), query: v, wanted: pageSize, field: "transcriptions", guess: true,
	})}
}

// Pages yields the transcripts page by page. An error ends it, and so does an
// entry that doesn't say whose transcript it is.
func (l *TranscriptListing) Pages(ctx context.Context, try Attempt) iter.Seq2[[]Transcript, error] {
	return func(yield func([]Transcript, error) bool) {
		for items, err := range l.walk.pages(ctx, try) {
			var page []Transcript
			for _, item := range items {
				t, ok := parseTranscript(item)
				if !ok && err == nil {
					err = fmt.Errorf("%s: an entry doesn't name its recording", l.walk.op)
				}
				page = append(page, t)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(page, nil) {
				return
			}
		}
	}
}

// Missing is how many transcripts VBC counted and did not show, and at least 1
// where there is a Contradiction. It is known when Pages has ended.
func (l *TranscriptListing) Missing() int { return l.walk.missing() }

// Contradiction is as that of a Listing.
func (l *TranscriptListing) Contradiction() string { return l.walk.odd }

var transcriptID = regexp.MustCompile(`^[0-9A-Za-z_-]{1,100}$`)

// naming are the fields that name a recording, in small letters and without what
// separates words.
var naming = []string{
	"recordingid", "callrecordingid", "companyrecordingid", "companycallrecordingid",
	"recording", "callrecording", "companyrecording", "companycallrecording",
}

// named is the id of the recording that an entry names by a field, or links to; ""
// if it doesn't. Where it names several, ok is false.
func named(fields map[string]json.RawMessage) (id string, ok bool) {
	ids := map[string]bool{}
	for name, value := range fields {
		name = strings.ToLower(strings.NewReplacer("_", "", "-", "", ".", "").Replace(name))
		if !slices.Contains(naming, name) {
			continue
		}
		var text loose
		if _ = text.UnmarshalJSON(value); text == "" { // never fails
			text = loose(itemID(value))
		}
		if text != "" && (strings.HasSuffix(name, "id") || isNumber(string(text))) {
			ids[string(text)] = true
		}
	}
	var links map[string]json.RawMessage
	if json.Unmarshal(fields["_links"], &links) == nil {
		for _, link := range links {
			if m := recordingLink.FindStringSubmatch(href(link)); m != nil {
				ids[m[1]] = true
			}
		}
	}
	for id = range ids {
	}
	return id, len(ids) <= 1
}

var recordingLink = regexp.MustCompile(`/company_call_recordings/([0-9]{1,18})(?:[/?]|$)`)

func parseTranscript(item json.RawMessage) (t Transcript, ok bool) {
	var fields map[string]json.RawMessage
	var w struct {
		Start     loose `json:"start"`
		CallID    loose `json:"call_id"`
		CallCamel loose `json:"callId"`
	}
	if json.Unmarshal(item, &fields) != nil || json.Unmarshal(item, &w) != nil {
		return t, false
	}
	of, ok := named(fields)
	if !ok {
		return t, false
	}
	t.Named, t.CallID = of != "", string(cmp.Or(w.CallID, w.CallCamel))
	if start, err := ParseTime(string(w.Start)); err == nil {
		t.Start = start
	}
	t.ID = itemID(item)
	of = cmp.Or(of, t.ID)
	t.ID = cmp.Or(t.ID, of)
	var err error
	t.Recording, err = strconv.ParseInt(of, 10, 64)
	return t, err == nil && t.Recording > 0 && transcriptID.MatchString(t.ID)
}

// NotTranscriptError says that what came is not the transcript that was asked for.
type NotTranscriptError struct{ Op, Why string }

func (e *NotTranscriptError) Error() string { return e.Op + ": " + e.Why }

const maxTranscript = 32 << 20 // bytes; an hour's call has about fifty thousand

// Transcript asks for a transcript and returns it byte for byte, and whether it
// is JSON. Whatever else it is is text: an answer that is neither, empty, JSON
// that breaks off, a report in place of a transcript, or says that it is another
// recording's, is a *NotTranscriptError.
func (s *Slot) Transcript(ctx context.Context, t Transcript) (body []byte, isJSON bool, err error) {
	op := fmt.Sprintf("fetch the transcript of company recording %d", t.Recording)
	answer, err := s.body(ctx, op, s.c.url("transcription", t.ID), -1)
	if err != nil {
		return nil, false, err
	}
	defer answer.Close()
	if body, err = io.ReadAll(io.LimitReader(answer, maxTranscript+1)); err != nil {
		return nil, false, networkError(op, err)
	}
	begin := strings.ToLower(string(bytes.TrimSpace(body[:min(len(body), 512)])))
	isJSON = json.Valid(body)
	why := ""
	switch {
	case begin == "":
		why = "the answer is empty"
	case len(body) > maxTranscript:
		why = "the answer is too large for a transcript"
	case isJSON:
		why = notTranscript(body, t)
	case begin[0] == '{' || strings.Contains(answer.media, "json"):
		why = "the answer is JSON that ends too early"
	case !utf8.Valid(body) || begin[0] == '<':
		why = "the answer is not a transcript"
	}
	if why != "" {
		return nil, false, &NotTranscriptError{Op: op, Why: why}
	}
	return body, isJSON, nil
}

// Fields of a report, such as {"msg":"Transcription not found","status":404} or
// {"status":"IN_PROGRESS"}. JSON with nothing else is no transcript.
var reporting = []string{"id", "status", "state", "code", "type", "msg", "message", "error", "error_description", "description", "fault"}

// notTranscript says why JSON isn't the transcript that was asked for, "" if it
// may be.
func notTranscript(body []byte, t Transcript) string {
	const empty, report = "the answer is JSON without a transcript", "the answer is a report, not a transcript"
	switch text := string(bytes.Join(bytes.Fields(body), nil)); text {
	case "null", `""`, "[]", "{}":
		return empty
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(body, &fields) != nil {
		return "" // a list, or text
	}
	if of, ok := named(fields); !ok || of != "" && of != strconv.FormatInt(t.Recording, 10) {
		return "the answer belongs to another recording"
	}
	for name := range fields {
		if !slices.Contains(reporting, name) {
			return ""
		}
	}
	return report
}
