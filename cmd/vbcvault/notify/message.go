package notify

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/outcome"
)

// Kind is what a message is about, above all.
type Kind string

const (
	Failure     Kind = "failure"     // the run left work undone, or did not run
	Recovery    Kind = "recovery"    // it is well again
	News        Kind = "news"        // it is well, and there is something to know
	Done        Kind = "done"        // it is well
	Interrupted Kind = "interrupted" // it was told to stop, or left to another run
	Report      Kind = "report"
	Test        Kind = "test"
)

// Message is what is told of one run. Its JSON is a contract: a webhook and a command
// get it. It has no data of callers, no words of VBC's and no secret.
type Message struct {
	ID      string    `json:"id"` // the same for each try
	Kind    Kind      `json:"kind"`
	Account string    `json:"account,omitempty"` // its name in the configuration
	Job     string    `json:"job,omitempty"`     // "" = archive
	Host    string    `json:"host,omitempty"`    // the machine that the message is from
	At      time.Time `json:"at"`                // UTC, when the run ended
	Title   string    `json:"title"`             // one line, with the account
	Points  []Point   `json:"points,omitempty"`  // what there is to know, the most important first
	News    bool      `json:"news"`              // there is something that wasn't told before
	Counts  []Count   `json:"counts,omitempty"`
	// Commands are what to run to see more.
	Commands []string `json:"commands,omitempty"`
	// Checkpoint is the log of receipts, as vbcvault audit --expect takes it: kept
	// elsewhere, it proves later that nothing of it was changed.
	Checkpoint string           `json:"checkpoint,omitempty"`
	Outcome    *outcome.Outcome `json:"outcome,omitempty"` // without its texts

	fresh bool // a failure that wasn't told before
}

// Point is one thing to know.
type Point struct {
	Code   string `json:"code,omitempty"`  // one of package code's
	Count  int    `json:"count,omitempty"` // how often
	New    int    `json:"new,omitempty"`   // how many of them weren't told before
	Text   string `json:"text"`
	Advice string `json:"advice,omitempty"` // what to do
}

// Count is a number with its name.
type Count struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// prefix of a message's id, before the run's UUID.
const prefix = "msg_"

// run is the UUID of the run.
func (m Message) run() string { return strings.TrimPrefix(m.ID, prefix) }

// ending is the run's end as healthchecks.io calls it. Of what has not ended, or isn't a
// run, there is only a line in its log.
func (m Message) ending() string {
	if m.Outcome == nil || m.Outcome.ExitCode == outcome.Interrupted {
		return "log"
	}
	return strconv.Itoa(m.Outcome.ExitCode & 0xff)
}

// Text is the message for people, without its title.
func (m Message) Text() string {
	var b strings.Builder
	para := func() {
		if b.Len() > 0 {
			b.WriteString("\n")
		}
	}
	for _, p := range m.Points {
		b.WriteString("- " + p.line() + "\n")
		if p.Advice != "" {
			b.WriteString("  What to do: " + p.Advice + "\n")
		}
	}
	if len(m.Counts) > 0 {
		para()
		b.WriteString(m.counts() + "\n")
	}
	if len(m.Commands) > 0 {
		para()
		b.WriteString(m.seeMore() + "\n")
		for _, c := range m.Commands {
			b.WriteString("  " + c + "\n")
		}
	}
	if m.Checkpoint != "" {
		para()
		b.WriteString(keepThis + "\n  " + m.Checkpoint + "\n")
	}
	return b.String()
}

// seeMore is what stands before the commands: they are of use on the message's machine only.
func (m Message) seeMore() string {
	if m.Host == "" {
		return "To see more, run:"
	}
	return "To see more, run on " + m.Host + ":"
}

const keepThis = "Keep this line; vbcvault audit --expect can prove with it that no receipt was changed:"

// counted is a point's text with how often it is so.
func (p Point) counted() string {
	switch {
	case p.New > 0 && p.New < p.Count:
		return fmt.Sprintf("%s (%d, of which %d new)", p.Text, p.Count, p.New)
	case p.Count > 1:
		return fmt.Sprintf("%s (%d)", p.Text, p.Count)
	}
	return p.Text
}

func (p Point) line() string {
	if p.Code == "" {
		return p.counted()
	}
	return p.counted() + " [" + p.Code + "]"
}

func (m Message) counts() string {
	all := make([]string, len(m.Counts))
	for i, c := range m.Counts {
		all[i] = c.Name + ": " + c.Value
	}
	return strings.Join(all, ", ")
}

// oneLine makes a text fit for a header, a title or a log: whatever breaks lines or
// can't be seen is a space.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == 0x2028 || r == 0x2029 || r == '\uFFFD' {
			return ' '
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}

// shorten cuts a text to so many characters.
func shorten(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}
