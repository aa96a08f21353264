package notify

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/outcome"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/overview"
	"github.com/vbcvault/vbcvault/pipeline/code"
)

// kinds are what a notifier is told in these nights, one after the other; - is nothing.
func kinds(t *testing.T, on []string, nights ...Occasion) (all []string) {
	t.Helper()
	n, told := to(t, "one", on...)
	tell, _ := teller(t, n)
	for _, o := range nights {
		before := len(told())
		for _, r := range tell.Tell(t.Context(), o) {
			if r.Err != nil {
				t.Fatal(r.Err)
			}
		}
		got := told()[before:]
		if len(got) > 1 {
			t.Fatalf("%d messages of one run", len(got))
		}
		if len(got) == 0 {
			all = append(all, "-")
		} else {
			all = append(all, string(got[0].Kind))
		}
	}
	return all
}

// Each is told what it asked for, once, and again when it changes or after a week.
func TestWhatIsTold(t *testing.T) {
	t.Parallel()
	usual := []string{"failure", "recovery", "news"}
	held := func(o Occasion, holds ...int64) Occasion {
		o.After.InForce, o.After.Holds = holds, len(holds)
		return o
	}
	killed := well(1)
	killed.Outcome.ExitCode = outcome.Interrupted
	skipped := well(1)
	skipped.Outcome.Skipped = true
	damaged := func(n int) Occasion {
		o := well(n)
		o.After.Damaged = []overview.Failure{{Recording: "company 1", Code: code.Mismatch}}
		return o
	}
	trouble := func(n int, ack string) Occasion {
		o := well(n)
		o.After.Troubles = []overview.Trouble{{Name: "t1", Code: "vanished", Acknowledged: ack}}
		return o
	}
	for name, c := range map[string]struct {
		on     []string
		nights []Occasion
		want   string
	}{
		"all is well":              {usual, []Occasion{well(0), well(1)}, "- -"},
		"always":                   {[]string{"always"}, []Occasion{well(0), bad(1, "size"), bad(2, "size"), well(3)}, "done failure failure recovery"},
		"the same failure":         {usual, []Occasion{well(0), bad(1, "size"), bad(2, "size"), bad(3, "size"), well(4), well(5)}, "- failure - - recovery -"},
		"another cause":            {[]string{"failure"}, []Occasion{bad(0, "size"), bad(1, "size", "cold"), bad(2, "cold"), bad(3, "size")}, "failure failure - -"},
		"after a week":             {usual, []Occasion{bad(0, "size"), bad(6, "size"), bad(7, "size"), bad(8, "size")}, "failure - failure -"},
		"after it was well":        {usual, []Occasion{bad(0, "size"), well(1), bad(2, "size")}, "failure recovery failure"},
		"one more of the same":     {usual, []Occasion{bad(0, "size"), bad(1, "size", "size")}, "failure failure"},
		"one more, for failures":   {[]string{"failure"}, []Occasion{bad(0, "size"), bad(1, "size", "size")}, "failure -"},
		"only recovery":            {[]string{"recovery"}, []Occasion{bad(0, "size"), bad(1, "size"), well(2), well(3)}, "- - recovery -"},
		"stopped":                  {usual, []Occasion{stopped(0, code.Outage), stopped(1, code.Outage), stopped(2, code.Login)}, "failure - failure"},
		"clock and login are news": {[]string{"news"}, []Occasion{stopped(0, code.Outage), stopped(1, code.Login), stopped(2, code.Login), stopped(3, code.Clock)}, "- failure - failure"},
		"damage":                   {usual, []Occasion{well(0), damaged(1), damaged(2), well(3), damaged(4)}, "- news - - news"},
		"trouble":                  {usual, []Occasion{well(0), trouble(1, "known"), trouble(2, "")}, "- - news"},
		"holds":                    {usual, []Occasion{held(well(0), 1), held(well(1), 1), held(well(2), 1, 2), held(well(3), 1, 3), held(well(4)), well(5)}, "- - news news news -"},
		"interrupted":              {usual, []Occasion{bad(0, "size"), killed, bad(2, "size"), well(3)}, "failure - - recovery"},
		"interrupted, for all":     {[]string{"always"}, []Occasion{well(0), killed, well(2)}, "done interrupted done"},
		"left to another run":      {usual, []Occasion{bad(0, "size"), skipped, well(2)}, "failure - recovery"},
		"another run that is dead": {usual, []Occasion{well(0), stopped(1, code.AnotherRun)}, "- failure"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := strings.Join(kinds(t, c.on, c.nights...), " "); got != c.want {
				t.Errorf("told %s, want %s", got, c.want)
			}
		})
	}
}

