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

	"github.com/vbcvault/vbcvault/cmd/vbcvault/overview"
	"github.com/vbcvault/vbcvault/pipeline"
	"github.com/vbcvault/vbcvault/pipeline/manifest/place"
)

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
		all[i] = st.Heed(last[st.Account])
	}
	slices.SortStableFunc(all, func(a, b overview.Standing) int { return cmp.Compare(b.Badness(), a.Badness()) })
	if asJSON {
		err = json.NewEncoder(s.out).Encode(all)
	} else {
		err = printStandings(s.out, all)
	}
	if n := len(slices.DeleteFunc(all, func(st overview.Standing) bool { return st.Error == "" })); err == nil && n > 0 {
		err = &exitError{code: exitIncomplete, err: fmt.Errorf("of %d accounts the manifest can't be read; see above", n)}
	}
	return err
}

// standingsOf reads several manifests at once.
func standingsOf(ctx context.Context, accounts []configured) []overview.Standing {
	all := make([]overview.Standing, len(accounts))
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
func (c configured) standing(ctx context.Context) overview.Standing {
	st := overview.Standing{Account: c.Name, State: "new"}
	path, to, err := c.manifestFile(ctx)
	if err != nil {
		return st.Unreadable(err)
	}
	st.Manifest, st.Destination = path, to.String()
	m, err := place.OpenReadOnly(ctx, path, c.around(ctx).unsigned())
	if place.Missing(err) {
		return st
	}
	if err != nil {
		return st.Unreadable(err)
	}
	o, err := overview.Of(ctx, m)
	running := false
	if err == nil {
		running, err = m.InUse(ctx)
	}
	if err = errors.Join(err, m.Close()); err != nil {
		return st.Unreadable(err)
	}
	return st.Of(o, running)
}

func printStandings(out io.Writer, all []overview.Standing) error {
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
