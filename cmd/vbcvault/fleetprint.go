package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/outcome"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/story"
	"github.com/vbcvault/vbcvault/pipeline"
)

// about is the output for one of several accounts: each line of it says whose it is.
func (o *output) about(account string) *output {
	its := *o
	its.account, its.log = account, o.log.With("account", account)
	its.printer = &interleaver{w: &prefixed{to: o.printer, prefix: account + ": "}}
	return &its
}

// prefixed begins each line with the same words. Each Write is of whole lines.
type prefixed struct {
	to     io.Writer
	prefix string
}

func (p *prefixed) Write(b []byte) (int, error) {
	text := p.prefix + strings.ReplaceAll(strings.TrimSuffix(string(b), "\n"), "\n", "\n"+p.prefix) + "\n"
	if _, err := io.WriteString(p.to, text); err != nil {
		return 0, err
	}
	return len(b), nil
}

// tell says how the run over an account ended: in the log, and with --json as a line.
func (f *fleet) tell(o *output, out carriedOut) {
	switch {
	case len(f.accounts) == 1 && !f.json: // it is said as ever
	case out.ExitCode == exitDone && f.dryRun:
		o.log.Info("the dry run over this account has ended")
	case out.ExitCode == exitDone:
		o.log.Info("this account is done", "archived", out.Archived, "deleted", out.Deleted, "held_back", out.Skips())
	default:
		o.log.Error("this account is not done", "exit_code", out.ExitCode, "code", out.ErrorCode, "reason", out.Error, "hint", out.Hint)
	}
	if !f.json {
		return
	}
	var line any = out.Outcome
	if f.dryRun {
		line = planned{out.Account, out.Destination, out.Manifest, out.plan, out.ExitCode, out.Error, out.ErrorCode, out.Hint}
	}
	b, err := json.Marshal(line)
	if err != nil {
		o.log.Error("the outcome can't be written as JSON", "reason", err)
		return
	}
	fmt.Fprintf(f.out, "%s\n", b)
}

// planned is what a dry run over an account came to. Its JSON is a contract.
type planned struct {
	Account     string         `json:"account"`
	Destination string         `json:"destination"`
	Manifest    string         `json:"manifest"`
	Plan        *pipeline.Plan `json:"plan,omitempty"`
	ExitCode    int            `json:"exit_code"`
	Error       string         `json:"error,omitempty"`
	ErrorCode   string         `json:"error_code,omitempty"`
	Hint        string         `json:"hint,omitempty"`
}

// Skips is how many purges are held back; Skipped says something else of an outcome.
func (out carriedOut) Skips() int64 { return out.Summary.Skipped }

// fleetSummary is what the runs over several accounts came to. Its JSON is a contract:
// the last line of archive --config --json, with exit_code, error and error_code added.
type fleetSummary struct {
	Total    int                 `json:"accounts_total"`
	Accounts map[string][]string `json:"accounts"` // names by how it ended: see ending

	Listed          int64 `json:"listed"`
	Archived        int64 `json:"archived"`
	AlreadyArchived int64 `json:"already_archived"`
	Deleted         int64 `json:"deleted"`
	Failed          int64 `json:"failed"`
	Skipped         int64 `json:"skipped"`
	Bytes           int64 `json:"bytes"`

	*plannedSums // of a dry run, which has sums of plans, and nothing archived or deleted

	worst int
}

// plannedSums are what dry runs over several accounts would do.
type plannedSums struct {
	ToArchive      int64 `json:"to_archive"`
	ToArchiveBytes int64 `json:"to_archive_bytes"`
	ToDelete       int64 `json:"to_delete"`
	HeldBack       int64 `json:"held_back"`
}

// plan adds what a dry run over one account would do.
func (s *fleetSummary) plan(p *pipeline.Plan) {
	if s.plannedSums == nil {
		s.plannedSums = &plannedSums{}
	}
	s.Listed, s.AlreadyArchived = s.Listed+p.Listed, s.AlreadyArchived+p.AlreadyArchived
	s.ToArchive, s.ToArchiveBytes = s.ToArchive+p.ToArchive, s.ToArchiveBytes+p.ToArchiveBytes
	s.ToDelete, s.HeldBack = s.ToDelete+p.ToDelete, s.HeldBack+p.HeldBack
}

