// Package outcome says what became of one account's run, for all that tells of it: the
// exit code, a line of JSON, metrics, notifications and reports.
package outcome

import (
	"time"

	"github.com/vbcvault/vbcvault/pipeline"
)

// Outcome is what one run over one account came to. Its JSON is a contract: a line of
// archive --config --json, and the body of a webhook. It holds no data of callers and
// no secret.
type Outcome struct {
	Account     string    `json:"account"` // its name in the configuration
	Destination string    `json:"destination"`
	Manifest    string    `json:"manifest"` // path
	Run         string    `json:"run"`      // a UUID, the same in all that is told of this run
	Began       time.Time `json:"began"`    // UTC
	Ended       time.Time `json:"ended"`    // UTC

	pipeline.Summary

	// Skipped says that another run had the manifest, and that this was left to it.
	// (Summary has a count of that name.)
	Skipped bool `json:"left_to_other_run,omitempty"`

	ExitCode  int    `json:"exit_code"`            // as of vbcvault archive
	Error     string `json:"error,omitempty"`      // with the code usage in our own words, without others'
	ErrorCode string `json:"error_code,omitempty"` // one of package code's Ended
	Hint      string `json:"hint,omitempty"`       // how to mend the error
}

// Interrupted is the exit code of a run that was told to stop: neither success nor
// failure, since somebody goes on with it.
const Interrupted = 130

// OK reports whether everything eligible is done, or held back on purpose.
func (o Outcome) OK() bool { return o.ExitCode == 0 }

// Worst is the worst of several exit codes, 0 of none. An interruption is worse than
// anything, since then nothing is known of the rest. Else the higher one is worse:
// what stopped early (3), then what was not even begun for a mistake of the
// configuration (2, which says that no request was sent, and so must not hide that some
// were), then what is incomplete (1).
func Worst(codes ...int) (worst int) {
	for _, c := range codes {
		if worst != Interrupted && (c == Interrupted || c > worst) {
			worst = c
		}
	}
	return worst
}
