package pipeline

import (
	"archive/zip"
	"bytes"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/spool"
	"github.com/vbcvault/vbcvault/vbc"
	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// fillMany adds enough for an export.
func (l *lab) fillMany() []vbctest.Recording {
	old := l.cutoff.AddDate(-1, 0, 0).Truncate(time.Second)
	for i := range int64(fewestForExport) {
		l.account.Add(vbctest.Recording{ID: 1 + i, Start: old.Add(time.Duration(i) * time.Minute), Size: 3000 + i})
	}
	l.account.Add(vbctest.Recording{ID: 99, Start: l.cutoff.Add(time.Hour), Size: 1000})
	return l.account.Recordings()
}

// The process ends at each step of an export, and of the first recordings out
// of it: before the step took effect, and after. The next run takes up the
// job, leaves nothing in the spool, and downloads the ZIP once more at most.
func TestCrashInAnExport(t *testing.T) {
	t.Parallel()
	options := Options{Delete: true, Workers: 1, Fetch: FetchExport, PollPause: time.Microsecond}
	l := newLab(t, "directory")
	all := l.fillMany()
	if sum, err := l.run(options); err != nil || sum.Deleted != fewestForExport || sum.Exported != fewestForExport || l.audio != 1 {
		t.Fatalf("%+v, %v, %d downloads", sum, err, l.audio)
	}
	l.allDone(all)
	tried := 0
	for step := 1; step <= min(l.steps, 32); step++ {
		for _, f := range []fate{lost, doneButLost} {
			tried++
			t.Run(fmt.Sprintf("step %d fate %d", step, f), func(t *testing.T) {
				l := newLab(t, "directory")
				all := l.fillMany()
				l.reset(func(s int) (fate, bool) {
					if s == step {
						return f, true
					}
					return fine, false
				})
				sum, err := l.run(options)
				if !l.dead {
					t.Fatalf("it never came to step %d: %+v, %v", step, sum, err)
				}
				l.nothingLost(all)
				l.reset(nil)
				if sum, err = l.run(options); err != nil || !sum.Complete() {
					t.Errorf("the next run: %+v, %v", sum, err)
				}
				l.allDone(all)
				// A job whose start nobody heard of, or whose id didn't reach the disk, is started again.
				if l.kinds["/export"] > 2 || l.kinds["/bulkDownload/"] > 2 || l.audio > fewestForStarted+2 {
					t.Errorf("%v, %d downloads", l.kinds, l.audio)
				}
				if left, err := filepath.Glob(l.path + ".spool*"); err != nil || len(left) > 0 {
					t.Errorf("left behind: %v, %v", left, err)
				}
			})
		}
	}
	t.Logf("%d faults tried in exports, recordings lost: 0 unless this fails", tried)
}

func TestNextPoll(t *testing.T) {
	for _, c := range []struct {
		last, elapsed time.Duration
		done, total   int
		want          time.Duration
	}{
		{time.Second, time.Second, 0, 0, 2 * time.Second},               // nothing said: twice as long
		{time.Second, 10 * time.Second, 50, 100, 11 * time.Second},      // as long as it will take, and a little more
		{20 * time.Second, 20 * time.Second, 95, 100, 20 * time.Second}, // never sooner than before
		{10 * time.Second, time.Minute, 1, 1000, longestPoll},           // not for ever
		{4 * time.Minute, 10 * time.Minute, 0, 100, longestPoll},
		{time.Second, time.Second, 200, 100, 2 * time.Second},            // nonsense
		{30 * time.Second, 30 * time.Second, 100, 100, 30 * time.Second}, // all there, not complete yet
		{time.Second, time.Minute, 300, 1000, 154 * time.Second},
	} {
		got := nextPoll(c.last, c.elapsed, vbc.Job{Completed: c.done, Total: c.total})
		if got != c.want {
			t.Errorf("%+v: %v, want %v", c, got, c.want)
		}
	}
}

// Slices end only where the second changes, at most so large, and where an
// interrupted run's job begins or ends.
func TestChop(t *testing.T) {
	base := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	at := func(seconds ...float64) (picks []pick) {
		for i, s := range seconds {
			picks = append(picks, pick{id: int64(i + 1), size: 10, start: base.Add(time.Duration(s * float64(time.Second))), needed: true})
		}
		return picks
	}
	most := limits{count: 3, bytes: 1000}
	for name, c := range map[string]struct {
		picks []pick
		most  limits
		cuts  []time.Time
		want  string
	}{
		"by number":           {at(0, 1, 2, 3, 4, 5, 6), most, nil, "1-3 4-6 7"},
		"not within a second": {at(0, 0, 0.5, 0.9, 1, 2), most, nil, "1-4 5-6"},
		"by bytes":            {at(0, 1, 2, 3), limits{count: 9, bytes: 25}, nil, "1-2 3-4"},
		"at a cut":            {at(0, 1, 2, 3), limits{count: 9, bytes: 1000}, []time.Time{base.Add(3 * time.Second), base}, "1-3 4"},
		"nothing":             {nil, most, nil, ""},
	} {
		var got []string
		for _, s := range chop(collection{kind: vbc.Company}, c.picks, c.most, c.cuts) {
			first, last := s.todo[0], s.todo[len(s.todo)-1]
			if s.from.After(first.start) || !s.to.After(last.start) || s.left.Load() != int64(len(s.todo)) {
				t.Errorf("%s: %v to %v has %v to %v", name, s.from, s.to, first.start, last.start)
			}
			text := fmt.Sprintf("%d-%d", first.id, last.id)
			if first.id == last.id {
				text = fmt.Sprint(first.id)
			}
			got = append(got, text)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, want %s", name, got, c.want)
		}
	}
	done := at(0, 1)
	done[0].needed, done[1].needed = false, false
	if s := chop(collection{}, done, most, nil); len(s) != 0 {
		t.Errorf("nothing to do, and %d slices", len(s))
	}
}

// zipOf packs entries by name; the text is the content.
func zipOf(t testing.TB, entries ...[2]string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, e := range entries {
		w, err := z.Create(e[0])
		if err == nil {
			_, err = w.Write([]byte(e[1]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func spooledZIP(t testing.TB, content []byte, recordings int) (*spool.File, error) {
	t.Helper()
	s, err := spool.Open("", filepath.Join(t.TempDir(), "m"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if err := s.Room(1); err != nil {
		t.Fatal(err)
	}
	f, err := s.Keep(bytes.NewReader(content), 1<<30, func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	return f, f.Open(recordings)
}

// An entry is a recording's if name and size are, and nobody else's is.
func TestMatch(t *testing.T) {
	needed := map[string]vbc.Recording{"a.mp3": {ID: 1, Size: 3}, "b.mp3": {ID: 2, Size: 3}, "c.mp3": {ID: 3, Size: 3}, "d.mp3": {ID: 4, Size: 3}}
	f, err := spooledZIP(t, zipOf(t,
		[2]string{"a.mp3", "aaa"}, [2]string{"calls/../../b.mp3", "bbb"}, [2]string{"c.mp3", "cccc"},
		[2]string{"d.mp3", "ddd"}, [2]string{`2026\d.mp3`, "ddd"}, [2]string{"e.mp3", "eee"}, [2]string{"c.mp3/", ""}), 4)
	if err != nil {
		t.Fatal(err)
	}
	count := func(names ...string) (c census) {
		for i, name := range names {
			c.add(listed{id: int64(i + 1), name: sumOfName(name)})
		}
		return c
	}
	// 6 isn't wanted: it may be archived already, or be none that the run is about.
	all := count("a.mp3", "b.mp3", "c.mp3", "d.mp3", "e.mp3", "f.mp3")
	got, err := match([]*spool.File{f}, needed, all, 6)
	if err != nil || len(got) != 2 || got[1] == nil || got[2] == nil {
		t.Errorf("%v, %v; want 1 and 2: 3 has another size, and 4 comes twice", got, err)
	}
	many := count("a.mp3", "b.mp3", "c.mp3", "d.mp3", "e.mp3", "6", "7", "8", "9", "10", "11", "12")
	if twice, err := match([]*spool.File{f, f}, needed, many, 0); len(twice) != 0 || err != nil {
		t.Errorf("in two ZIPs: %v, %v", twice, err)
	}
	unreadable := count("a.mp3", "b.mp3", "c.mp3", "d.mp3", "e.mp3", "f.mp3")
	unreadable.add(listed{name: sumOfName("a.mp3")})
	for name, c := range map[string]struct {
		all     census
		total   int
		want    int
		strange bool
	}{
		"another recording has a name":           {count("a.mp3", "b.mp3", "c.mp3", "d.mp3", "e.mp3", "b.mp3"), 0, 1, false},
		"one that can't be read has a name":      {unreadable, 0, 1, false},
		"an entry that nobody listed":            {count("a.mp3", "b.mp3", "c.mp3", "d.mp3", "5", "6", "7"), 0, 0, true},
		"more entries than were listed":          {count("a.mp3", "b.mp3", "c.mp3", "d.mp3", "e.mp3"), 0, 0, true},
		"VBC has packed more than it has listed": {all, 7, 0, true},
	} {
		got, err := match([]*spool.File{f}, needed, c.all, c.total)
		if len(got) != c.want || isA[*strangeError](err) != c.strange {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	if _, err := match([]*spool.File{f}, needed, count("x", "y", "z", "1", "2", "3", "4"), 0); !isA[*spool.Unusable](err) {
		t.Errorf("no name fits: %v", err)
	}
}

// What an interrupted run had listed when it started a job is remembered by
// digests.
func TestListedIsRemembered(t *testing.T) {
	want := listedOf(vbc.Recording{ID: 7, FileName: "call.mp3"})
	got, ok := parseListed(want.String())
	if want.at = 0; !ok || got != want || strings.Contains(want.String(), "call") {
		t.Errorf("%v, want %v", got, want)
	}
	if _, ok := parseListed("nonsense"); ok {
		t.Error("nonsense is taken")
	}
}

// An export is waited for as long as it gets on, and not for ever, whatever VBC
// says of it.
func TestExportIsNotWaitedForForEver(t *testing.T) {
	const still = 30 * time.Minute
	for name, c := range map[string]struct {
		interval time.Duration
		says     func(elapsed time.Duration) vbc.Job
		most     time.Duration
		least    time.Duration
	}{
		"no progress":          {6 * time.Second, func(time.Duration) vbc.Job { return vbc.Job{Total: 900} }, still + time.Minute, still},
		"no word of progress":  {0, func(time.Duration) vbc.Job { return vbc.Job{} }, still + time.Minute, still},
		"back and forth":       {6 * time.Second, func(at time.Duration) vbc.Job { return vbc.Job{Total: 900, Completed: int(at/time.Minute) % 3} }, still + 15*time.Minute, still},
		"more than there are":  {6 * time.Second, func(at time.Duration) vbc.Job { return vbc.Job{Total: 9, Completed: 10 + int(at/time.Second)} }, still + time.Minute, still},
		"valid until long ago": {6 * time.Second, func(time.Duration) vbc.Job { return vbc.Job{Total: 900, ValidUntil: time.Now().Add(-time.Hour)} }, 2 * time.Minute, 0},
		"absurd": {6 * time.Second, func(at time.Duration) vbc.Job {
			return vbc.Job{Total: 1 << 62, Completed: 1 + int(at/time.Minute)}
		}, 3*time.Hour + 25*time.Minute, 3 * time.Hour},
		"slower than one by one": {6 * time.Second, func(at time.Duration) vbc.Job { return vbc.Job{Total: 1000, Completed: int(at / time.Minute)} }, 3*time.Hour + 25*time.Minute, 3 * time.Hour},
		"nobody knows the quota": {0, func(at time.Duration) vbc.Job { return vbc.Job{Completed: int(at / time.Minute)} }, 6*time.Hour + time.Minute, 6 * time.Hour},
		"all packed, not done":   {0, func(time.Duration) vbc.Job { return vbc.Job{Total: 900, Completed: 900} }, still + 5*time.Minute, still},
		"all but the last":       {0, func(at time.Duration) vbc.Job { return vbc.Job{Total: 900, Completed: min(899, 1+int(at/time.Second))} }, 50 * time.Minute, still},
		"one a minute":           {time.Minute, func(at time.Duration) vbc.Job { return vbc.Job{Completed: int(at / time.Minute)} }, 6*time.Hour + time.Minute, 6 * time.Hour},
	} {
		begin := time.Now()
		w := newWait("job", 1000, c.interval, 0)
		last, looks := min(max(5*c.interval, time.Second), time.Minute), 0
		for at := time.Duration(0); ; looks++ {
			j := c.says(at)
			if err := w.look(j, begin.Add(at)); err != nil {
				if !isA[*stuckError](err) || at < c.least || at > c.most || looks > 120 {
					t.Errorf("%s: after %v and %d looks: %v", name, at, looks, err)
				}
				break
			}
			if last = min(nextPoll(last, at, j), w.left(begin.Add(at))); last <= 0 || at > 24*time.Hour {
				t.Errorf("%s: next look in %v, after %v", name, last, at)
				break
			}
			at += last
		}
	}
}

// A job that stays in progress is given up and forgotten; its recordings are
// downloaded one by one, and after a second one no more exports are tried.
func TestExportThatNeverEnds(t *testing.T) {
	l := newLab(t, "directory")
	old := l.cutoff.AddDate(-1, 0, 0).Truncate(time.Second)
	for i := range int64(4 * fewestForExport) {
		l.account.Add(vbctest.Recording{ID: 1 + i, Start: old.Add(time.Duration(i) * time.Minute), Size: 1 << 20})
	}
	l.fault = func(r *http.Request) *vbctest.Fault {
		if strings.Contains(r.URL.Path, "/jobs/") {
			return &vbctest.Fault{Status: 200, Body: `{"id":"x","status":"packing","files_total":12,"files_completed":3}`}
		}
		return nil
	}
	options := Options{Fetch: FetchExport, PollPause: time.Microsecond, ExportPatience: time.Millisecond, ExportLimit: fewestForExport << 20}
	sum, err := l.run(options)
	if err != nil || !sum.Complete() || sum.Archived != 4*fewestForExport || sum.Exported != 0 {
		t.Errorf("%+v, %v", sum, err)
	}
	if l.kinds["/export"] != maxStuck {
		t.Errorf("%d exports were started, want %d", l.kinds["/export"], maxStuck)
	}
	m, err := manifest.OpenReadOnly(t.Context(), l.path)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if jobs, err := m.Exports(t.Context(), vbc.Company, "", ""); err != nil || len(jobs) > 0 {
		t.Errorf("the next run would wait for %v, %v", jobs, err)
	}
}