// What is told of other jobs is told beside what is told of runs.
func TestOtherJobs(t *testing.T) {
	t.Parallel()
	verify := stopped(1, code.StoreRefused)
	verify.Job = "verify"
	fine := well(3)
	fine.Job = "verify"
	if got := strings.Join(kinds(t, []string{"failure", "recovery"}, well(0), verify, well(2), fine), " "); got != "- failure - recovery" {
		t.Errorf("told %s", got)
	}
	f := factsOf(verify)
	if m, _ := f.tell(nil, verify); !strings.HasPrefix(m.Title, "acme: verify: failed: ") {
		t.Errorf("title %q", m.Title)
	}
}

// A message says what happened in its first line, what to do, and how to see more.
func TestMessage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		o     Occasion
		title string
		says  []string
	}{
		{well(0), "acme: archived 12, deleted 10", []string{"archived: 12", "deleted at VBC: 10", "audio: 3.0 MiB", "duration: 1m30s",
			"vbcvault status --manifest /var/lib/vbcvault/acme.manifest", "--expect", "vbcvault/549825/0123 77 "}},
		{bad(0, "size", "size", "equal-audio"), "acme: failed: 3 recordings could not be archived or deleted",
			[]string{"(2) [size]", "--accept-size-mismatch", "[equal-audio]", "will not end by itself"}},
		{stopped(0, code.Login), "acme: failed: VBC refuses the login, the application or the token", []string{"What to do: call somebody", "[login]"}},
		{stopped(0, code.OfStatus(503, 0)), "acme: failed: VBC answered with HTTP 503", []string{"[vbc-503]"}},
		{stopped(0, code.Failed), "acme: failed: archive failed; its log says why", nil},
	} {
		m, _ := factsOf(c.o).tell(nil, c.o)
		if m.Title != c.title {
			t.Errorf("title %q, want %q", m.Title, c.title)
		}
		for _, s := range c.says {
			if !strings.Contains(m.Text(), s) {
				t.Errorf("%q is not in\n%s", s, m.Text())
			}
		}
	}
	usage := stopped(0, code.Usage)
	usage.Outcome.Manifest, usage.After, usage.Config = "", nil, "/etc/it's here.yaml"
	if m, _ := factsOf(usage).tell(nil, usage); !slices.Equal(m.Commands, []string{`vbcvault config check '/etc/it'\''s here.yaml'`}) {
		t.Errorf("commands %q", m.Commands)
	}
}

// A mistake in the configuration is told in its own words, with its hint, since a check of
// the file may find nothing; of every other end the text is not told.
func TestMistakeIsTold(t *testing.T) {
	t.Parallel()
	for c, told := range map[string]bool{code.Usage: true, code.Outage: false, code.Failed: false, "": false} {
		o := stopped(0, c)
		o.Outcome.ExitCode, o.Outcome.Error = 2, "vbcvault.yaml:7: account acme: environment variable\nACME_PASSWORD is not set"
		m, _ := factsOf(o).tell(nil, o)
		b, err := bodyOf(m)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(m.Text(), "acme: environment variable ACME_PASSWORD is not set [usage]") != told || strings.Contains(string(b), "ACME_PASSWORD") != told {
			t.Errorf("%s: %s\n%s", c, m.Text(), b)
		}
		if told && !strings.Contains(m.Text(), "What to do: call somebody. vbcvault config check /etc/vbcvault/vbcvault.yaml checks") {
			t.Error(m.Text())
		}
	}
}

// Only runs of archive have numbers of recordings.
func TestCountsOfOtherJobs(t *testing.T) {
	t.Parallel()
	for _, job := range []string{"verify", "backup", "catalog", "audit"} {
		o := stopped(0, code.StoreRefused)
		o.Job = job
		m, _ := factsOf(o).tell(nil, o)
		if len(m.Counts) != 1 || m.Counts[0].Name != "duration" {
			t.Errorf("%s: %+v", job, m.Counts)
		}
	}
}

