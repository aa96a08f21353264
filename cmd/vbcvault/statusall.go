package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/outcome"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/overview"
	"github.com/vbcvault/vbcvault/pipeline"
	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
)

// standing is how one account of a configuration file stands. Its JSON is a contract:
// one element of status --config --json.
type standing struct {
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

// statusOfAll prints how the accounts of a file stand, the worst first.
func statusOfAll(ctx context.Context, s streams, file string, names []string, asJSON bool) error {
	accounts, err := loadAccounts(file)
	if err != nil {
		return err
	}
	if len(names) > 0 {
		if accounts, err = named(accounts, names, file); err != nil {
			return err
		}
	}
	all := standingsOf(ctx, accounts)
	last := lastKnown(ctx, s, accounts)
	if ctx.Err() != nil {
		return pipeline.ErrStopped
	}
	for i, st := range all {
		all[i] = st.heed(last[st.Account])
	}
	slices.SortStableFunc(all, func(a, b standing) int { return cmp.Compare(b.badness(), a.badness()) })
	if asJSON {
		err = json.NewEncoder(s.out).Encode(all)
	} else {
		err = printStandings(s.out, all)
	}
	if n := len(slices.DeleteFunc(all, func(st standing) bool { return st.Error == "" })); err == nil && n > 0 {
		err = &exitError{code: exitIncomplete, err: fmt.Errorf("of %d accounts the manifest can't be read; see above", n)}
	}
	return err
}

// standingsOf reads several manifests at once.
func standingsOf(ctx context.Context, accounts []configured) []standing {
	all := make([]standing, len(accounts))
	var next atomic.Int64
	var readers sync.WaitGroup
	for range min(atOnceByDefault, len(accounts)) {
		readers.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(accounts)) && ctx.Err() == nil; i = next.Add(1) - 1 {
				all[i] = accounts[i].standing(ctx)
			}
		})
	}
	readers.Wait()
	return all
}

// standing reads the account's manifest, without locking or changing it.
func (c configured) standing(ctx context.Context) standing {
	st := standing{Account: c.Name, State: "new"}
	path, to, err := c.manifestFile(ctx)
	if err != nil {
		return st.unreadable(err)
	}
	st.Manifest, st.Destination = path, to.String()
	m, err := sqlite.OpenReadOnly(ctx, path)
	if sqlite.Missing(err) {
		return st
	}
	if err != nil {
		return st.unreadable(err)
	}
	o, err := overview.Of(ctx, m)
	if err = errors.Join(err, m.Close()); err != nil {
		return st.unreadable(err)
	}
	running, err := sqlite.InUse(path)
	if err != nil {
		return st.unreadable(err)
	}
	return st.of(o, running)
}

func (st standing) unreadable(err error) standing {
	st.State, st.Error = "unreadable", err.Error()
	return st
}

// of takes over what there is to say of a manifest.
func (st standing) of(o *overview.Overview, running bool) standing {
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
		st.ExitCode, st.Stopped = endOf(last)
	}
	return st
}

// endOf is the exit code of a run that has ended, and why it ended early.
func endOf(r manifest.Run) (exit *int, stopped string) {
	var sum pipeline.Summary
	if json.Unmarshal(r.Summary, &sum) != nil {
		return nil, ""
	}
	is := exitDone
	switch {
	case sum.StoppedCode == code.Interrupted:
		is = exitInterrupted
	case sum.Stopped != "":
		is = exitStopped
	case !sum.Complete():
		is = exitIncomplete
	}
	return &is, sum.Stopped
}

// badness orders accounts by how soon somebody should look: recordings that may be lost,
// then what can't be read, then how the last run ended, then what never ran.
func (st standing) badness() int {
	switch {
	case st.Damaged > 0:
		return 1000
	case st.Error != "":
		return 900
	case st.ExitCode != nil && *st.ExitCode != exitDone:
		return 300 + min(outcome.Worst(*st.ExitCode, exitIncomplete), 200)
	case st.State == "interrupted":
		return 250
	case st.Troubles > 0 || st.Failed > 0:
		return 200
	case st.State == "new":
		return 100
	}
	return 0
}

func printStandings(out io.Writer, all []standing) error {
	rows, notes := []string{"account\tlast run\texit code\tarchived\tleft\tfailed\ttrouble\tdamaged\theld"}, []string{""}
	for _, st := range all {
		if st.Error != "" || st.State == "new" {
			rows = append(rows, st.Account+strings.Repeat("\t-", 8))
			notes = append(notes, cmp.Or(st.Error, "never run: there is no manifest yet, or no run in it"))
			continue
		}
		exit, note := "-", ""
		if st.ExitCode != nil {
			exit = fmt.Sprint(*st.ExitCode)
		}
		if st.State != "ended" {
			note = st.State
		}
		if st.Stopped != "" {
			note = st.Stopped
		}
		if st.Hint != "" {
			note += "; " + st.Hint
		}
		rows = append(rows, fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%s\t%d\t%d\t%d", st.Account, st.LastRun.Format(time.RFC3339), exit, humanize.Comma(st.Archived),
			humanize.Comma(st.Left), humanize.Comma(st.Failed), st.Troubles, st.Damaged, st.Holds))
		notes = append(notes, note)
	}
	return tableWithNotes(out, rows, notes)
}
