package charttest

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/lint"
	"helm.sh/helm/v3/pkg/lint/support"
	"sigs.k8s.io/yaml"
)

const (
	release   = "night"
	namespace = "calls"
)

// loaded is the chart; each test has one of its own to change.
func loaded(t *testing.T) *chart.Chart {
	t.Helper()
	c, err := loader.Load(chartDir)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// valuesOf reads a file of values.
func valuesOf(t *testing.T, path string) map[string]any {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	values, err := chartutil.ReadValues(text)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return values
}

// sets are the sets of values that are tried.
func sets(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) < 4 {
		t.Fatalf("there are %d sets of values: %v", len(files), err)
	}
	all := map[string]string{}
	for _, f := range files {
		all[strings.TrimSuffix(filepath.Base(f), ".yaml")] = f
	}
	return all
}

// rendered does what helm template does.
func rendered(c *chart.Chart, values map[string]any) (map[string]string, error) {
	caps := chartutil.DefaultCapabilities.Copy()
	options := chartutil.ReleaseOptions{Name: release, Namespace: namespace, Revision: 1, IsInstall: true}
	all, err := chartutil.ToRenderValues(c, values, options, caps)
	if err != nil {
		return nil, err
	}
	return engine.Render(c, all)
}

// deployed is what Kubernetes is sent with a set of values.
func deployed(t *testing.T, c *chart.Chart, values map[string]any) *objects {
	t.Helper()
	files, err := rendered(c, values)
	if err != nil {
		t.Fatal(err)
	}
	o := &objects{notes: files[c.Name()+"/templates/NOTES.txt"]}
	for name, text := range files {
		if filepath.Ext(name) != ".yaml" {
			continue
		}
		for _, doc := range regexp.MustCompile(`(?m)^---$`).Split(text, -1) {
			if strings.TrimSpace(doc) != "" {
				o.add(t, name, doc)
			}
		}
	}
	return o
}

// strict reads a document as Kubernetes does that refuses what it doesn't know. Go takes
// a field whatever its letters' case, and Kubernetes doesn't: what isn't there any more
// when the value is written again was no field.
func strict(t *testing.T, name, doc string, into any) {
	t.Helper()
	if err := yaml.UnmarshalStrict([]byte(doc), into); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, doc)
	}
	var before, after any
	again, err := json.Marshal(into)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal([]byte(doc), &before); err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(again))
	if err := d.Decode(&after); err != nil {
		t.Fatal(err)
	}
	for _, lost := range missing("", before, after) {
		t.Errorf("%s: %s is no field of a %T, or is empty", name, lost, into)
	}
}

// missing are the paths of before that after doesn't have.
func missing(at string, before, after any) (all []string) {
	switch b := before.(type) {
	case map[string]any:
		a, _ := after.(map[string]any)
		for key, value := range b {
			if _, ok := a[key]; !ok {
				all = append(all, at+"."+key)
				continue
			}
			all = append(all, missing(at+"."+key, value, a[key])...)
		}
	case []any:
		a, _ := after.([]any)
		if len(a) != len(b) {
			return append(all, at)
		}
		for i := range b {
			all = append(all, missing(at+"[]", b[i], a[i])...)
		}
	}
	return all
}

// TestLint has Helm look at the chart: with each set of values it finds nothing, and
// without any it finds that values are needed, and no mistake.
func TestLint(t *testing.T) {
	t.Parallel()
	all := sets(t)
	all["none"] = ""
	for name, file := range all {
		values := map[string]any{}
		if file != "" {
			values = valuesOf(t, file)
		}
		for _, m := range lint.All(chartDir, values, namespace, true).Messages {
			if m.Severity > support.InfoSev {
				t.Errorf("%s: %s", name, m)
			}
		}
	}
}

// TestDecoded decodes what comes of each set of values.
func TestDecoded(t *testing.T) {
	t.Parallel()
	for name, file := range sets(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			deployed(t, loaded(t), valuesOf(t, file))
		})
	}
}

// allValues are all sets of values, and those that the chart's README shows.
func allValues(t *testing.T) map[string]map[string]any {
	t.Helper()
	all := map[string]map[string]any{}
	for name, file := range sets(t) {
		all[name] = valuesOf(t, file)
	}
	text, err := os.ReadFile(filepath.Join(chartDir, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(blocks) < 4 {
		t.Fatalf("README.md shows %d sets of values", len(blocks))
	}
	for i, b := range blocks {
		values, err := chartutil.ReadValues([]byte(b[1]))
		if err != nil {
			t.Fatalf("README.md: %v\n%s", err, b[1])
		}
		all["readme-"+itoa(i+1)] = values
	}
	return all
}

func itoa[N int | int32](n N) string { return strconv.Itoa(int(n)) }

// inside is a mapping within values.
func inside(t *testing.T, values map[string]any, path ...string) map[string]any {
	t.Helper()
	for _, key := range path {
		next, ok := values[key].(map[string]any)
		if !ok {
			t.Fatalf("the values have no %s", strings.Join(path, "."))
		}
		values = next
	}
	return values
}
