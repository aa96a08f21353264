package charttest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chartutil"
)

// described is a value of values.yaml with its comment.
type described struct {
	group string // the ## above it
	path  string // as in image.tag
	what  string // the comment
	is    any    // what it is if nobody says otherwise
}

// valuesDescribed are the values of values.yaml that have a comment, in its order.
func valuesDescribed(t *testing.T) (all []described) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(chartDir, "values.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	values, err := chartutil.ReadValues(text)
	if err != nil {
		t.Fatal(err)
	}
	var group, comment string
	var keys []string
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\n")
		bare := strings.TrimLeft(line, " ")
		depth := (len(line) - len(bare)) / 2
		switch {
		case strings.HasPrefix(bare, "## "):
			group = bare[3:]
		case strings.HasPrefix(bare, "# "):
			comment = strings.TrimSpace(comment + " " + bare[2:])
		case bare == "":
			comment = ""
		default:
			key, _, ok := strings.Cut(bare, ":")
			if !ok || depth > len(keys) {
				t.Fatalf("values.yaml: nobody understands %q", line)
			}
			keys = append(keys[:depth], key)
			if comment != "" {
				is := any(map[string]any(values))
				for _, k := range keys {
					is = is.(map[string]any)[k]
				}
				all = append(all, described{group, strings.Join(keys, "."), comment, is})
			}
			comment = ""
		}
	}
	return all
}

// TestReadme holds the table of the chart's README to values.yaml.
func TestReadme(t *testing.T) {
	t.Parallel()
	path := filepath.Join(chartDir, "README.md")
	is, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, _, ok := strings.Cut(string(is), "\n## Values\n")
	if !ok {
		t.Fatal("README.md has no ## Values")
	}
	var want strings.Builder
	want.WriteString(before + "\n## Values\n\nMade of [values.yaml](values.yaml).\n")
	group := ""
	for _, v := range valuesDescribed(t) {
		if v.group != group {
			group = v.group
			fmt.Fprintf(&want, "\n### %s\n\n| value | default | what it is |\n|---|---|---|\n", group)
		}
		text, err := json.Marshal(v.is)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&want, "| `%s` | `%s` | %s |\n", v.path, text, strings.ReplaceAll(v.what, "|", `\|`))
	}
	if *update {
		if err := os.WriteFile(path, []byte(want.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if string(is) != want.String() {
		t.Error("the table of README.md isn't what values.yaml says: " + updating)
	}
}

// TestAlerts holds the alerts of the chart to those that vbcvault prints: all are there,
// with what they say in Prometheus' own words.
func TestAlerts(t *testing.T) {
	t.Parallel()
	path := filepath.Join(chartDir, "files", "alerts.yaml")
	is, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := printed(t, "metrics", "alerts")
	if *update {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return // another test may be writing the schema
	}
	if !bytes.Equal(is, want) {
		t.Error("files/alerts.yaml isn't what vbcvault metrics alerts prints: " + updating)
	}
	alerts := 0
	for _, g := range deployed(t, loaded(t), valuesOf(t, sets(t)["everything"])).rules[0].Spec.Groups {
		for _, r := range g.Rules {
			alerts++
			if !strings.Contains(string(want), "alert: "+r.Alert+"\n") || r.Annotations["summary"] == "" || r.Expr == "" {
				t.Errorf("%+v isn't what vbcvault prints", r)
			}
		}
	}
	if n := strings.Count(string(want), "- alert: "); n != alerts {
		t.Errorf("%d alerts of %d", alerts, n)
	}
}

// updating is how what is made of something else is made again.
const updating = "go -C cmd/release/charttest test . -run 'TestSchema$|TestReadme$|TestAlerts$' -update"
