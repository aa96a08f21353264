package main

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vbcvault/vbcvault/vbc/vbctest"
	"github.com/vbcvault/vbcvault/vbc/vbctest/calls"
)

// demoOffice is one of the simulated accounts whose calls demo --web shows.
type demoOffice struct {
	name, about string
	account     int64
	number      string   // that it is called at
	scenes      []string // of calls that it has
	first       int64    // id of its recordings

	vbc        *vbctest.Account
	url        string // of its API
	recordings []vbctest.Recording
	broken     map[int64]vbctest.Fault // of some recordings' audio
	onAudio    func(id int64)          // is told of each audio that is asked for; may be nil
}

func demoOffices() []*demoOffice {
	return []*demoOffice{
		{name: "main", about: "calls older than 90 days are deleted at VBC", account: 549825, number: "441632960100", first: 193001,
			scenes: []string{"pharmacy", "heating", "travel"}},
		{name: "branch", about: "nothing is deleted at VBC", account: 549826, number: "12125550100", first: 557001,
			scenes: []string{"insurance", "dentist", "depot"}},
	}
}

// demoSpan is how far back its calls go: as those of the demo without a page.
const demoSpan = 2 * demoAge

// furnish gives each office n calls of the days before today.
func furnish(offices []*demoOffice, n int, today time.Time) {
	for k, left := 0, n*len(offices); left > 0; k++ {
		c := calls.Make(k)
		i := slices.IndexFunc(offices, func(f *demoOffice) bool { return slices.Contains(f.scenes, c.Scene) })
		if f := offices[i]; len(f.recordings) < n {
			f.recordings = append(f.recordings, f.recording(c, len(f.recordings), n, today))
			left--
		}
	}
	for _, f := range offices {
		slices.SortStableFunc(f.recordings, func(a, b vbctest.Recording) int { return a.Start.Compare(b.Start) })
		for i := range f.recordings {
			f.recordings[i].ID = f.first + int64(i)
		}
		f.vbc = vbctest.New(vbctest.Config{Account: f.account})
		f.vbc.Add(f.recordings...)
		f.vbc.Inject(f.fault)
	}
}

// recording is a call as VBC shows it, the i-th of n.
func (f *demoOffice) recording(c *calls.Call, i, n int, today time.Time) vbctest.Recording {
	start := today.Add(-demoSpan + time.Duration(i)*demoSpan/time.Duration(n)).Truncate(24 * time.Hour)
	for start.Weekday() == time.Saturday || start.Weekday() == time.Sunday {
		start = start.Add(-24 * time.Hour) // nobody works then
	}
	h := fnv.New32a()
	h.Write([]byte(f.name + strconv.Itoa(i)))
	start = start.Add(8*time.Hour + time.Duration(h.Sum32()%36_000)*time.Second)
	r := vbctest.Recording{Start: start, Duration: c.Duration(), Sound: c, Extra: map[string]any{
		"call_direction": c.Direction, "cnam": c.Name, "extensions": []string{c.Extension},
		"caller_id": c.Number, "dnis": f.number,
		"file_name": fmt.Sprintf("%d.%s.%d.mp3", f.account, c.Number, start.UnixMilli()),
	}}
	switch c.Direction {
	case "OUTBOUND":
		r.Extra["caller_id"], r.Extra["dnis"] = f.number, c.Number
	case "INTRA_PBX":
		r.Extra["dnis"] = c.Extension
	}
	switch h.Sum32() / 36_000 % 9 {
	case 0: // VBC has made none of it
	case 1:
		r.Transcript = c.Text()
	default:
		r.Transcript = c.Transcript()
	}
	return r
}

// fault is what goes wrong with a request to the office's account.
func (f *demoOffice) fault(r *http.Request) *vbctest.Fault {
	if !strings.Contains(r.URL.Path, "/audio/recording/") {
		return nil
	}
	id, err := strconv.ParseInt(path.Base(r.URL.Path), 10, 64)
	if err != nil {
		return nil
	}
	if f.onAudio != nil {
		f.onAudio(id)
	}
	if fault, ok := f.broken[id]; ok {
		return &fault
	}
	return nil
}

// at is a recording of the office, so many hundredths from the oldest to the newest.
func (f *demoOffice) at(hundredths int) vbctest.Recording {
	return f.recordings[(len(f.recordings)-1)*hundredths/100]
}

// busiest is the number of whoever has called most often, and the name.
func (f *demoOffice) busiest() (number, name string) {
	counts := map[[2]string]int{}
	for _, r := range f.recordings {
		if r.Extra["call_direction"] == "INBOUND" {
			counts[[2]string{r.Extra["caller_id"].(string), r.Extra["cnam"].(string)}]++
		}
	}
	var best [2]string
	for who, n := range counts {
		if c := cmp.Compare(n, counts[best]); c > 0 || c == 0 && who[0] < best[0] {
			best = who
		}
	}
	return best[0], best[1]
}

// forget takes out of the account what an earlier demo has deleted there.
func (f *demoOffice) forget(ctx context.Context, manifest string) error {
	return forgetPurged(ctx, f.vbc, manifest, f.recordings)
}
