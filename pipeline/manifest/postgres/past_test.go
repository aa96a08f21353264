//go:build unix

package postgres_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/postgres/postgrestest"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
	"github.com/vbcvault/vbcvault/vbc"
)

// What has left VBC is told to its end, each thing once, in the order of receipts, and of
// the recording that its receipt names, also if VBC has given its id to another call.
func TestDepartures(t *testing.T) {
	t.Parallel()
	_, key := newKey(t)
	m := open(t, postgrestest.Named(postgrestest.New(t), "m"), key)
	const n = 2500 // more than two pages
	for i, start := range []int{0, 30} {
		r := of(7, day.AddDate(0, 0, start))
		_, err := m.Add(t.Context(), int64(1+i), []vbc.Recording{r})
		must(t, err)
		r.Nth = int64(i)
		must(t, m.Stored(t.Context(), r, copyOf(r)))
		must(t, m.Verified(t.Context(), r, copyOf(r), r.Start.AddDate(0, 0, 5), true))
	}
	c, err := m.Chain(t.Context())
	must(t, err)
	var lines bytes.Buffer
	var tree receipt.Tree
	entry := func(e receipt.Entry) {
		line, err := c.Seal(e)
		must(t, err)
		tree.Add(line)
		lines.Write(append(line, '\n'))
	}
	outcome := func(id int64, days int, o receipt.Outcome) receipt.Entry {
		e := receipt.New(receipt.Result, 1, of(id, day.AddDate(0, 0, days)))
		e.Outcome, e.At = o, day.AddDate(1, 0, 0)
		return e
	}
	for id := range int64(n) {
		entry(outcome(1000+id, 0, receipt.NotThere)) // which nobody knows
		entry(outcome(1000+id, 0, receipt.NotSent))
	}
	entry(outcome(7, 0, receipt.Deleted))
	entry(outcome(7, 30, receipt.Deleted))
	unnamed := outcome(7, 0, receipt.Deleted)
	unnamed.Start = time.Time{} // as earlier programs wrote them
	entry(unnamed)
	must(t, m.TakeOver(t.Context(), lines.Bytes(), tree, nil))
	var all []manifest.Departure
	for d, err := range m.Departures(t.Context()) {
		must(t, err)
		all = append(all, d)
	}
	if len(all) != n+3 {
		t.Fatalf("%d departures, want %d", len(all), n+3)
	}
	for i, d := range all[:n] {
		if d.Deleted || d.Bytes != -1 || !d.Start.IsZero() || !d.At.Equal(day.AddDate(1, 0, 0)) {
			t.Fatalf("departure %d: %+v", i, d)
		}
	}
	for i, days := range []int{0, 30, 30} {
		start := day.AddDate(0, 0, days)
		if d := all[n+i]; !d.Deleted || d.Bytes != 1000 || !d.Start.Equal(start) || !d.ArchivedAt.Equal(start.AddDate(0, 0, 5)) {
			t.Errorf("departure %d of the id that was given again: %+v", i, d)
		}
	}
	if findings, err := m.Check(t.Context()); err != nil || len(findings) > 0 {
		t.Errorf("%q, %v", findings, err)
	}
}
