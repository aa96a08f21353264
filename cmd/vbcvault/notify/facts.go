package notify

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/outcome"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/overview"
	"github.com/vbcvault/vbcvault/pipeline/code"
)

// facts are what a run and the manifest after it say, whoever is told.
type facts struct {
	settled bool     // the run has come to an end of its own
	failing bool     // with work undone
	codes   []string // what it fails for
	points  []Point  // about that
	known   []thing  // what there is to know of the account, each with a name
	looked  bool     // known is all there is
	full    bool     // there may be more than was read
	holds   []string
}

// thing is something to know once. Its name tells it from all others, and says
// nothing to whoever doesn't know it.
type thing struct {
	kind  string // damaged, failure or trouble
	name  string
	point Point
}

// factsOf reads an occasion.
func factsOf(o Occasion) facts {
	out := o.Outcome
	f := facts{settled: out.ExitCode != outcome.Interrupted && (!out.Skipped || !out.OK())}
	f.failing = f.settled && !out.OK()
	if o.After != nil {
		f.look(o.After)
	}
	if f.failing {
		f.why(o)
	}
	return f
}

// look reads how the account stands.
func (f *facts) look(after *overview.Overview) {
	f.looked = true
	f.full = len(after.Failures) >= overview.Shown || len(after.Damaged) >= overview.Shown
	for _, h := range after.InForce {
		f.holds = append(f.holds, strconv.FormatInt(h, 10))
	}
	for _, d := range after.Damaged {
		if d.Acknowledged == "" {
			f.know(Point{Code: code.Mismatch, Text: "copies are damaged or missing whose recordings VBC no longer has",
				Advice: "get them from a version or a copy of the bucket; vbcvault status lists them"}, "damaged", d.Recording)
		}
	}
	for _, l := range after.Failures {
		if l.Acknowledged == "" && l.Permanent {
			f.know(Point{Code: l.Code, Text: "recordings fail, and this will not end by itself: " + meaning(code.Failures, l.Code),
				Advice: adviceFor(l)}, "failure", l.Recording, l.Code)
		}
	}
	for _, t := range after.Troubles {
		if t.Acknowledged == "" {
			about := code.About(code.Troubles, t.Code)
			f.know(Point{Code: about.Code, Text: "VBC's listings are not reliable: " + about.Meaning, Advice: about.Advice}, "trouble", t.Name)
		}
	}
}

// know notes something with a name of its own, which begins with its kind.
func (f *facts) know(p Point, of ...string) {
	h := sha256.New()
	for _, s := range of {
		fmt.Fprintf(h, "%d:%s", len(s), s)
	}
	f.known = append(f.known, thing{kind: of[0], name: hex.EncodeToString(h.Sum(nil)[:8]), point: p})
}

// why says what a run failed for: what ended it, then what is left undone.
func (f *facts) why(o Occasion) {
	out := o.Outcome
	if out.ErrorCode != code.Incomplete {
		p := Point{Code: out.ErrorCode, Text: endedBecause(o), Advice: oneLine(out.Hint)}
		if said := mistake(out); said != "" {
			p.Text += ": " + said
		}
		if out.ErrorCode == code.Usage && o.Config != "" {
			check := "vbcvault config check " + quote(o.Config) + " checks the whole file: run it as the user that vbcvault runs as, since others may read other secrets"
			if p.Advice != "" {
				check = p.Advice + ". " + check
			}
			p.Advice = check
		}
		f.fails("ended/"+out.ErrorCode, p)
	}
	if out.ErrorCode != code.Incomplete && o.After == nil {
		return
	}
	if n := len(out.Problems); n > 0 {
		f.fails("problems", Point{Count: n, Text: "listings of VBC could not be read to their end", Advice: "the next run checks again; the log of the run says which"})
	}
	if o.After == nil {
		return
	}
	for _, l := range o.After.Failures {
		if l.Acknowledged != "" {
			continue
		}
		text := "recordings failed: "
		if l.Permanent {
			text = "recordings fail, and this will not end by itself: "
		}
		f.fails("failure/"+l.Code, Point{Code: l.Code, Text: text + meaning(code.Failures, l.Code), Advice: adviceFor(l)})
	}
	for _, t := range f.known {
		if t.kind != "failure" {
			f.fails(t.kind+"/"+t.point.Code, t.point)
		}
	}
}

// fails notes why a run fails; the same again is counted.
func (f *facts) fails(name string, p Point) {
	if !slices.Contains(f.codes, name) {
		f.codes = append(f.codes, name)
	}
	f.points = add(f.points, p)
}

// add adds a point, or counts one that says the same.
func add(all []Point, p Point) []Point {
	p.Count = max(p.Count, 1)
	i := slices.IndexFunc(all, func(q Point) bool { return q.Code == p.Code && q.Text == p.Text && q.Advice == p.Advice })
	if i < 0 {
		return append(all, p)
	}
	all[i].Count += p.Count
	return all
}

// status is the code of an answer of VBC.
var status = regexp.MustCompile(`^vbc-(\d+)(?:-(\d+))?$`)

// meaning is a code in words.
func meaning(table []code.Entry, c string) string {
	if m := status.FindStringSubmatch(c); m != nil {
		text := "VBC answered with HTTP " + m[1]
		if m[2] != "" {
			text += " and its code " + m[2]
		}
		return text
	}
	if m := code.About(table, c).Meaning; m != "" {
		return m
	}
	return "vbcvault status says why"
}

// adviceFor says what to do about a failure, without naming it.
func adviceFor(f overview.Failure) string {
	switch about := code.About(code.Failures, f.Code); {
	case about.Advice != "":
		return about.Advice
	case f.Permanent:
		return "check these recordings in the VBC admin portal; if you can't fix them, vbcvault acknowledge"
	}
	return "this may end by itself; the next run tries again"
}

// endedBecause says why a run ended.
func endedBecause(o Occasion) string {
	c := o.Outcome.ErrorCode
	for _, table := range [][]code.Entry{code.Ended, code.Failures} {
		if code.About(table, c).Meaning != "" && c != code.Failed {
			return meaning(table, c)
		}
	}
	return job(o.Job) + " failed; its log says why"
}

// job is the name of what was done.
func job(name string) string {
	if name == "" {
		return "archive"
	}
	return name
}
