package vbc

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/vbc/vbctest"
)

// Times are written as VBC takes them; where it refuses the usual form, the other
// one for the rest of the run.
func TestTimesInQueries(t *testing.T) {
	t.Parallel()
	day := time.Date(2026, 5, 12, 10, 15, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		cfg     vbctest.Config
		refused int
		ends    string
	}{"both": {ends: "Z"}, "Z only": {cfg: vbctest.Config{RefuseOffset: true}, ends: "Z"}, "in other words": {refused: 1, ends: "+0000"}, "+0000 only": {cfg: vbctest.Config{RefuseZ: true}, refused: 1, ends: "+0000"}} {
		a := vbctest.New(c.cfg)
		a.Generate(30, day, time.Hour)
		a.Inject(func(r *http.Request) *vbctest.Fault {
			if name == "in other words" && strings.Contains(r.URL.RawQuery, "Z&") {
				return &vbctest.Fault{Status: 400, Body: `Invalid datetime format`}
			}
			return nil
		})
		client := clientOf(t, a, nil)
		q := Query{Kind: Company, Account: "self", Since: day.Add(-10 * time.Hour), Before: day.Add(-time.Hour), PageSize: 4}
		for range 2 {
			n := 0
			for page, err := range client.List(q).Pages(t.Context(), attempts(client, 2)) {
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				n += len(page)
			}
			if n != 10 {
				t.Errorf("%s: %d listed", name, n)
			}
			if err := attempts(client, 2)(t.Context(), func(ctx context.Context, s *Slot) error { _, err := s.StartExport(ctx, q); return err }); err != nil {
				t.Errorf("%s: export: %v", name, err)
			}
		}
		refused, last := 0, ""
		for _, r := range a.Log() {
			if r.Status == http.StatusBadRequest {
				refused++
			}
			if r.Kind == vbctest.List {
				last = r.Query.Get("start:gte")
			}
		}
		if refused != c.refused || !strings.HasSuffix(last, c.ends) {
			t.Errorf("%s: %d refused, last %q", name, refused, last)
		}
		if jobs := a.Jobs(); len(jobs) != 2 || len(jobs[1].Recordings()) != 10 {
			t.Errorf("%s: %d jobs", name, len(jobs))
		}
	}
	// An export first.
	a := vbctest.New(vbctest.Config{RefuseZ: true})
	client := clientOf(t, a, nil)
	if err := attempts(client, 2)(t.Context(), func(ctx context.Context, s *Slot) error {
		_, err := s.StartExport(ctx, Query{Kind: Company, Account: "self", Since: day})
		return err
	}); err != nil {
		t.Error(err)
	}
	// A 400 that is about something else changes nothing.
	a = vbctest.New(vbctest.Config{RejectPageSizeAbove: 5})
	client = clientOf(t, a, nil)
	for _, err := range client.List(Query{Kind: Company, Account: "self", Since: day}).Pages(t.Context(), attempts(client, 2)) {
		if e := AsError(err); e != nil && e.Temporary() {
			t.Errorf("%v", err)
		}
	}
	if client.zones.Load() {
		t.Error("a refused page size has changed how times are written")
	}
}