// Whatever VBC says, and whoever has called, is in no message, in no form of it, and
// not in what is remembered.
func FuzzNoCallersData(f *testing.F) {
	f.Add("+15551234567", "size", 1, true)
	f.Add("Ann O'Nymous <x@example.com>", "vbc-404", 3, false)
	f.Add("+15551234567", code.Usage, 2, false)
	f.Add("\r\nBcc: eve@example.com", "transcript-vbc-403-900800", 0, true)
	f.Fuzz(func(t *testing.T, said, c string, exit int, permanent bool) {
		const mark = "CALLER"
		said = mark + said + mark
		o := well(0)
		o.Outcome.ExitCode, o.Outcome.ErrorCode, o.Outcome.Error, o.Outcome.Stopped = exit, c, said, said
		if c == code.Usage {
			o.Outcome.Error = "VBC_PASSWORD is not set" // in our own words: TestMistakeInOurWords
		}
		o.Outcome.Problems = []string{said}
		o.After.Failures = []overview.Failure{{Recording: said, Owner: said, Code: c, Reason: said, Permanent: permanent}}
		o.After.Damaged = []overview.Failure{{Recording: said, Owner: said, Reason: said}}
		o.After.Troubles = []overview.Trouble{{Name: said, Code: c, Owner: said, Item: said, Reason: said}}
		m, then := factsOf(o).tell(nil, o)
		var forms []string
		for _, form := range []func(Message) ([]byte, error){bodyOf, slack, teams, func(Message) ([]byte, error) { return json.Marshal(then) }} {
			b, err := form(m)
			if err != nil || !json.Valid(b) {
				t.Fatalf("%v: %s", err, b)
			}
			forms = append(forms, string(b))
		}
		for _, s := range append(forms, m.Title, m.Text()) {
			if strings.Contains(s, mark) {
				t.Errorf("it quotes what was said: %s", s)
			}
		}
		if strings.ContainsAny(m.Title, "\r\n") {
			t.Errorf("title %q", m.Title)
		}
	})
}

// So much may be wrong that nobody reads it all: the message stays short.
func TestMuchIsWrong(t *testing.T) {
	t.Parallel()
	var codes []string
	for i := range 50 {
		codes = append(codes, fmt.Sprintf("vbc-4%02d", i))
	}
	o := bad(0, codes...)
	m, _ := factsOf(o).tell(nil, o)
	if len(m.Points) != mostPoints+1 || !strings.Contains(m.Points[mostPoints].Text, "and 38 more") {
		t.Errorf("%d points, the last %+v", len(m.Points), m.Points[len(m.Points)-1])
	}
}

// Where more is wrong than is read at once, what comes into view again is no news.
func TestWhatIsOutOfView(t *testing.T) {
	t.Parallel()
	of := func(from, n int) (all []overview.Failure) {
		for i := range n {
			all = append(all, overview.Failure{Recording: fmt.Sprint(from + i), Code: "size", Permanent: true})
		}
		return all
	}
	first, second, third := bad(0), bad(1), bad(2)
	first.After.Failures, second.After.Failures, third.After.Failures = of(0, overview.Shown), of(50, overview.Shown), of(0, overview.Shown)
	if got := strings.Join(kinds(t, []string{"news"}, first, second, third), " "); got != "failure failure -" {
		t.Errorf("told %s", got)
	}
}

// A summary's texts are left out of the outcome, and its numbers are there.
func TestOutcomeWithoutTexts(t *testing.T) {
	t.Parallel()
	o := stopped(0, code.Outage)
	o.Outcome.Summary.Requests = map[string]int64{"200": 7}
	o.Outcome.Problems = []string{"secret words"}
	got := scrubbed(o.Outcome)
	want := o.Outcome
	want.Error, want.Problems = "", nil
	a, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(want)
	if err != nil || string(a) != string(b) {
		t.Errorf("%v: %s, want %s", err, a, b)
	}
	if o.Outcome.Error == "" || len(o.Outcome.Problems) == 0 {
		t.Error("the outcome itself was changed")
	}
}
