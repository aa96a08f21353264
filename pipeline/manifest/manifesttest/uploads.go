package manifesttest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/vbc"
)

// An upload that was begun is known until it has ended and that is written down.
func uploads(t *testing.T, places Places) {
	m, p := bound(t, places)
	known := func(want ...string) {
		t.Helper()
		must(t, m.Close())
		m = open(t, p, nil)
		all, err := m.Uploads(t.Context())
		must(t, err)
		var ids []string
		for _, u := range all {
			ids = append(ids, u.Key+u.ID)
		}
		if slices.Sort(ids); !slices.Equal(ids, want) {
			t.Errorf("%v are known, want %v", ids, want)
		}
	}
	must(t, m.UploadBegun(t.Context(), "a", "1"))
	must(t, m.UploadBegun(t.Context(), "a", "2"))
	known("a1", "a2")
	m.UploadEnded("a", "1")
	known("a1", "a2") // nobody has written it down
	m.UploadEnded("a", "1")
	must(t, m.UploadBegun(t.Context(), "b", "1"))
	known("a2", "b1")
	m.UploadEnded("a", "2")
	must(t, m.ForgetUploads(t.Context()))
	known("b1")
	run, err := m.BeginRun(t.Context(), manifest.RunOptions{})
	must(t, err)
	m.UploadEnded("b", "1")
	must(t, m.EndRun(t.Context(), run, nil))
	known()
}

// What was found not to be ours, or not whole, is remembered until something whole
// is proven to be there.
func refusedUntilWhole(t *testing.T, places Places) {
	m := fresh(t, places)
	r := recording(1, day)
	add(t, m, 1, r)
	c := copyOf(r)
	for i := range manifest.MaxRefused + 3 {
		put := c.Audio
		put.VersionID = fmt.Sprint(i)
		must(t, m.Refuse(t.Context(), manifest.Refused{Put: put, Proven: true}, manifest.Refused{Put: put, Proven: true}))
	}
	must(t, m.Refuse(t.Context(), manifest.Refused{Put: object("other")}))
	all, err := m.RefusedAt(t.Context(), c.Audio.Key)
	if err != nil || len(all) != manifest.MaxRefused || !all[0].Proven || slices.ContainsFunc(all, func(r manifest.Refused) bool { return r.Put.VersionID == "0" }) {
		t.Errorf("%d: %+v, %v", len(all), all, err)
	}
	take(t, m, r, manifest.StepStored)
	if all, err := m.RefusedAt(t.Context(), c.Audio.Key); err != nil || len(all) == 0 {
		t.Errorf("what is only intended is taken for whole, %v", err)
	}
	take(t, m, r, manifest.StepVerified)
	if all, err := m.RefusedAt(t.Context(), c.Audio.Key); err != nil || len(all) != 0 {
		t.Errorf("%+v is remembered still, %v", all, err)
	}
	if all, err := m.RefusedAt(t.Context(), "other"); err != nil || len(all) != 1 {
		t.Errorf("%+v, %v", all, err)
	}
	if is, err := m.IsCopy(t.Context(), recording(9, day), c.Audio.Content); err != nil || !is {
		t.Errorf("a recording's audio is taken for something else, %v", err)
	}
	if is, err := m.IsCopy(t.Context(), recording(9, day), c.Sidecar.Content); err != nil || is {
		t.Errorf("another recording's metadata is taken for this one's, %v", err)
	}
	if is, err := m.IsCopy(t.Context(), r, c.Sidecar.Content); err != nil || !is {
		t.Errorf("its metadata is taken for something else, %v", err)
	}
}

// What runs leave for the next one comes back as it was.
func remembered(t *testing.T, places Places) {
	m, p := bound(t, places)
	mark := manifest.Mark{Since: day.AddDate(-1, 0, 0), Until: day, FullAt: day}
	scan := manifest.Scan{Run: 1, At: day, Oldest: mark.Since, Retention: 24 * time.Hour}
	export := manifest.Export{Job: "j", Filter: "f", Since: mark.Since, Until: day, Listed: []string{"a", "b"}}
	late := manifest.Late{By: time.Hour, Recording: "r", Start: day, Seen: day}
	learned := manifest.Learned{PageSize: 100, Pace: 6 * time.Second, Limited: true, Transcripts: true, ClientAuth: "basic"}
	ctx := t.Context()
	run, err := m.BeginRun(ctx, manifest.RunOptions{Account: account, Workers: 8})
	must(t, err)
	for _, err := range []error{
		m.SetMark(ctx, vbc.OnDemand, "7", "f", mark), m.SetScan(ctx, vbc.Company, "", "", scan), m.SetExport(ctx, vbc.Company, "", export), m.SetLate(ctx, late),
		m.SetSelf(ctx, "7"), m.SetAhead(ctx, 12), m.SetLearned(ctx, learned), m.SetLearned(ctx, manifest.Learned{}), m.SetLogin(ctx, "digest"), m.EndRun(ctx, run, map[string]int{"n": 1}), m.Close(),
	} {
		must(t, err)
	}
	m = open(t, p, nil)
	same(t, mark)(m.Mark(ctx, vbc.OnDemand, "7", "f"))
	same(t, manifest.Mark{})(m.Mark(ctx, vbc.OnDemand, "7", ""))
	same(t, scan)(m.Scan(ctx, vbc.Company, "", ""))
	same(t, 24*time.Hour)(m.Retention(ctx))
	same(t, late)(m.Late(ctx))
	same(t, "7")(m.Self(ctx))
	same(t, int64(12))(m.Ahead(ctx))
	same(t, learned)(m.Learned(ctx))
	same(t, "digest")(m.Login(ctx))
	if all, err := m.Exports(ctx, vbc.Company, "", "f"); err != nil || len(all) != 1 || !slices.Equal(all[0].Listed, export.Listed) || !all[0].Valid.IsZero() {
		t.Errorf("%+v, %v", all, err)
	}
	must(t, m.ForgetExport(ctx, "j"))
	if all, err := m.Exports(ctx, vbc.Company, "", "f"); err != nil || len(all) != 0 {
		t.Errorf("%+v, %v", all, err)
	}
	runs, err := m.Runs(ctx, 9)
	if err != nil || len(runs) != 1 || runs[0].ID != run || runs[0].Finished.IsZero() || runs[0].Options == nil || runs[0].Options.Workers != 8 || string(runs[0].Summary) != `{"n":1}` {
		t.Errorf("%+v, %v", runs, err)
	}
	if at, err := m.Progress(ctx); err != nil || at.Before(runs[0].Finished) {
		t.Errorf("%v, %v", at, err)
	}
	add(t, m, 2, recording(1, day))
	if n, err := m.Unseen(ctx, vbc.Company, "", 3, 1, day, day.Add(time.Hour), nil); err != nil || n != 1 {
		t.Errorf("%d recordings aren't shown any more, %v", n, err)
	}
	if n, err := m.Unseen(ctx, vbc.Company, "", 3, 1, day, day.Add(time.Hour), func(vbc.Recording) bool { return false }); err != nil || n != 0 {
		t.Errorf("%d recordings, of which none matches, %v", n, err)
	}
}

// same compares what is read with what was written.
func same[T comparable](t testing.TB, want T) func(T, error) {
	t.Helper()
	return func(got T, err error) {
		t.Helper()
		if err != nil || got != want {
			t.Errorf("%+v, %v; want %+v", got, err, want)
		}
	}
}
