package notify

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
)

// reporting is the job under which it is remembered who has got which report.
const reporting = "report"

// mostLines is how many lines of a report a message has.
const mostLines = 40

// Monthly is a report that is due, as it is sent.
type Monthly struct {
	Service string    // whose report it is, in words that no other service has; shown nowhere
	Due     time.Time // by which it is known: each notifier gets one for each
	Title   string    // one line
	Text    string    // the report in short, for people
	Page    File      // the report, for mails
	Command string    // that makes the report
}

// SendReport sends a report through the notifiers of these names, with one try each: by
// mail with the page, else in short. It may be called again until it returns nil: who
// has got it doesn't get it again. The error has no secret, and names those for whom
// another try is worth it; what is refused for good is a warning in the log.
func (t *Teller) SendReport(ctx context.Context, names []string, r Monthly) error {
	// Two services that are due at the same time send two mails: with one Message-ID,
	// mail servers would drop one of them as the other.
	of := sha256.Sum256([]byte(r.Service))
	id := "report-" + r.Due.UTC().Format("20060102T150405Z") + "-" + hex.EncodeToString(of[:6])
	m := Message{ID: prefix + id, Kind: Report, At: r.Due.UTC(), Title: oneLine(r.Title), Commands: []string{r.Command}}
	for line := range strings.Lines(r.Text) {
		switch line = oneLine(line); {
		case line == "":
		case len(m.Points) == mostLines: // chats take no more
			m.Points = append(m.Points, Point{Text: "and more: see the report itself"})
		case len(m.Points) < mostLines:
			m.Points = append(m.Points, Point{Text: line})
		}
	}
	var failed []error
	for _, name := range names {
		l := Letter{Notifier: name, Message: m, Then: &state{Run: id, At: m.At}, Attached: &r.Page}
		l.Message.Job = reporting
		switch err := t.Send(ctx, l); {
		case Final(err):
			t.log.Warn("the report could not be sent to a notifier", "notifier", name, "error", err)
		case err != nil:
			failed = append(failed, fmt.Errorf("notifier %s: %w", name, err))
		}
	}
	return errors.Join(failed...)
}
