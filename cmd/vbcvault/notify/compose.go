package notify

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/dustin/go-humanize/english"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/outcome"
	"github.com/vbcvault/vbcvault/pipeline/code"
)

// mostPoints are said of one run; there may be hundreds of kinds of trouble.
const mostPoints = 12

// wanted reports whether a notifier is told a message.
func (f facts) wanted(on []string, m Message) bool {
	has := func(word string) bool { return slices.Contains(on, word) }
	switch {
	case has("always"):
		return true
	case !f.settled:
		return false
	case m.News && has("news"):
		return true
	}
	// A failure that was told is told again only with something new, or after a week.
	return has(string(m.Kind)) && (m.Kind != Failure || m.fresh)
}

// tell composes the message for somebody who has been told that much (nil: nothing),
// and says what it will have been told then.
func (f facts) tell(before *state, o Occasion) (Message, state) {
	out := o.Outcome
	m := Message{ID: prefix + out.Run, Account: out.Account, Job: o.Job, At: out.Ended, Counts: countsOf(o), Commands: commandsFor(o), Outcome: scrubbed(out)}
	if out.Log != nil {
		m.Checkpoint = oneLine(out.Log.String())
	}
	then := before.next(f, out)
	var news []Point
	if f.settled { // else there will be another run soon, and it tells
		news = f.newsFor(before, then, out)
	}
	m.News = len(news) > 0
	switch {
	case !f.settled:
		m.Kind = Interrupted
	case f.failing:
		m.Kind, m.fresh = Failure, before.isFresh(f, out.Ended)
		m.Points = slices.Clone(f.points)
		if m.fresh {
			then.Said = out.Ended
		}
	case before != nil && before.Failing:
		m.Kind = Recovery
	case m.News:
		m.Kind = News
	default:
		m.Kind = Done
	}
	for _, p := range news {
		if i := slices.IndexFunc(m.Points, func(q Point) bool { return q.Code == p.Code && q.Text == p.Text }); i >= 0 {
			m.Points[i].New = p.New
		} else {
			m.Points = append(m.Points, p)
		}
	}
	m.Points = fewer(m.Points)
	m.Title = titleOf(m, o)
	return m, then
}

// newsFor is what somebody hasn't been told.
func (f facts) newsFor(before *state, then state, out outcome.Outcome) (news []Point) {
	for _, t := range f.known {
		if before == nil || !slices.Contains(before.Known, t.name) {
			news = add(news, t.point)
		}
	}
	for i := range news {
		news[i].New = news[i].Count
	}
	if f.failing && before.isFresh(f, out.Ended) && (out.ErrorCode == code.Clock || out.ErrorCode == code.Login) {
		news = append(news, f.points[0])
	}
	if before == nil || !before.Looked || !f.looked {
		return news // nobody knows which holds there were
	}
	for _, change := range []struct {
		what        string
		from, since []string
	}{{"added", before.Holds, then.Holds}, {"ended", then.Holds, before.Holds}} {
		some := slices.DeleteFunc(slices.Clone(change.since), func(h string) bool { return slices.Contains(change.from, h) })
		if len(some) > 0 {
			news = append(news, Point{New: 1, Advice: "vbcvault hold list shows all",
				Text: fmt.Sprintf("legal holds were %s (%s); %d are in force", change.what, strings.Join(some, ", "), len(then.Holds))})
		}
	}
	return news
}

// fewer leaves out what is too much to read.
func fewer(all []Point) []Point {
	if len(all) <= mostPoints {
		return all
	}
	return append(all[:mostPoints:mostPoints], Point{Text: fmt.Sprintf("and %d more; vbcvault status lists all", len(all)-mostPoints)})
}