// ending is a word for how the run over an account ended.
func (out carriedOut) ending() string {
	switch {
	case out.ExitCode == exitInterrupted && out.Run == "":
		return "not_begun"
	case out.ExitCode == exitInterrupted:
		return "interrupted"
	case out.ExitCode == exitUsage:
		return "misconfigured"
	case out.ExitCode == exitIncomplete:
		return "incomplete"
	case out.ExitCode != exitDone:
		return "stopped"
	case out.Skipped:
		return "skipped"
	}
	return "done"
}

func sumUp(outcomes []carriedOut) (s fleetSummary) {
	s.Total, s.Accounts = len(outcomes), map[string][]string{}
	for _, o := range outcomes {
		s.Accounts[o.ending()] = append(s.Accounts[o.ending()], o.Account)
		s.worst = outcome.Worst(s.worst, o.ExitCode)
		s.Listed, s.Archived, s.AlreadyArchived = s.Listed+o.Listed, s.Archived+o.Archived, s.AlreadyArchived+o.AlreadyArchived
		if o.plan != nil {
			s.plan(o.plan)
		}
		s.Deleted, s.Failed, s.Skipped, s.Bytes = s.Deleted+o.Deleted, s.Failed+o.Failed, s.Skipped+o.Skips(), s.Bytes+o.Bytes
	}
	return s
}

// err is what ends the program, nil if all is well.
func (s fleetSummary) err() error {
	if s.worst == exitDone {
		return nil
	}
	well := len(s.Accounts["done"]) + len(s.Accounts["skipped"])
	err := fmt.Errorf("%d of %d accounts are not done; see above", s.Total-well, s.Total)
	if s.Total-well == 1 {
		err = fmt.Errorf("1 of %d accounts is not done; see above", s.Total)
	}
	switch s.worst {
	case exitInterrupted:
		err = fmt.Errorf("%w: %w", pipeline.ErrStopped, err)
		if n := len(s.Accounts["not_begun"]); n > 0 {
			err = fmt.Errorf("%w; %d of them had not begun: %s", err, n, few(s.Accounts["not_begun"]))
		}
	case exitUsage:
		err = &usageError{err: err}
	}
	return &exitError{code: s.worst, err: err}
}

// table prints a line for each account, the worst first.
func (f *fleet) table(outcomes []carriedOut) {
	all := slices.Clone(outcomes)
	slices.SortStableFunc(all, func(a, b carriedOut) int {
		if a.ExitCode == b.ExitCode {
			return cmp.Compare(b.Failed+b.Resting, a.Failed+a.Resting)
		}
		if outcome.Worst(a.ExitCode, b.ExitCode) == a.ExitCode {
			return -1
		}
		return 1
	})
	rows, notes := []string{"account\tarchived\tdeleted\theld back\tfailed\texit code"}, []string{"what to do"}
	for _, o := range all {
		rows = append(rows, fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%d", o.Account, humanize.Comma(o.Archived), humanize.Comma(o.Deleted),
			humanize.Comma(o.Skips()), humanize.Comma(o.Failed+o.Resting), o.ExitCode))
		notes = append(notes, o.whatToDo())
	}
	_ = tableWithNotes(f.out, rows, notes) // what the runs came to is in the log too
}

// whatToDo says in a line what a person can do about an outcome, "" if nothing is to be done.
func (out carriedOut) whatToDo() string {
	switch out.ending() {
	case "done":
		return ""
	case "skipped":
		return "nothing: another run is in progress"
	case "not_begun":
		return "not begun; run the same command again"
	case "interrupted":
		return "run the same command again: it resumes"
	case "incomplete":
		return "see vbcvault status --manifest " + out.Manifest
	}
	text := story.Bracketed(out.ErrorCode) + cmp.Or(out.Hint, out.Error)
	if out.ExitCode == exitUsage {
		text = out.Error + "; " + out.Hint
	}
	return strings.ReplaceAll(text, "\n", " ")
}
