package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vbcvault/vbcvault/cmd/vbcvault/metrics"
)

func newMetrics(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "metrics",
		Short: "Print alert rules, a dashboard and the list of metrics for Prometheus",
		Long: `Metrics prints files for Prometheus and Grafana that fit this version of
vbcvault. vbcvault archive --metrics-file writes the metrics themselves, and
vbcvault serve serves them; see vbcvault help monitoring.`,
		Example: `  vbcvault metrics list
  vbcvault metrics alerts > /etc/prometheus/rules/vbcvault.yaml
  vbcvault metrics dashboard > vbcvault-dashboard.json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	printed := func(use, short, long, example string, text []byte) *cobra.Command {
		return &cobra.Command{
			Use: use, Short: short, Long: long, Example: example, Args: cobra.NoArgs,
			RunE: func(*cobra.Command, []string) error {
				_, err := s.out.Write(text)
				return err
			},
		}
	}
	cmd.AddCommand(
		printed("alerts", "Print alert rules for Prometheus", `Alerts prints alert rules as YAML. Each alert says what has happened and what to
do. The hours fit a run every night; change them if yours run at other times.`,
			"  vbcvault metrics alerts > /etc/prometheus/rules/vbcvault.yaml", metrics.Alerts),
		printed("dashboard", "Print a dashboard for Grafana", `Dashboard prints a dashboard as JSON, for "Import" in Grafana. It asks for the
data source.`, "  vbcvault metrics dashboard > vbcvault-dashboard.json", metrics.Dashboard),
		printed("list", "List all metrics with type, unit, labels and meaning", `List prints each metric in a line: its name, its type, its labels, its unit and
its meaning, with tabs between them.`, "  vbcvault metrics list | grep lock", metricsList()),
	)
	return cmd
}

// metricsList is a line for each metric.
func metricsList() []byte {
	var b strings.Builder
	for _, m := range metrics.All() {
		unit := m.Unit
		if unit == "" {
			unit = "-"
		}
		fmt.Fprintf(&b, "%s\t%s\t%s\t%s\t%s\n", m.Name, m.Type, strings.Join(m.Labels, ","), unit, m.Help)
	}
	return []byte(b.String())
}
