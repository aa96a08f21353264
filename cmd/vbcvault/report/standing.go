package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

// Standing says how much an account needs a person.
type Standing string

const (
	Good       Standing = "good"       // it needs nobody
	Attention  Standing = "attention"  // somebody should look into it
	Action     Standing = "action"     // something may be lost unless somebody acts
	Unreadable Standing = "unreadable" // nobody knows
)

// standings are all, the best first.
var standings = []Standing{Good, Attention, Action, Unreadable}

func (s Standing) rank() int { return slices.Index(standings, s) }

// Says is the standing for people.
func (s Standing) Says() string {
	return map[Standing]string{
		Good: "Good", Attention: "Needs attention", Action: "Needs action now", Unreadable: "Can’t be read",
	}[s]
}

// Finding is one thing that needs a person.
type Finding struct {
	Standing Standing `json:"standing"`
	Says     string   `json:"says"`
	Advice   string   `json:"advice"`
}

// overdue is how long an account may be without a run that comes to its end.
const overdue = 7 * day

// judge says what needs a person.
func (g *gathering) judge() {
	g.Findings = []Finding{}
	say := func(s Standing, advice, format string, args ...any) {
		g.Findings = append(g.Findings, Finding{s, fmt.Sprintf(format, args...), advice})
	}
	if n := g.Now.Damaged.Recordings; n > 0 {
		say(Action, "vbcvault status names them; look for other copies (older versions in the bucket, a backup) and put them back",
			"%s: the copy is damaged or missing, and VBC no longer has the recording.", recordings(n))
	}
	if !g.Log.Intact {
		say(Action, "run vbcvault audit; vbcvault help evidence explains each finding",
			"The receipts of deletions are not intact.")
	}
	g.judgeExpiry(say)
	g.judgeRuns(say)
	var failed, troubles int64
	for _, f := range g.Failures {
		failed += f.Recordings - f.Acknowledged
	}
	for _, t := range g.Troubles {
		troubles += t.Count - t.Acknowledged
	}
	if failed > 0 {
		say(Attention, "the table of failures says what to do for each cause", "%s failed in the last run about them.", recordings(failed))
	}
	if troubles > 0 {
		say(Attention, "the table of troubles says what to do for each",
			"VBC's listings can't be relied on: recordings may be missing in them (causes: %s).", humanize.Comma(troubles))
	}
	for _, h := range g.Holds {
		if h.Lost {
			say(Attention, "vbcvault hold list shows it; vbcvault help hold says what to do",
				"Nobody knows any more what legal hold %d covers, so nothing is deleted at all.", h.Number)
		}
	}
	g.Standing = Good
	for _, f := range g.Findings {
		if f.Standing.rank() > g.Standing.rank() {
			g.Standing = f.Standing
		}
	}
	slices.SortStableFunc(g.Findings, func(a, b Finding) int { return b.Standing.rank() - a.Standing.rank() })
}

type sayer func(s Standing, advice, format string, args ...any)

// judgeExpiry says what ends before anybody wants it to.
func (g *gathering) judgeExpiry(say sayer) {
	if n := g.Expiry.AtRisk.Recordings; n > 0 {
		say(Action, "run vbcvault archive now; what failed is in the table of failures",
			"%s: not archived yet, and VBC may delete them within 30 days (it seems to keep recordings for %s).",
			recordings(n), span(g.Expiry.Retention))
	}
	if n := g.Expiry.Removal.Over.Recordings + g.Expiry.Removal.Days30.Recordings; n > 0 {
		say(Action, "change the lifecycle rule of the bucket",
			"%s: a lifecycle rule of the bucket removes the copies from the archive within 30 days, or has done so.", recordings(n))
	}
	if n := g.Expiry.Locks.Days30.Recordings; n > 0 {
		say(Attention, "if they must stay locked, extend the retention in the bucket",
			"%s: the lock on the copies ends within 30 days.", recordings(n))
	}
}

// judgeRuns says whether the account is archived at all.
func (g *gathering) judgeRuns(say sayer) {
	const advice = "vbcvault status shows the latest runs and why they failed"
	ended, success := g.Runs.LastEnd, "No run has ever succeeded."
	if !g.Runs.LastSuccess.IsZero() {
		success = "The last one that did ended on " + moment(g.Runs.LastSuccess) + "."
	}
	switch {
	case g.Runs.Last.IsZero():
		say(Attention, "run vbcvault archive", "No run has archived this account yet.")
	case ended.IsZero() && g.At.Sub(g.firstRun) <= overdue: // the first archiving of all takes days
		say(Attention, advice, "No run has ever come to its end. The first one began on %s.", moment(g.firstRun))
	case ended.IsZero():
		say(Action, advice, "No run has ever come to its end. The first one began on %s.", moment(g.firstRun))
	case g.At.Sub(ended) > overdue:
		say(Action, advice, "No run has come to its end for %s: the last one ended on %s.", span(g.At.Sub(ended).Seconds()), moment(ended))
	case g.Runs.LastFailed:
		say(Attention, advice, "The last run did not succeed. %s", success)
	}
}

// recordings is so many of them.
func recordings(n int64) string {
	if n == 1 {
		return "1 recording"
	}
	return humanize.Comma(n) + " recordings"
}

// span says how long something takes, for people.
func span(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < 2*time.Hour:
		return fmt.Sprintf("%.0f min", d.Minutes())
	case d < 2*day:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", d.Hours()), ".0") + " hours"
	case d < 10*day:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", d.Hours()/24), ".0") + " days"
	}
	return humanize.Comma(int64(d.Hours()/24+0.5)) + " days"
}

// moment says when something was, for people.
func moment(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return t.UTC().Format("2 Jan 2006 15:04") + " UTC"
}
