package report_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/report"
	"github.com/vbcvault/vbcvault/pipeline"
	"github.com/vbcvault/vbcvault/pipeline/manifest"
	"github.com/vbcvault/vbcvault/pipeline/manifest/place"
	"github.com/vbcvault/vbcvault/pipeline/receipt"
)

// year is a history of fifteen months with something of everything, until now.
func year(t testing.TB) *history {
	t.Helper()
	h := newHistory(t)
	now := time.Now().UTC().Truncate(time.Hour)
	month := func(back int) time.Time {
		return time.Date(now.Year(), now.Month(), 1, 2, 17, 0, 0, time.UTC).AddDate(0, -back, 0)
	}
	for back := 15; back >= 1; back-- {
		for i := range 3 + (16-back)/2 {
			r := h.list(month(back+3).AddDate(0, 0, i), int64(8+i%4)<<20)
			c := h.archive(r, month(back).AddDate(0, 0, i), now.AddDate(0, 0, 20*back+i))
			if i%3 != 0 && back > 1 {
				h.remove(r, c, month(back-1).AddDate(0, 0, i), receipt.Deleted)
			}
		}
	}
	for i := range 4 {
		h.fail(h.list(month(4).AddDate(0, 0, i), 1<<20), []string{"not-audio", "size"}[i%2], "of JOHN Q SMITH, 17325550142", i == 0)
	}
	h.list(month(3), 2<<20)
	lost := h.list(month(17), 3<<20)
	h.remove(lost, h.archive(lost, month(16)), month(15), receipt.Deleted)
	h.must(h.m.Damaged(t.Context(), lost, "gone"))
	for _, reason := range []string{"Lawsuit Miller v. Acme, file 12/2026", "<script>alert(1)</script> & \"<b>bold</b>\""} {
		_, err := h.m.AddHold(t.Context(), manifest.Hold{CallerID: "17325550142", Reason: reason, By: "legal@acme.example"})
		h.must(err)
	}
	h.must(h.m.SetTroubles(t.Context(), 1, manifest.Trouble{Kind: "company", Code: manifest.Unreadable, Item: "99", Reason: "17325550142"}))
	for d := 70; d >= 1; d-- {
		s := &pipeline.Summary{Listed: 5, HeldBackBy: map[string]int64{"hold": 2, "too-young": 5}, Requests: map[string]int64{"200": 40, "429": 3, "none": 1}, QuotaWait: 95, Throttled: 3, Downloads: 12}
		switch {
		case d%9 == 0:
			s.Stopped, s.StoppedCode = "VBC is down", "outage"
		case d%13 == 0:
			s.Failed = 2
		case d%17 == 0:
			s = nil
		}
		h.run(now.AddDate(0, 0, -d), 7*time.Minute, s, manifest.RunOptions{OlderThan: manifest.Seconds(90 * 24 * time.Hour), DeleteAfter: manifest.Seconds(7 * 24 * time.Hour), Cutoff: now})
	}
	return h
}

// several are accounts of which one can't be read.
func several(t testing.TB) []report.Account {
	all := []report.Account{year(t).account("acme & <i>sons</i>")}
	all = append(all, report.Account{Name: "broken", Open: func(context.Context) (manifest.Opened, error) { return nil, errors.New("disk <on> fire") }})
	for i := range 3 {
		h := newHistory(t)
		h.archive(h.list(time.Now().AddDate(0, -2, 0), 5<<20), time.Now().AddDate(0, -1, 0))
		h.run(time.Now().AddDate(0, 0, -1), time.Minute, &pipeline.Summary{}, manifest.RunOptions{})
		all = append(all, h.account(fmt.Sprintf("small-%d", i)))
	}
	return append(all, report.Account{Name: "new", Open: func(ctx context.Context) (manifest.Opened, error) {
		return place.OpenReadOnly(ctx, filepath.Join(t.TempDir(), "none"), place.Options{})
	}})
}
