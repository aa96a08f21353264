package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
)

// chartFile is the Helm chart, as helm install takes it.
func (r *release) chartFile() string {
	return filepath.Join(r.out, "vbcvault_"+r.version.String()+"_chart.tgz")
}

// chartVersions are the lines of Chart.yaml that say the version of the chart and of the
// image: one, since a chart fits the program of its own commit.
var chartVersions = regexp.MustCompile(`(?m)^(version|appVersion): .*$`)

// makeChart writes chartFile. Helm's own packager takes the time and the user of the
// machine into the archive.
func makeChart(_ context.Context, r *release) error {
	dir := filepath.Join(r.root, "cmd", "release", "chart", "vbcvault")
	files, err := tree(dir, "vbcvault")
	if err != nil {
		return err
	}
	about, err := os.ReadFile(filepath.Join(dir, "Chart.yaml"))
	if err != nil {
		return err
	}
	if n := len(chartVersions.FindAll(about, -1)); n != 2 {
		return fmt.Errorf("find the versions in Chart.yaml: there are %d instead of two", n)
	}
	versioned := filepath.Join(r.work, "Chart.yaml")
	about = chartVersions.ReplaceAll(about, fmt.Appendf(nil, "${1}: %q", r.version))
	if err := os.WriteFile(versioned, about, 0o600); err != nil {
		return err
	}
	for i, f := range files {
		if f.name == "vbcvault/Chart.yaml" {
			files[i].from = versioned
		}
	}
	files = append(files, entry{"vbcvault/LICENSE", filepath.Join(r.root, "LICENSE"), 0o644})
	return packTar(r.chartFile(), files, r.time)
}
