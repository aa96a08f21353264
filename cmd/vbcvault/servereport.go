package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"time"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
	"github.com/vbcvault/vbcvault/cmd/vbcvault/notify"
	reports "github.com/vbcvault/vbcvault/cmd/vbcvault/report"
)

// report is service.Hooks.Report: the report on the month before the one in which it was
// due, as months are where its schedule is, about all accounts of the file. A manifest
// that can't be read is in the report.
func (t *serviceTelling) report(ctx context.Context, c *config.Config, due time.Time) error {
	at := due.In(c.Report.Zone)
	first := time.Date(at.Year(), at.Month(), 1, 0, 0, 0, 0, c.Report.Zone)
	period := reports.Period{Since: first.AddDate(0, -1, 0).UTC(), Until: first.UTC()}
	r, err := reports.Make(ctx, reportedOn(accountsOf(c)), period)
	if err != nil {
		return fmt.Errorf("make the report: %w", err)
	}
	var page bytes.Buffer
	if err := r.HTML(&page); err != nil {
		return fmt.Errorf("make the report: %w", err)
	}
	month := first.AddDate(0, 0, -1).Format("2006-01")
	host, _ := os.Hostname()
	return t.teller.Load().SendReport(ctx, c.Report.Notify, notify.Monthly{
		Service: host + " " + t.state, Due: due, Title: "report for " + month, Text: r.Text(),
		Page: notify.File{Name: "vbcvault-" + month + ".html", Type: "text/html", Body: page.Bytes()},
		Command: fmt.Sprintf("vbcvault report --config %s --since %s --until %s --out report.html", wholePath(t.config),
			period.Since.Format(time.RFC3339), period.Until.Format(time.RFC3339)),
	})
}
