package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/config"
)

// nextStart is when the next run begins at the earliest; zero if never.
func nextStart(s config.Schedule, now time.Time) time.Time {
	spec, err := cron.ParseStandard(s.Cron)
	if err != nil { // Load would have said so
		return time.Time{}
	}
	return spec.Next(now.In(s.Zone))
}

// print shows the accounts, then what was found.
func (c *configCheck) print(out io.Writer) error {
	if len(c.Accounts) > 0 {
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "ACCOUNT\tDESTINATION\tCUTOFF NOW\tDELETES AT VBC\tNEXT START")
		for _, a := range c.Accounts {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", a.Name, orDash(a.Destination), a.cutoff(), a.deletes(), a.starts())
		}
		if err := w.Flush(); err != nil {
			return err
		}
		fmt.Fprintf(out, "\n%s.\n", counted(int64(c.Secrets), "different secret"))
	}
	for i, f := range c.Findings {
		if i > 0 || len(c.Accounts) > 0 {
			fmt.Fprintln(out)
		}
		fmt.Fprintf(out, "%s  %s: ", f.Level, config.At(c.Path, f.Line))
		if f.Key != "" {
			fmt.Fprintf(out, "%s: ", f.Key)
		}
		fmt.Fprintln(out, f.Wrong)
		if f.Mend != "" {
			fmt.Fprintf(out, "         → %s\n", f.Mend)
		}
	}
	for _, a := range c.Accounts {
		if len(a.Doctor) == 0 {
			continue
		}
		fmt.Fprintf(out, "\nAccount %s:\n", a.Name)
		if err := printFindings(out, a.Doctor); err != nil {
			return err
		}
	}
	if c.verdict() == nil {
		_, err := fmt.Fprintf(out, "\n%s can be used.\n", c.Path)
		return err
	}
	return nil
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func (a checkedOne) cutoff() string {
	if a.Cutoff.IsZero() {
		return "-"
	}
	return a.Cutoff.UTC().Format("2006-01-02 15:04 UTC")
}

func (a checkedOne) deletes() string {
	switch {
	case a.Destination == "":
		return "-"
	case !a.Delete:
		return "no"
	case a.DeleteAfter != "":
		return "yes, after " + a.DeleteAfter
	}
	return "yes"
}

func (a checkedOne) starts() string {
	switch {
	case a.account.Schedule.Cron == "":
		return "when asked"
	case a.Next.IsZero():
		return "never"
	}
	text := a.Next.Format("2006-01-02 15:04 MST")
	if a.account.Schedule.Spread > 0 {
		text += " or up to " + strings.TrimSuffix(a.Spread, "0m0s") + " later"
	}
	return text
}
