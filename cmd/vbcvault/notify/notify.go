// Package notify tells people, and the programs that watch for them, what became of a
// run: by webhook, by mail, by a command, and by pings of healthchecks.io.
//
// Of one run, each notifier is told at most one message, and only of what it hasn't
// been told: the same failure night after night is one message, and another one a week
// later. What each has been told is kept in a Memory, and only once it has been
// delivered: what couldn't be told tonight is told tomorrow.
//
// A message has codes, counts and our own words. It never has what VBC, a destination
// or a caller has written: not a failure's text, no numbers, no names, no ids of
// recordings. Only what is wrong with the configuration is quoted: we have said it. Secrets are fetched for the moment of sending; an address that is sent to
// is one of them.
//
// To fail to tell changes nothing about a run: it is a warning in the log.
package notify

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/outcome"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/overview"
)

// Occasion is what there may be to tell of: a run that has ended.
type Occasion struct {
	Outcome outcome.Outcome
	// After is how the account stands after the run; nil if that can't be read.
	After *overview.Overview
	// Job is what was done, "" = archive; else the command's name, as verify or backup.
	Job string
	// Config is the path of the configuration file, for the commands that a message names.
	Config string
}

// Letter is a message to one notifier. It has no secret: it may be kept in a database
// until it is sent.
type Letter struct {
	Notifier string  `json:"notifier"` // its name
	Message  Message `json:"message"`
	Then     *state  `json:"then,omitempty"` // what the notifier will have been told

	// Attached goes with a mail, and with nothing else.
	Attached *File `json:"-"`
}

// File is a file that is sent with a mail.
type File struct {
	Name string // without a directory
	Type string // as in text/html
	Body []byte
}

// Result is what became of one letter.
type Result struct {
	Notifier string
	Err      error // without secrets
}

// Teller tells. All its methods may be called at the same time.
type Teller struct {
	notifiers []config.Notifier
	memory    *Memory
	log       *slog.Logger
	pauses    []time.Duration
	starting  sync.Map       // notifier and run → a channel that is closed once that is told
	begun     sync.Map       // account → the run that it was last told of that it begins
	host      string         // this machine's name
	roots     *x509.CertPool // nil = the system's
}

const (
	tryLimit  = 30 * time.Second // for one delivery; commands have a minute
	tellLimit = 2 * time.Minute  // for one message, with all tries
	startTry  = 10 * time.Second // to say that a run begins
	again     = 7 * 24 * time.Hour
)

// New makes a teller for the notifiers of a configuration. memory is what they have
// been told; nil is nothing, and nothing will be remembered.
func New(notifiers []config.Notifier, memory *Memory, log *slog.Logger) *Teller {
	host, _ := os.Hostname()
	return &Teller{notifiers: notifiers, memory: memory, log: log, host: oneLine(host), pauses: []time.Duration{time.Second, 4 * time.Second, 15 * time.Second}}
}

// Hurry has further tries come after other pauses than the usual ones, for tests.
func (t *Teller) Hurry(pauses []time.Duration) { t.pauses = pauses }

// Names are the notifiers' names, in the order of the file.
func (t *Teller) Names() (names []string) {
	for _, n := range t.notifiers {
		names = append(names, n.Name)
	}
	return names
}

// find is the notifier of that name.
func (t *Teller) find(name string) (config.Notifier, bool) {
	i := slices.IndexFunc(t.notifiers, func(n config.Notifier) bool { return n.Name == name })
	if i < 0 {
		return config.Notifier{}, false
	}
	return t.notifiers[i], true
}

func concerns(n config.Notifier, account string) bool {
	return len(n.Accounts) == 0 || slices.Contains(n.Accounts, account)
}

// Started tells healthchecks that a run of the account begins. run is the UUID that
// the outcome will have. It returns at once, and the ping has one try: that it is lost
// doesn't matter, only the length of the run is unknown then. What is told of the run's
// end waits for it. Of a run that begins again, as one that waits for its manifest does
// every minute, it tells once: each ping would put off the moment when the check says
// that the run doesn't come to its end.
func (t *Teller) Started(ctx context.Context, account, run string) {
	if last, _ := t.begun.Swap(account, run); last == run {
		return
	}
	for _, n := range t.notifiers {
		if n.Healthchecks == nil || !concerns(n, account) {
			continue
		}
		sent := make(chan struct{})
		t.starting.Store(n.Name+" "+run, sent)
		go func() {
			defer close(sent)
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), startTry)
			defer cancel()
			if err := t.ping(ctx, n.Healthchecks, account, run, "start", ""); err != nil {
				t.log.Warn("a notifier could not be told that a run begins", "notifier", n.Name, "account", account, "error", err)
			}
		}()
	}
}

// started waits until it is told that a run began, if somebody is about to.
func (t *Teller) started(ctx context.Context, notifier, run string) {
	if sent, ok := t.starting.LoadAndDelete(notifier + " " + run); ok {
		select {
		case <-sent.(chan struct{}):
		case <-ctx.Done():
		}
	}
}

