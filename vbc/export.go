package vbc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// Job is an export job: VBC packs the audio of many recordings into one ZIP,
// which is downloaded with one request.
type Job struct {
	ID               string
	Done, Failed     bool
	Total, Completed int       // files; 0 = not said
	Address          string    // of the ZIP; data, not to be trusted. Set when Done.
	ValidUntil       time.Time // UTC; zero = not said
}

// StartExport starts a job that packs what the query selects; its Since and
// Before are both included, and whole seconds are all that the API knows. On
// an error a job may have been started, of which nobody will ever hear. VBC
// may make several jobs of one.
func (s *Slot) StartExport(ctx context.Context, q Query) (ids []string, err error) {
	op := "start an export of " + collectionName(q.Kind, q.User)
	filters := map[string]any{}
	for name, values := range q.Filter.parameters() {
		filters[name] = values[0]
		if strings.HasPrefix(name, "duration:") {
			filters[name] = json.Number(values[0])
		}
	}
	if !q.Since.IsZero() {
		filters["start:gte"] = s.c.queryTime(q.Since)
	}
	if !q.Before.IsZero() {
		filters["start:lte"] = s.c.queryTime(q.Before)
	}
	body, err := json.Marshal(filters)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	resp, err := s.send(ctx, op, http.MethodPost, s.c.collection(q.Kind, q.Account, q.User).JoinPath("export"), body)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var w struct {
		JobIDs []string `json:"job_ids"`
	}
	if err := decode(op, resp, &w); err != nil {
		return nil, err
	}
	for _, id := range w.JobIDs {
		if !jobID.MatchString(id) {
			return nil, &Error{Op: op, Status: resp.StatusCode, Message: fmt.Sprintf("the job id %.40q is not valid", id), Malformed: true}
		}
	}
	if len(w.JobIDs) == 0 || len(w.JobIDs) > maxJobs {
		return nil, &Error{Op: op, Status: resp.StatusCode, Message: fmt.Sprintf("the answer has %d job ids, not 1", len(w.JobIDs)), Malformed: true}
	}
	return w.JobIDs, nil
}

const maxJobs = 100 // out of one export

// jobID is what may be part of a path. The documents' example is a UUID.
var jobID = regexp.MustCompile(`^[0-9A-Za-z_-]{1,64}$`)

// ExportJob asks how far a job has come. Jobs belong to a user, also those
// that pack company recordings; user is a number or "self".
func (s *Slot) ExportJob(ctx context.Context, account, user, id string) (Job, error) {
	op := "check export job " + id
	if !jobID.MatchString(id) {
		return Job{}, fmt.Errorf("%s: this is not a job id", op)
	}
	resp, err := s.do(ctx, op, http.MethodGet, s.c.url("accounts", account, "users", user, "call_recordings", "jobs", id))
	if err != nil {
		return Job{}, err
	}
	defer resp.Body.Close()
	var w struct {
		Status     loose `json:"status"`
		Total      loose `json:"files_total"`
		Completed  loose `json:"files_completed"`
		Address    loose `json:"download_url"`
		ValidUntil loose `json:"valid_until"`
	}
	if err := decode(op, resp, &w); err != nil {
		return Job{}, err
	}
	// "complete" is the only status that the documents name.
	status := strings.ToLower(string(w.Status))
	j := Job{ID: id, Total: number(w.Total, 0), Completed: number(w.Completed, 0), Address: string(w.Address), Done: strings.HasPrefix(status, "complete")}
	for _, word := range []string{"fail", "error", "cancel", "abort", "expire", "reject"} {
		j.Failed = j.Failed || strings.Contains(status, word)
	}
	if t, err := ParseTime(string(w.ValidUntil)); err == nil {
		j.ValidUntil = t
	}
	return j, nil
}

// Export asks for the ZIP of a job that is Done. It comes as audio does.
func (s *Slot) Export(ctx context.Context, j Job) (*Audio, error) {
	op := "download export " + j.ID
	u, err := url.Parse(j.Address)
	if err != nil || j.Address == "" {
		u = s.c.url("bulkDownload", "retrieve")
		u.RawQuery = url.Values{"job_id": {j.ID}, "login_name": {s.c.tokens.username}}.Encode()
	}
	return s.stream(mayLeave(ctx), op, s.c.base.ResolveReference(u), -1)
}

// decode reads an answer in JSON.
func decode(op string, resp *http.Response, v any) error {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxItem))
	if err != nil {
		return networkError(op, err)
	}
	value, err := repair(body)
	if err == nil {
		err = json.Unmarshal(value, v)
		if err != nil {
			err = errors.New("it has an unknown form")
		}
	}
	if err != nil {
		media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
		return &Error{Op: op, Status: resp.StatusCode, Message: fmt.Sprintf("the answer (%.40q) is not what the API documents: %v", media, err), Malformed: true}
	}
	return nil
}