// titleOf says in one line what happened.
func titleOf(m Message, o Occasion) string {
	out := o.Outcome
	var what string
	switch m.Kind {
	case Failure:
		what = failed(o)
		if !m.fresh {
			what = "still " + what
		}
	case Recovery:
		what = "well again: " + doneOf(o)
	case News:
		what = "new: " + m.Points[0].Text
		if n := m.Points[0].Count; n > 1 {
			what += " (" + strconv.Itoa(n) + ")"
		}
		if n := len(m.Points); n > 1 {
			what += fmt.Sprintf("; and %d more", n-1)
		}
	case Interrupted:
		what = "interrupted; the next run resumes"
		if out.Skipped {
			what = "skipped, because another run is in progress"
		}
	default:
		what = doneOf(o)
	}
	if o.Job != "" {
		what = o.Job + ": " + what
	}
	return shorten(oneLine(out.Account+": "+what), 200)
}

func failed(o Occasion) string {
	out := o.Outcome
	switch left := out.Failed + out.Resting; {
	case out.ErrorCode != code.Incomplete:
		return "failed: " + endedBecause(o)
	case left > 0:
		return "failed: " + english.Plural(int(left), "recording", "") + " could not be archived or deleted"
	case out.Troubles > 0 || len(out.Problems) > 0:
		return "failed: VBC's listings are not reliable"
	}
	return "failed: not everything could be done"
}

func doneOf(o Occasion) string {
	if o.Job != "" {
		return "done"
	}
	return fmt.Sprintf("archived %s, deleted %s", humanize.Comma(o.Outcome.Archived), humanize.Comma(o.Outcome.Deleted))
}

// countsOf are a run's numbers for people; those that are usually 0 only if they aren't.
// Jobs other than archive move no recordings, and have no such numbers.
func countsOf(of Occasion) (all []Count) {
	o := of.Outcome
	lasted := Count{"duration", o.Ended.Sub(o.Began).Round(time.Second).String()}
	if of.Job != "" {
		return []Count{lasted}
	}
	all = []Count{
		{"archived", humanize.Comma(o.Archived)}, {"deleted at VBC", humanize.Comma(o.Deleted)},
		{"held back", humanize.Comma(o.Summary.Skipped)}, {"failed", humanize.Comma(o.Failed)},
	}
	for _, c := range []struct {
		name string
		n    int64
	}{
		{"retried once a day", o.Resting}, {"acknowledged", o.Acknowledged}, {"counted by VBC and not listed", o.NotListed},
		{"troubles with listings", o.Troubles}, {"requests refused for the quota", o.Throttled},
	} {
		if c.n > 0 {
			all = append(all, Count{c.name, humanize.Comma(c.n)})
		}
	}
	return append(all, Count{"audio", humanize.IBytes(uint64(max(o.Bytes, 0)))}, lasted)
}

// commandsFor are what to run to see more.
func commandsFor(o Occasion) (all []string) {
	if o.Outcome.ErrorCode == code.Usage && o.Config != "" {
		all = append(all, "vbcvault config check "+quote(o.Config))
	}
	if o.Outcome.Manifest != "" {
		all = append(all, "vbcvault status --manifest "+quote(o.Outcome.Manifest))
	}
	return all
}

// scrubbed is an outcome without its texts, which may have VBC's words in them. Its
// codes say the same, except of a mistake in the configuration.
func scrubbed(o outcome.Outcome) *outcome.Outcome {
	o.Error, o.Stopped, o.Problems = mistake(o), "", nil
	o.Hint = oneLine(o.Hint)
	return &o
}

// longestMistake is how many characters of a mistake are told.
const longestMistake = 400

// mistake says which key, file or variable is wrong where the configuration is, "" of all
// other outcomes. Only this text of an outcome is told: it is in our own words, and was
// written before VBC was asked. Without it nobody can mend what the code names.
func mistake(o outcome.Outcome) string {
	if o.ErrorCode != code.Usage {
		return ""
	}
	return shorten(oneLine(o.Error), longestMistake)
}

var plain = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`)

// quote writes a word as sh takes it.
func quote(s string) string {
	if plain.MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(oneLine(s), "'", `'\''`) + "'"
}
