package report

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/overview"
	"github.com/vbcvault/vbcvault/pipeline"
	"github.com/vbcvault/vbcvault/pipeline/check"
	"github.com/vbcvault/vbcvault/pipeline/code"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/place"
)

// gathering is one account's section in the making. It is used by one goroutine.
type gathering struct {
	Section
	m      manifest.Opened
	period Period

	deeds              byMonth[Month]
	calls              byMonth[CallMonth]
	archived, deleted  waits
	failing            map[string]*Failing
	retention          time.Duration // of VBC, as far as is known; 0 = not known
	lastEnded, lastRun *manifest.Run // nil = none
	firstRun           time.Time     // when it began; zero = none
}

// read makes the section of one account.
func read(ctx context.Context, a Account, p Period) (s Section, err error) {
	at := now()
	g := &gathering{
		period: p, deeds: months[Month](at), calls: months[CallMonth](at), failing: map[string]*Failing{},
		Section: Section{Name: a.Name, At: at, HeldBack: []HeldBack{}, Holds: []Hold{}, Troubles: []Trouble{}, Listenings: []manifest.ListenerMonth{}},
	}
	g.Runs.StoppedFor, g.Requests.ByStatus, g.Log.Findings, g.Log.Intact = []StoppedFor{}, map[string]int64{}, []AuditFinding{}, true
	if g.m, err = a.Open(ctx); place.Missing(err) {
		g.conclude()
		g.judge()
		return g.Section, nil
	}
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, g.m.Close()) }()
	for _, step := range []func(context.Context) error{
		g.overview, g.runs, g.recordings, g.departures, g.holds, g.listenings, g.audit,
	} {
		if err := step(ctx); err != nil {
			return s, err
		}
	}
	g.conclude()
	g.judge()
	return g.Section, nil
}

// overview takes over what status says too.
func (g *gathering) overview(ctx context.Context) error {
	st, err := overview.Of(ctx, g.m)
	if err != nil {
		return err
	}
	g.Account, g.Destination = st.Account, st.Destination
	if g.Now.Unseen, err = g.m.Ahead(ctx); err != nil {
		return err
	}
	if g.retention, err = g.m.Retention(ctx); err != nil {
		return err
	}
	byCode := map[string]*Trouble{}
	for _, t := range st.Troubles {
		of := byCode[t.Code]
		if of == nil {
			about := code.About(code.Troubles, t.Code)
			of = &Trouble{Code: t.Code, Meaning: about.Meaning, Advice: about.Advice, Since: t.Since}
			byCode[t.Code] = of
		}
		of.Count++
		if t.Acknowledged != "" {
			of.Acknowledged++
		}
		if t.Since.Before(of.Since) {
			of.Since = t.Since
		}
	}
	for _, c := range slices.Sorted(maps.Keys(byCode)) {
		g.Troubles = append(g.Troubles, *byCode[c])
	}
	return nil
}

// recordings goes through all recordings once.
func (g *gathering) recordings(ctx context.Context) error {
	for r, err := range g.m.Glances(ctx) {
		if err != nil {
			return err
		}
		g.count(r)
		g.Expiry.take(r, g.At, g.retention)
		if r.Failure.Reason != "" && r.State != manifest.Purged && r.State != manifest.Gone {
			g.fail(r)
		}
	}
	return nil
}

// count counts one recording as it is now, and its archiving.
func (g *gathering) count(r manifest.Glance) {
	month := g.calls.of(r.Start)
	if !r.InArchive() {
		now, then := &g.Now.Waiting, &month.Waiting
		switch r.State {
		case manifest.Gone:
			now, then = &g.Now.Gone, &month.Gone
		case manifest.Erasing, manifest.Erased:
			now, then = &g.Now.Erased, &month.Erased
		}
		now.add(r.Bytes)
		then.add(r.Bytes)
		return
	}
	month.Archived.add(r.Bytes)
	g.deeds.of(r.ArchivedAt).Archived.add(r.Bytes)
	if g.period.Contains(r.ArchivedAt) {
		g.Done.Archived.add(r.Bytes)
		g.archived.add(r.ArchivedAt.Sub(r.Start))
	}
	if r.State != manifest.Purged {
		g.Now.Both.add(r.Bytes)
		return
	}
	g.Now.Only.add(r.Bytes)
	if r.Damaged {
		g.Now.Damaged.add(r.Bytes)
	}
}

