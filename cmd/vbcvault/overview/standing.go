package overview

import (
	"cmp"
	"encoding/json"
	"time"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/outcome"
	"github.com/vbcvault/vbcvault/pipeline"
	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
)

// Exit codes of vbcvault archive, besides outcome.Interrupted.
const (
	done         = 0
	incomplete   = 1
	stoppedEarly = 3
)

// Standing is how one account of a configuration file stands. Its JSON is a contract:
// one element of status --config --json.
type Standing struct {
	Account     string `json:"account"`
	Destination string `json:"destination"`
	Manifest    string `json:"manifest"` // path; for --manifest of other commands
	State       string `json:"state"`    // new, ended, running, interrupted or unreadable

	LastRun  time.Time `json:"last_run,omitzero"`   // when it began
	Ended    time.Time `json:"last_end,omitzero"`   // zero: it goes on, or was killed
	ExitCode *int      `json:"exit_code,omitempty"` // of the last run, if that has ended
	Stopped  string    `json:"stopped,omitempty"`   // why it ended early, or did not begin
	Code     string    `json:"stopped_code,omitempty"`
	Hint     string    `json:"hint,omitempty"` // what to do about it

	Archived int64 `json:"archived"` // recordings with a proven copy, also those that VBC has no more
	Left     int64 `json:"left"`     // to archive
	Failed   int64 `json:"failed"`
	Troubles int   `json:"troubles"`
	Damaged  int   `json:"damaged"` // copies of recordings that VBC has no more; at most 100 are counted
	Holds    int   `json:"holds"`   // legal holds in force

	Error string `json:"error,omitempty"` // why nothing can be said
}

// Unreadable is one of which nothing can be said.
func (st Standing) Unreadable(err error) Standing {
	st.State, st.Error = "unreadable", err.Error()
	return st
}

// Of takes over what there is to say of a manifest.
func (st Standing) Of(o *Overview, running bool) Standing {
	for _, t := range o.States {
		switch t.State {
		case manifest.Verified, manifest.Purging, manifest.Purged:
			st.Archived += t.Recordings
		case manifest.Failed:
			st.Failed += t.Recordings
		}
	}
	st.Left, st.Damaged, st.Holds = o.Left.Archive, len(o.Damaged), o.Holds
	for _, t := range o.Troubles {
		if t.Acknowledged == "" {
			st.Troubles++
		}
	}
	if len(o.Runs) == 0 {
		return st
	}
	last := o.Runs[0]
	st.LastRun, st.Ended, st.State = last.Started, last.Finished, "ended"
	switch {
	case last.Finished.IsZero() && running:
		st.State = "running"
	case last.Finished.IsZero():
		st.State = "interrupted"
	default:
		st.ExitCode, st.Stopped = EndOf(last)
	}
	return st
}

// EndOf is the exit code of a run that has ended, and why it ended early.
func EndOf(r manifest.Run) (exit *int, stopped string) {
	var sum pipeline.Summary
	if json.Unmarshal(r.Summary, &sum) != nil {
		return nil, ""
	}
	is := done
	switch {
	case sum.StoppedCode == code.Interrupted:
		is = outcome.Interrupted
	case sum.Stopped != "":
		is = stoppedEarly
	case !sum.Complete():
		is = incomplete
	}
	return &is, sum.Stopped
}

// Badness orders accounts by how soon somebody should look: recordings that may be lost,
// then what can't be read, then how the last run ended, then what never ran.
func (st Standing) Badness() int {
	switch {
	case st.Damaged > 0:
		return 1000
	case st.Error != "":
		return 900
	case st.ExitCode != nil && *st.ExitCode != done:
		return 300 + min(outcome.Worst(*st.ExitCode, incomplete), 200)
	case st.State == "interrupted":
		return 250
	case st.Troubles > 0 || st.Failed > 0:
		return 200
	case st.State == "new":
		return 100
	}
	return 0
}

// Heed takes over what a run came to, if the manifest has no later one.
func (st Standing) Heed(o outcome.Outcome) Standing {
	if o.Ended.IsZero() || o.Skipped || !o.Ended.After(cmp.Or(st.Ended, st.LastRun)) {
		return st
	}
	st.ExitCode, st.Stopped, st.Code, st.Hint = &o.ExitCode, o.Error, o.ErrorCode, o.Hint
	if st.State != "running" {
		st.LastRun, st.Ended = o.Began, o.Ended
	}
	if st.State == "new" || st.State == "interrupted" {
		st.State = "ended"
	}
	return st
}
