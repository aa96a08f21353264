package notify

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/outcome"
)

// A check is told of the run's begin and its end, in this order and with one rid, each
// account at its own address; of an interrupted run there is a line, since it goes on.
func TestHealthchecks(t *testing.T) {
	t.Parallel()
	r := receive(t, fine)
	tell, _ := teller(t, config.Notifier{Name: "hc", Healthchecks: &config.Healthchecks{URL: secretOf(t, r.URL+"/key/vbc-{account}?create=1")}})
	cut := well(1)
	cut.Outcome.ExitCode = outcome.Interrupted
	want := []string{}
	for _, o := range []Occasion{well(0), cut, bad(2, "size"), bad(3, "size"), stopped(4, "outage")} {
		tell.Started(t.Context(), "acme", o.Outcome.Run)
		for range 2 { // whoever isn't sure whether it was told tells again
			for _, res := range tell.Tell(t.Context(), o) {
				if res.Err != nil {
					t.Fatal(res.Err)
				}
			}
		}
		end := strconv.Itoa(o.Outcome.ExitCode)
		if o.Outcome.ExitCode == outcome.Interrupted {
			end = "log"
		}
		want = append(want, "/key/vbc-acme/start "+o.Outcome.Run, "/key/vbc-acme/"+end+" "+o.Outcome.Run)
	}
	var got []string
	for _, g := range r.all() {
		got = append(got, g.path+" "+g.rid)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if b := string(r.all()[5].body); !strings.HasPrefix(b, "acme: failed: ") {
		t.Errorf("body %q", b)
	}
}

// A check that is being told of the begin isn't told of the end meanwhile.
func TestEndWaitsForTheBegin(t *testing.T) {
	t.Parallel()
	r := receive(t, fine)
	tell, _ := teller(t, config.Notifier{Name: "hc", Healthchecks: &config.Healthchecks{URL: secretOf(t, r.URL)}})
	o := well(0)
	tell.starting.Store("hc "+o.Outcome.Run, make(chan struct{})) // never sent
	letters, err := tell.Plan(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := tell.Send(ctx, letters[0]); err == nil || len(r.all()) > 0 {
		t.Errorf("%v, %d pings", err, len(r.all()))
	}
	if err := tell.Send(t.Context(), letters[0]); err != nil || len(r.all()) != 1 {
		t.Errorf("%v: its begin is told, or given up, and it isn't", err)
	}
}

// A check that doesn't answer keeps no run from beginning.
func TestHealthchecksAreDown(t *testing.T) {
	t.Parallel()
	r := receive(t, fine)
	r.Close()
	tell, log := teller(t, config.Notifier{Name: "hc", Healthchecks: &config.Healthchecks{URL: secretOf(t, r.URL+"/5c2b7a4e-uuid-of-it")}})
	tell.Started(t.Context(), "acme", "run")
	tell.Tell(t.Context(), well(0))
	if n := strings.Count(log.String(), "level=WARN"); n != 2 || strings.Contains(log.String(), "5c2b7a4e") {
		t.Errorf("%d warnings: %s", n, log)
	}
}

// A run that waits for its manifest begins again and again, and a check is told once.
func TestHealthchecksOfARunThatWaits(t *testing.T) {
	t.Parallel()
	r := receive(t, fine)
	tell, _ := teller(t, config.Notifier{Name: "hc", Healthchecks: &config.Healthchecks{URL: secretOf(t, r.URL)}})
	o := well(0)
	for range 5 {
		tell.Started(t.Context(), "acme", o.Outcome.Run)
	}
	tell.Tell(t.Context(), o)
	var got []string
	for _, g := range r.all() {
		got = append(got, g.path)
	}
	if !slices.Equal(got, []string{"/start", "/0"}) {
		t.Errorf("pings %q", got)
	}
}
