package pipeline

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/sqlite"
	"github.com/vbcvault/vbcvault/storage"
	"github.com/vbcvault/vbcvault/vbc"
)

// What is foreseen of a recording in each state, and under each option that
// decides about it. Where a run would purge, the policy's own answer is the same.
func TestForesee(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	kept := manifest.Copy{Audio: storage.Object{Key: "a"}, Sidecar: storage.Object{Key: "s"}, ArchivedAt: now.AddDate(0, 0, -3)}
	begun := manifest.Copy{Audio: storage.Object{Key: "a"}, Sidecar: storage.Object{Key: "s"}}
	told := manifest.RunOptions{Kinds: []vbc.Kind{vbc.Company}, Users: []string{"self"}, OlderThan: manifest.Seconds(90 * 24 * time.Hour), Delete: true}
	few, none := 3, 0
	for name, c := range map[string]struct {
		row     func(*manifest.Row)
		told    func(*manifest.RunOptions)
		hold    bool
		steps   string
		code    string
		unknown string // part of it
	}{
		"verified":            {steps: "prove delete", unknown: "transcript"},
		"verified, no delete": {told: func(o *manifest.RunOptions) { o.Delete = false }, code: code.NoDelete},
		"listed":              {row: func(r *manifest.Row) { r.State, r.Copy = manifest.Listed, manifest.Copy{} }, steps: "archive prove delete"},
		"listed, copied too lately": {row: func(r *manifest.Row) { r.State, r.Copy = manifest.Listed, manifest.Copy{} },
			told: func(o *manifest.RunOptions) { o.DeleteAfter = manifest.Seconds(time.Hour) }, steps: "archive prove", code: code.TooYoung},
		"stored":             {row: func(r *manifest.Row) { r.State, r.Copy = manifest.Stored, begun }, steps: "archive prove delete"},
		"in doubt":           {row: func(r *manifest.Row) { r.State = manifest.Stored }, steps: "prove delete"},
		"failed with a copy": {row: func(r *manifest.Row) { r.State = manifest.Failed }, steps: "prove delete"},
		"purging":            {row: func(r *manifest.Row) { r.State = manifest.Purging }, steps: "settle delete"},
		"purging, held":      {row: func(r *manifest.Row) { r.State = manifest.Purging }, hold: true, steps: "settle", code: code.Hold},
		"purging, too new":   {row: func(r *manifest.Row) { r.State, r.Start = manifest.Purging, now }, steps: "settle", code: code.TooNew},
		"displaced":          {row: func(r *manifest.Row) { r.State, r.Displaced, r.Copy = manifest.Listed, true, manifest.Copy{} }, steps: "write-off"},
		"suspect":            {row: func(r *manifest.Row) { r.Alike = manifest.Suspect }, steps: "compare prove delete"},
		"found":              {row: func(r *manifest.Row) { r.Unvouched = true }, steps: "compare prove delete"},
		"found, no delete":   {row: func(r *manifest.Row) { r.Unvouched = true }, told: func(o *manifest.RunOptions) { o.Delete = false }, code: code.NoDelete},
		"found, displaced":   {row: func(r *manifest.Row) { r.Unvouched, r.Displaced = true, true }, steps: "prove write-off"},
		"alike":              {row: func(r *manifest.Row) { r.Alike = manifest.Compared }, code: code.EqualAudio},
		"alike, accepted": {row: func(r *manifest.Row) { r.Alike = manifest.Compared },
			told: func(o *manifest.RunOptions) { o.AcceptEqualAudio = true }, steps: "prove delete"},
		"held":                   {hold: true, code: code.Hold},
		"too young":              {told: func(o *manifest.RunOptions) { o.DeleteAfter = manifest.Seconds(7 * 24 * time.Hour) }, code: code.TooYoung},
		"old enough":             {told: func(o *manifest.RunOptions) { o.DeleteAfter = manifest.Seconds(2 * 24 * time.Hour) }, steps: "prove delete"},
		"some deletes":           {told: func(o *manifest.RunOptions) { o.MaxDeletes = &few }, steps: "prove delete", unknown: "first 3"},
		"no deletes":             {told: func(o *manifest.RunOptions) { o.MaxDeletes = &none }, code: code.MaxDeletes, unknown: "transcript"},
		"displaced, with a copy": {row: func(r *manifest.Row) { r.Displaced = true }, steps: "prove write-off"},
		"a plan":                 {told: func(o *manifest.RunOptions) { o.Plan = "ab" }, steps: "prove delete", unknown: "plan"},
		"a filter":               {told: func(o *manifest.RunOptions) { o.Filter = "call_direction=INBOUND" }, steps: "prove delete", unknown: "filter"},
		"too new":                {row: func(r *manifest.Row) { r.Start = now.AddDate(0, 0, -89) }, code: code.TooNew},
		"before since":           {told: func(o *manifest.RunOptions) { o.Since = now.AddDate(0, -4, 0) }, code: code.BeforeFrom},
		"of other kind":          {told: func(o *manifest.RunOptions) { o.Kinds = []vbc.Kind{vbc.OnDemand} }, code: code.OtherKind},
		"of self":                {row: func(r *manifest.Row) { r.Kind, r.Owner = vbc.OnDemand, "745249" }, told: both, steps: "prove delete"},
		"of another":             {row: func(r *manifest.Row) { r.Kind, r.Owner = vbc.OnDemand, "745250" }, told: both, code: code.OtherUser},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "m"))
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			if err := m.SetSelf(t.Context(), "745249"); err != nil {
				t.Fatal(err)
			}
			if c.hold {
				if _, err := m.AddHold(t.Context(), manifest.Hold{IDs: []int64{7}}); err != nil {
					t.Fatal(err)
				}
			}
			o := told
			if c.told != nil {
				c.told(&o)
			}
			if _, err := m.BeginRun(t.Context(), o); err != nil {
				t.Fatal(err)
			}
			row := manifest.Row{Recording: vbc.Recording{Kind: vbc.Company, ID: 7, Start: now.AddDate(-1, 0, 0)}, State: manifest.Verified, Copy: kept}
			if c.row != nil {
				c.row(&row)
			}
			out, err := Foresee(t.Context(), m, row, now)
			if got := strings.Join(out.Steps, " "); err != nil || got != c.steps || out.Code != c.code || out.Why == "" || !strings.Contains(fmt.Sprint(out.Unknown), c.unknown) {
				t.Errorf("%+v, %v; want %q, %q", out, err, c.steps, c.code)
			}
			p, err := policyLike(t.Context(), m, o, now)
			if err != nil {
				t.Fatal(err)
			}
			may, held := p.mayPurge(row)
			may = may && o.MaxDeletes != &none
			if deletes := slices.Contains(out.Steps, StepDelete); !row.Displaced && may != deletes || row.Displaced && deletes || held != "" && held != out.Code {
				t.Errorf("foreseen are %v (%s); the policy says %v (%s)", out.Steps, out.Code, may, held)
			}
		})
	}
}

func both(o *manifest.RunOptions) { o.Kinds = []vbc.Kind{vbc.Company, vbc.OnDemand} }

// What nothing is done with, whatever a run is told, and what nobody knows.
func TestForeseeNothing(t *testing.T) {
	t.Parallel()
	m, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "m"))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for state, word := range map[manifest.State]string{
		manifest.Purged: "deleted at VBC", manifest.Gone: "no copy", manifest.Erasing: "vbcvault erase", manifest.Erased: "was erased", manifest.Verified: "are unknown",
	} {
		out, err := Foresee(t.Context(), m, manifest.Row{State: state}, time.Now())
		if err != nil || out.Steps == nil || len(out.Steps) != 0 || out.Code != "" || !strings.Contains(out.Why, word) {
			t.Errorf("%s: %+v, %v", state, out, err)
		}
	}
}
