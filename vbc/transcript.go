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
// No document says what the entries of the listing look like. Taken for
// granted is what all of VBC's listings have in common, the frame and an id;
// that this is the recording's, unless the entry names the recording by a field
// of its own; and that the id is what a transcript is asked for by.
type Transcript struct {
	Recording int64  // the company recording's id
	ID        string // by which to ask for it
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
	return &TranscriptListing{walk{op: "list transcripts", url: c.collection(Company, account, "").JoinPath("transcriptions"), query: v, size: pageSize, field: "transcriptions", guess: true}}
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
					err = fmt.Errorf("%s: an entry doesn't say which recording it is of", l.walk.op)
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

// Missing is how many transcripts VBC counted and did not show. It is known
// when Pages has ended.
func (l *TranscriptListing) Missing() int { return l.walk.missing() }

var transcriptID = regexp.MustCompile(`^[0-9A-Za-z_-]{1,100}$`)

// wireTranscript is what may say whose a transcript is.
type wireTranscript struct {
	ID        loose `json:"id"`
	Recording loose `json:"recording_id"`
	Call      loose `json:"call_recording_id"`
	Company   loose `json:"company_call_recording_id"`
}

func parseTranscript(item json.RawMessage) (t Transcript, ok bool) {
	var w wireTranscript
	if json.Unmarshal(item, &w) != nil {
		return t, false
	}
	of := cmp.Or(w.Recording, w.Call, w.Company, w.ID)
	if t.ID = string(w.ID); t.ID == "" {
		t.ID = string(of)
	}
	var err error
	t.Recording, err = strconv.ParseInt(string(of), 10, 64)
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
	answer, err := s.body(ctx, op, s.c.url("transcription", t.ID))
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
		why = "the answer is JSON that breaks off"
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
	const empty, report = "the answer is JSON without a transcript", "the answer is a report and not a transcript"
	switch text := string(bytes.Join(bytes.Fields(body), nil)); text {
	case "null", `""`, "[]", "{}":
		return empty
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(body, &fields) != nil {
		return "" // a list, or text
	}
	var w wireTranscript
	if json.Unmarshal(body, &w) == nil {
		if of := cmp.Or(w.Recording, w.Call, w.Company); of != "" && string(of) != strconv.FormatInt(t.Recording, 10) {
			return "the answer says that it is another recording's"
		}
	}
	for name := range fields {
		if !slices.Contains(reporting, name) {
			return ""
		}
	}
	return report
}
