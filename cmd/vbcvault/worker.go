package main

import (
	"context"
	"io"
	"regexp"
	"slices"
	"sync"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/outcome"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/service"
	"github.com/vbcvault/vbcvault/pipeline/progress"
)

// worker does the service's work with the code of the commands.
type worker struct {
	output *output // of the service

	mu     sync.Mutex
	common configured // what all accounts have from the file that was read last
}

var _ service.Worker = (*worker)(nil)

// use has the worker go by a configuration.
func (w *worker) use(c *config.Config) {
	w.mu.Lock()
	defer w.mu.Unlock()
	was := w.common.shared
	w.common = configured{path: c.Path, state: c.StateDir, database: c.Database, shared: was}
	if all := accountsOf(c); len(all) > 0 {
		w.common.shared = all[0].shared
		w.common.shared.inherit(was)
	}
}

// of is an account with its surroundings. What the service says of it counts: it has
// the configuration with which the work began, and the file may have no such account any
// more. Its manifest lies where those of all others do, or it would begin another one,
// which knows of no holds.
func (w *worker) of(a config.Account) configured {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.common
	c.Account = a
	return c
}

// around is what all accounts have around them.
func (w *worker) around(ctx context.Context) surroundings { return w.of(config.Account{}).around(ctx) }

// quietly is where the words of one account's work go: its log, which names the account.
func (w *worker) quietly(a config.Account) *output {
	o := &output{streams: streams{out: io.Discard, err: w.output.err}, log: w.output.log.With("account", a.Name), printer: w.output.printer}
	o.json, o.progressStyle = true, "none"
	return o
}

func (w *worker) Archive(ctx context.Context, a config.Account, watch func(*progress.Stats)) outcome.Outcome {
	o := w.quietly(a)
	o.watch = watch
	out := w.of(a).archive(ctx, o)
	kept := withoutWords(out)
	if kept.Error != out.Error {
		o.log.Warn("the run did not do everything", "reason", out.Error)
	}
	return kept
}

// answered is what VBC has answered, with its words.
var answered = regexp.MustCompile(`(?s)( answered [0-9]{3}(?: \(fault [0-9]+\))?): .*$`)

// withoutWords is an outcome without what VBC has said in its answers, which may be
// about callers: the log is for that, and the service keeps outcomes for a year.
func withoutWords(o outcome.Outcome) outcome.Outcome {
	o.Error = answered.ReplaceAllString(o.Error, "$1; the log has its words")
	o.Stopped = answered.ReplaceAllString(o.Stopped, "$1")
	problems := slices.Clone(o.Problems)
	for i, p := range problems {
		problems[i] = answered.ReplaceAllString(p, "$1")
	}
	o.Problems = problems
	return o
}