// Plan says who is to be told what of a run, and hasn't been. What there is nothing to
// tell of is remembered at once; the rest, once Send has delivered it. Whoever keeps
// letters may send each one again, also after others: what has been overtaken is not
// sent. The error says that nothing could be remembered.
func (t *Teller) Plan(o Occasion) (letters []Letter, err error) {
	if o.Job == "archive" {
		o.Job = ""
	}
	f := factsOf(o)
	account := o.Outcome.Account
	var quiet []entry
	known, err := t.memory.read()
	if err != nil {
		t.log.Warn("what the notifiers have been told can't be read: everything is told again", "error", err)
	}
	for _, n := range t.notifiers {
		if !concerns(n, account) {
			continue
		}
		before := known.of(n.Name, account, o.Job)
		if before.overtakes(o.Outcome.Run, o.Outcome.Ended) {
			continue
		}
		m, then := f.tell(before, o)
		switch {
		case n.Healthchecks != nil && o.Job != "": // its checks are about runs
		case n.Healthchecks != nil || f.wanted(n.On, m):
			letters = append(letters, Letter{Notifier: n.Name, Message: m, Then: &then})
		default:
			quiet = append(quiet, entry{n.Name, account, o.Job, then})
		}
	}
	return letters, t.memory.put(quiet...)
}

// Send tries once to deliver a letter. On return without an error it is delivered, and
// remembered; or there is a later one, and it isn't any use any more. The error has no
// secret; Final says whether it is any use to try again.
func (t *Teller) Send(ctx context.Context, l Letter) error {
	n, ok := t.find(l.Notifier)
	if !ok {
		return &failure{text: fmt.Sprintf("the configuration has no notifier %q any more", l.Notifier), final: true}
	}
	if l.Then != nil {
		known, err := t.memory.read()
		if err == nil && known.of(n.Name, l.Message.Account, l.Message.Job).overtakes(l.Then.Run, l.Then.At) {
			return nil
		}
	}
	limit := tryLimit
	if len(n.Command) > 0 {
		limit = commandLimit
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if err := t.deliver(ctx, n, l); err != nil {
		return err
	}
	if l.Then == nil {
		return nil
	}
	if err := t.memory.put(entry{n.Name, l.Message.Account, l.Message.Job, *l.Then}); err != nil {
		// It is told, and trying again would tell it once more.
		t.log.Warn("what a notifier has been told can't be kept: it will be told again", "notifier", n.Name, "error", err)
	}
	return nil
}

func (t *Teller) deliver(ctx context.Context, n config.Notifier, l Letter) error {
	l.Message.Host = cmp.Or(l.Message.Host, t.host)
	switch {
	case n.Webhook != nil:
		return t.hook(ctx, n.Webhook, l.Message)
	case n.Email != nil:
		return t.mail(ctx, n.Email, l)
	case len(n.Command) > 0:
		return runCommand(ctx, n.Command, l.Message)
	case n.Healthchecks != nil:
		m := l.Message
		t.started(ctx, n.Name, m.run())
		return t.ping(ctx, n.Healthchecks, m.Account, m.run(), m.ending(), m.Title)
	}
	return &failure{text: "it has no webhook, email, command or healthchecks", final: true}
}

// Tell tells all who are to be told of a run, with several tries, in two minutes at
// most. Failing is a warning in the log.
func (t *Teller) Tell(ctx context.Context, o Occasion) []Result {
	letters, err := t.Plan(o)
	if err != nil {
		t.log.Warn("what the notifiers have been told can't be kept: they may be told again", "error", err)
	}
	return t.SendAll(ctx, letters)
}

// TellOnce tells those who haven't been told of a run, with one try each, for whoever
// calls it again later: whoever was told isn't told again. The error names those for
// whom it is worth it; what is refused for good is a warning in the log.
func (t *Teller) TellOnce(ctx context.Context, o Occasion) error {
	letters, err := t.Plan(o)
	if err != nil { // a full disk is what people have to be told of
		t.log.Warn("what the notifiers have been told can't be kept: they may be told again", "error", err)
	}
	return t.sendOnce(ctx, letters)
}

// sendOnce tries once to deliver each letter, all at the same time.
func (t *Teller) sendOnce(ctx context.Context, letters []Letter) error {
	failed := make([]error, len(letters))
	var all sync.WaitGroup
	for i, l := range letters {
		all.Go(func() {
			switch err := t.Send(ctx, l); {
			case Final(err):
				t.log.Warn("a notifier could not be told", "notifier", l.Notifier, "account", l.Message.Account, "error", err)
			case err != nil:
				failed[i] = fmt.Errorf("notifier %s: %w", l.Notifier, err)
			}
		})
	}
	all.Wait()
	return errors.Join(failed...)
}

// SendAll sends letters, each with several tries, all at the same time.
func (t *Teller) SendAll(ctx context.Context, letters []Letter) []Result {
	ctx, cancel := context.WithTimeout(ctx, tellLimit)
	defer cancel()
	results := make([]Result, len(letters))
	var all sync.WaitGroup
	for i, l := range letters {
		all.Go(func() {
			err := t.insist(ctx, l)
			if err != nil {
				t.log.Warn("a notifier could not be told", "notifier", l.Notifier, "account", l.Message.Account, "error", err)
			}
			results[i] = Result{l.Notifier, err}
		})
	}
	all.Wait()
	return results
}