// fail counts one failure.
func (g *gathering) fail(r manifest.Glance) {
	f := g.failing[r.Failure.Code]
	if f == nil {
		about := code.About(code.Failures, r.Failure.Code)
		f = &Failing{Code: r.Failure.Code, Meaning: about.Meaning, Advice: about.Advice, OldestCall: r.Start}
		g.failing[r.Failure.Code] = f
	}
	f.Recordings++
	if r.Failure.Known(r.Failure.Code, r.Failure.Reason) {
		f.Acknowledged++
	}
	if r.Failure.Permanent {
		f.Permanent++
	}
	if r.Start.Before(f.OldestCall) {
		f.OldestCall = r.Start
	}
	if r.Failure.At.After(f.Last) {
		f.Last = r.Failure.At
	}
}

// departures goes through what has left VBC.
func (g *gathering) departures(ctx context.Context) error {
	for d, err := range g.m.Departures(ctx) {
		if err != nil {
			return err
		}
		within := g.period.Contains(d.At)
		if !d.Deleted {
			if within {
				g.Done.NotThere.add(d.Bytes)
			}
			continue
		}
		g.deeds.of(d.At).Deleted.add(d.Bytes)
		if within {
			g.Done.Deleted.add(d.Bytes)
			if !d.ArchivedAt.IsZero() {
				g.deleted.add(d.At.Sub(d.ArchivedAt))
			}
		}
	}
	return nil
}

// holds says of each hold in force what it covers.
func (g *gathering) holds(ctx context.Context) error {
	all, err := g.m.Holds(ctx)
	if err != nil {
		return err
	}
	force := manifest.InForce(all)
	for _, h := range force {
		g.Holds = append(g.Holds, Hold{Number: h.Number, Reason: h.Reason, By: h.By, Since: h.At, Lost: h.Lost})
	}
	if len(force) == 0 {
		return nil
	}
	for row, err := range g.m.Covered(ctx, force, manifest.Listed, manifest.Stored, manifest.Verified, manifest.Purging, manifest.Purged, manifest.Failed) {
		if err != nil {
			return err
		}
		if row.State != manifest.Purged {
			g.Now.Held++
		}
		for i, h := range force {
			if !h.Covers(row) {
				continue
			}
			g.Holds[i].Recordings++
			if row.State != manifest.Purged {
				g.Holds[i].AtVBC++
			}
		}
	}
	return nil
}

// audit checks the log of receipts against the manifest. What it says of single
// recordings stays out: their ids are for who looks into it.
func (g *gathering) audit(ctx context.Context) error {
	a, err := check.Audit(ctx, g.m, nil)
	if err != nil {
		return err
	}
	g.Log = Log{Origin: a.Origin, Entries: a.Entries, Signed: a.Signed, Root: a.Root, Verifier: a.Key,
		Audited: a.At, Offline: true, Intact: a.Intact(), Findings: []AuditFinding{}}
	for _, f := range a.Findings {
		i := slices.IndexFunc(g.Log.Findings, func(of AuditFinding) bool { return of.Code == f.Code && of.Wrong == f.Wrong })
		if i < 0 {
			table := code.Remarked
			if f.Wrong {
				table = code.Audited
			}
			i = len(g.Log.Findings)
			g.Log.Findings = append(g.Log.Findings, AuditFinding{Code: f.Code, Wrong: f.Wrong, Meaning: code.About(table, f.Code).Meaning})
		}
		g.Log.Findings[i].Count++
	}
	return nil
}

// conclude writes down what was added up.
func (g *gathering) conclude() {
	g.Months = g.deeds.list(func(m *Month, name string) { m.Month = name })
	var archive Sum
	for i := range g.Months {
		m := &g.Months[i]
		archive = Sum{archive.Recordings + m.Archived.Recordings, archive.Bytes + m.Archived.Bytes}
		m.Archive = archive
	}
	g.Calls = g.calls.list(func(m *CallMonth, name string) { m.Month = name })
	g.Done.ToArchived, g.Done.ToDeleted = g.archived.wait(), g.deleted.wait()
	g.Failures = []Failing{}
	for _, f := range g.failing {
		g.Failures = append(g.Failures, *f)
	}
	slices.SortFunc(g.Failures, func(a, b Failing) int {
		if a.Recordings != b.Recordings {
			return int(b.Recordings - a.Recordings)
		}
		return strings.Compare(a.Code, b.Code)
	})
	g.Expiry.Retention = g.retention.Seconds()
	if g.lastRun != nil && g.lastRun.Options != nil {
		o := g.lastRun.Options
		g.Done.OlderThan, g.Done.DeleteAfter = time.Duration(o.OlderThan).Seconds(), time.Duration(o.DeleteAfter).Seconds()
	}
	if g.lastEnded == nil {
		return
	}
	var s pipeline.Summary
	if json.Unmarshal(g.lastEnded.Summary, &s) == nil {
		for _, c := range slices.Sorted(maps.Keys(s.HeldBackBy)) {
			g.HeldBack = append(g.HeldBack, HeldBack{c, code.About(code.HeldBack, c).Meaning, s.HeldBackBy[c]})
		}
	}
}
